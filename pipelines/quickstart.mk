# From WordNet's glosses to contextual vectors in a few minutes: `make quickstart`, or
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

.PHONY: show
show: pipeline $(OUT)/$(WORD).vectors $(OUT)/training.svg
	@BIN=$(BIN) $(HERE)summary.sh $(OUT) $(STAGES)
	@for sense in $(SENSES); do \
	    echo; echo "Nearest to: $$sense"; \
	    $(TOOL)encode --quiet $(COMMON_FLAGS) --neighbours 5 --query "$$sense" \
	        --model $(MODEL) --table $(OUT)/table.shard $(OUT)/$(WORD).vectors || exit 1; \
	done
	@echo; echo "Likeliest after: $(BEGINNING)"
	@echo $(call quoted,$(BEGINNING)) | $(TOOL)tokenize --quiet $(TOKENIZE_FLAGS) \
	    | $(TOOL)bench score --quiet $(COMMON_FLAGS) --model $(MODEL) --table $(OUT)/table.shard --next 5
	@echo; echo "The training curve: $(OUT)/training.svg"
