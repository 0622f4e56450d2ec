# From WordNet's glosses to contextual vectors, what they know, and a page about them, in a few minutes: `make quickstart`, or
#
#   make -f pipelines/quickstart.mk [OUT=quickstart] [LINES=3000] [TRAIN_FLAGS='--preset tiny']
#
# Needs Debian's wordnet-base, fasttext and gnuplot-nox, and the tools built. What generic.mk says of options, and of stages that
# run again, holds here too.

OUT ?= quickstart
WORDNET ?= /usr/share/wordnet
# Lines of text to use; empty for all.
LINES ?=
# The word whose senses are shown at the end, and a sentence for each.
WORD ?= bank
SENSES ?= "he sat on the [bank] of the river" "he took the money to the [bank]"
# The beginning whose likeliest next words are shown.
BEGINNING ?= a large body of

TEXT := $(OUT)/corpus.txt
HELD_OUT := $(OUT)/held-out.txt
VECTORS := $(OUT)/words.vec
TOKENIZE_FLAGS ?= --lowercase
TRAIN_FLAGS ?= --preset small --epochs 0.7 --evaluations 5
# fastText: its default of 2,000,000 buckets makes an 800 MB model, and its words come in at least MIN_COUNT times.
DIMENSION ?= 100
MIN_COUNT ?= 3
EPOCHS ?= 3

# How the senses of words are told apart: options of bench probe.
PROBE_FLAGS ?=

# FIRST is build where that has been a stage, too.
FIRST ?=
STAGES = $(FIRST) text tokenize held-out build-vocab fasttext embed-oov train encode
OPTIONS_text = $(if $(LINES),$(LINES) lines,all) of $(WORDNET)
OPTIONS_fasttext = -dim $(DIMENSION) -bucket 50000 -minCount $(MIN_COUNT) -epoch $(EPOCHS)
COUNT_fasttext = $(COUNT_build-vocab)

.PHONY: quickstart
quickstart: show

include $(dir $(lastword $(MAKEFILE_LIST)))generic.mk

# A gloss a line: what follows the bar in WordNet's data files. Every 50th is held out.
WORDNET_FILES := $(foreach kind,noun verb adj adv,$(WORDNET)/data.$(kind))
GLOSSES = sed -n 's/^[0-9]\{8\} .* | //p' $(WORDNET_FILES) \
    $(if $(LINES),| awk -v lines=$(LINES) '{ line[NR] = $$0 } END { step = NR / lines; if (step < 1) step = 1; \
        for (i = 1; i <= NR; i += step) print line[int(i)] }')

$(OUT)/glosses.txt: $(call unless-made,text,$(OUT)/glosses.txt) | $(OUT)/stages
	@$(call stage,text,$(WORDNET_FILES)) bash -o pipefail -c $(call quoted,$(GLOSSES) > $@.tmp && mv $@.tmp $@)

$(TEXT): $(OUT)/glosses.txt
	awk 'NR % 50' $< > $@.tmp
	@mv $@.tmp $@

$(HELD_OUT): $(OUT)/glosses.txt
	awk 'NR % 50 == 0' $< > $@.tmp
	@mv $@.tmp $@

$(OUT)/corpus.tokens.txt: $(OUT)/corpus.tok
	$(TOOL)tokenize --print -o $@ $<

# fastText writes under the names themselves, so under others first. Its model is not needed.
$(VECTORS): $(OUT)/corpus.tokens.txt $(call unless-made,fasttext,$(VECTORS))
	@$(call stage,fasttext,$<) bash -c $(call quoted,fasttext skipgram -input $< -output $@.tmp $(OPTIONS_fasttext) \
	    -thread 2 -verbose 0 && rm $@.tmp.bin && mv $@.tmp.vec $@)

# The sentences with the word, found by grep: the tools are filters like any other.
$(OUT)/$(WORD).vectors: $(OUT)/corpus.tokens.txt $(MODEL) $(OUT)/table.shard
	grep -w -- $(WORD) $< | $(TOOL)encode $(COMMON_FLAGS) --whitespace --layers top --model $(MODEL) \
	    --table $(OUT)/table.shard -o $@

$(OUT)/training.svg: $(MODEL)
	$(HERE)plots/training.sh $(OUT)/train.jsonl -o $@

# Which class of meanings a word belongs to in an example of WordNet's: a task that shows what the vectors are worth.
SENSES_OF := $(HERE)wordnet-senses.awk
$(OUT)/senses.train $(OUT)/senses.test: $(WORDNET_FILES) $(SENSES_OF) | $(OUT)/stages
	@awk -v part=$(subst .,,$(suffix $@)) -f $(SENSES_OF) $(WORDNET)/noun.exc $(WORDNET)/verb.exc \
	    pass=1 $(WORDNET_FILES) pass=2 $(WORDNET_FILES) > $@.tmp
	@mv $@.tmp $@

$(OUT)/senses.jsonl: $(OUT)/senses.train $(OUT)/senses.test $(MODEL) $(OUT)/table.shard
	@echo "== senses of words" >&2
	@$(TOOL)bench probe $(COMMON_FLAGS) $(PROBE_FLAGS) --train $(OUT)/senses.train --test $(OUT)/senses.test \
	    --table $(OUT)/table.shard --word-vectors --names 'this model' --json $@ -o $(OUT)/senses.txt $(MODEL)

$(OUT)/results.jsonl: $(OUT)/senses.jsonl $(MODEL)
	@COMMAND='make quickstart' TEXT="WordNet's glosses" VERSION=$$($(TOOL)bench --version | sed 's/.* //') \
	    $(HERE)machine-record.sh > $@.tmp
	@awk -v system_name='this model' -v curves=1 -f $(HERE)scores.awk $(OUT)/train.jsonl >> $@.tmp
	@cat $(OUT)/senses.jsonl >> $@.tmp
	@mv $@.tmp $@

$(OUT)/report.html: $(OUT)/results.jsonl
	@$(TOOL)bench report --quiet --title 'A first model, of WordNet' $< -o $@

.PHONY: show
show: pipeline $(OUT)/$(WORD).vectors $(OUT)/training.svg $(OUT)/report.html
	@echo; echo "Each stage: its seconds, the megabytes that it read and wrote, and how many words of its text it did in a second."
	@BIN=$(BIN) $(HERE)summary.sh $(OUT) $(STAGES)
	@echo
	@echo "This is how well the model predicts the next word (forward) or the one before (backward) in glosses that it has not read:"
	@echo "how often the right word is its first choice, or among its first ten, and its perplexity, which is lower the better it"
	@echo "predicts. The unigram model gives every word its share of the text; a model that is better has learned something."
	@echo
	@echo "What the vectors are worth: a linear classifier reads them and says to which of WordNet's 45 classes of meanings, such as"
	@echo "noun.animal or verb.motion, an ambiguous word belongs in an example sentence. A word vector is the same in every sentence;"
	@echo "the model's vector depends on the sentence. The layer weights say how much of each layer the classifier uses."
	@echo
	@sed -n '/^system/,$$p' $(OUT)/senses.txt
	@echo
	@echo "Which uses of a word the model takes for similar: the glosses with \"$(WORD)\" in which some word's vector is nearest to that"
	@echo "of the word in brackets. The number is the cosine of the two vectors, which is 1 if they are alike."
	@for sense in $(SENSES); do \
	    echo; echo "Nearest to: $$sense"; \
	    $(TOOL)encode --quiet $(COMMON_FLAGS) --neighbours 5 --query "$$sense" \
	        --model $(MODEL) --table $(OUT)/table.shard $(OUT)/$(WORD).vectors || exit 1; \
	done
	@echo; echo "The likeliest next words and their probabilities, p, after: $(BEGINNING)"
	@echo $(call quoted,$(BEGINNING)) | $(TOOL)tokenize --quiet $(TOKENIZE_FLAGS) \
	    | $(TOOL)bench score --quiet $(COMMON_FLAGS) --model $(MODEL) --table $(OUT)/table.shard --next 5
	@echo; echo "All of it on a page to open: $(OUT)/report.html; the training curve alone: $(OUT)/training.svg"
