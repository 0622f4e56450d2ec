# Quality at equal cost: ELMo-C with the cosine and with the contrastive loss, ELMo-A, ELMo, ELMo-Sub and a full softmax on one
# corpus, for the same number of words and for the same wall time, with several seeds; how well each predicts the next word, and
# what its frozen vectors are worth in a labelled task, beside the word vectors alone:
#
#   make -f pipelines/compare.mk TEXT='news.txt.gz books.txt' OUT=compare \
#       PROBE_TRAIN=train.conll PROBE_TEST=test.conll PROBE_COLUMNS='4 2'
#
# With ENCODERS it compares encoders and objectives in place of output layers, all with one loss:
#
#   make -f pipelines/compare.mk TEXT=news.txt OUT=encoders ENCODERS='lstm qrnn sru transformer masked-lstm masked-transformer'
#
# For the same words, each system reads EPOCHS of the text. For the same time, each trains for as long as the first system took
# for that with the same seed: a slower system's model is written when the time is up, and the run goes on; a faster one's when
# the words are through, and it goes on into further passes. ELMo and ELMo-Sub need no word vectors: where these are made here,
# the two also train for as long as ELMo-C with its vectors took. So nothing else may run on the machine. The rate is constant
# after its warm-up, so that a run that is cut short is not one that would have ended otherwise.
#
# Results: OUT/results.jsonl, OUT/results.txt (a table) and OUT/results.html. Every file in between is kept, with its options in
# OUT/options: it is made again when these or its files have changed. A run that was interrupted goes on where it was; with other
# options, text or vectors it begins anew.

# Text files, plain or compressed (.gz, .lz4, .xz, .zst, .bz2), a sentence or paragraph a line.
TEXT ?=
OUT ?= compare
# Every n-th line is kept from training, unless HELD_OUT names text of its own.
HELD_OUT ?=
HELD_OUT_EVERY ?= 100
# Pre-trained vectors; without them, fastText makes some from the text.
VECTORS ?=
DIMENSION ?= 100
# The encoder, how much text, and the random draws.
PRESET ?= small
EPOCHS ?= 1
SEEDS ?= 1 2 3
# The words of the softmaxes, which are also the words that all predictions are ranked among; the units of ELMo-Sub.
VOCABULARY ?= 20000
CANDIDATES ?= 10000
MERGES ?= 4000
# How ELMo and ELMo-A are made at this size.
NEGATIVES ?= 2048
FILTERS ?= 1:16,2:16,3:32,4:64,5:64
CUTOFFS ?= 2000,8000
TOKENIZE_FLAGS ?= --lowercase
TRAIN_FLAGS ?= --evaluations 8
# Labelled text in CoNLL columns, and which columns are labels; without it there is no probe.
PROBE_TRAIN ?=
PROBE_TEST ?=
PROBE_COLUMNS ?= 4
PROBE_FLAGS ?=
# Options of every tool, such as --threads 2: a change of them trains again, because it changes what a time is worth.
COMMON_FLAGS ?=

HERE := $(dir $(lastword $(MAKEFILE_LIST)))
include $(HERE)variables.mk
include $(HERE)options.mk
include $(HERE)tools.mk
TRAIN ?= $(TOOL)train

# Whatever is missing is missed now, not after an hour.
ifneq ($(words $(OUT)),1)
$(error OUT must be a folder's name without blanks: $(OUT))
endif
ifeq ($(shell command -v gnuplot 2> /dev/null),)
$(error gnuplot is missing, which draws the results: apt install gnuplot-nox)
endif
ifeq ($(strip $(VECTORS))$(shell command -v fasttext 2> /dev/null),)
$(error fasttext is missing: apt install fasttext, or set VECTORS)
endif
ifneq ($(if $(PROBE_TRAIN),1),$(if $(PROBE_TEST),1))
$(error a probe needs both PROBE_TRAIN and PROBE_TEST)
endif
MISSING := $(foreach file,$(TEXT) $(HELD_OUT) $(VECTORS) $(PROBE_TRAIN) $(PROBE_TEST),$(if $(wildcard $(file)),$(if $(wildcard $(file)/.),$(file)),$(file)))
ifneq ($(strip $(MISSING)),)
$(error there is no file $(strip $(MISSING)); names with blanks are not taken)
endif

# Encoders to compare, in place of SYSTEMS; masked- before a name trains it on masked words. All have the loss LOSS, and about as many
# weights in a direction as the LSTM of the preset small; the options of each may be set (SIZE_qrnn='--cell 512').
ENCODERS ?=
LOSS ?= contrastive
SIZE_lstm ?=
SIZE_gru ?= --cell 320
SIZE_qrnn ?= --cell 320
SIZE_sru ?= --cell 448
SIZE_transformer ?= --width 128
# Masked words need longer windows than an LSTM's 20: what stands beyond a window cannot be seen.
# Windows of one shape have the same words masked in held-out text.
SIZE_masked-lstm ?= --window 128 --batch 10
SIZE_masked-gru ?= $(SIZE_gru) --window 128 --batch 10
SIZE_masked-qrnn ?= $(SIZE_qrnn) --window 128 --batch 10
SIZE_masked-transformer ?= $(SIZE_transformer)
ALL_ENCODERS := lstm gru qrnn sru transformer masked-lstm masked-gru masked-qrnn masked-transformer
ifneq ($(filter-out $(ALL_ENCODERS),$(ENCODERS)),)
$(error ENCODERS are of $(ALL_ENCODERS), and there is no $(filter-out $(ALL_ENCODERS),$(ENCODERS)))
endif

# ELMo-C is the reference, and comes first; of ENCODERS it is the first. contrastive, mapped and trained are ELMo-C with the contrastive loss, by its targets.
SYSTEMS ?= $(if $(strip $(ENCODERS)),$(ENCODERS),ELMo-C contrastive mapped trained ELMo-A ELMo ELMo-Sub softmax)
ALL_SYSTEMS := ELMo-C contrastive mapped trained ELMo-A ELMo ELMo-Sub softmax
REFERENCE := $(firstword $(SYSTEMS))
ifeq ($(strip $(ENCODERS)),)
ifneq ($(REFERENCE),ELMo-C)
$(error SYSTEMS must begin with ELMo-C: it says how long the others may train)
endif
ifneq ($(filter-out $(ALL_SYSTEMS),$(SYSTEMS)),)
$(error SYSTEMS are of $(ALL_SYSTEMS), and there is no $(filter-out $(ALL_SYSTEMS),$(SYSTEMS)))
endif
else ifneq ($(strip $(SYSTEMS)),$(strip $(ENCODERS)))
$(error ENCODERS and SYSTEMS are different comparisons)
endif
# Systems without word vectors also get the time that these took.
WITHOUT_VECTORS := $(if $(VECTORS),,ELMo ELMo-Sub)
budgets = words time $(if $(filter $(1),$(WITHOUT_VECTORS)),vectors)

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DELETE_ON_ERROR:
.PHONY: compare
compare: $(OUT)/results.txt

ifeq ($(strip $(TEXT)),)
$(error TEXT is not set; try: make -f pipelines/compare.mk TEXT=corpus.txt)
endif

$(OUT)/runs:
	mkdir -p $@ $(OUT)/options

# $(call unless-made,FILE): a prerequisite of OUT/FILE that makes it anew if its options have changed; remember keeps them.
unless-made = $(call changed,$(OUT)/$(1),$(OUT)/options/$(notdir $(1)),$(OPTIONS_$(1)))
remember = @mkdir -p $(OUT)/options && $(call keep,$(OUT)/options/$(@F),$(OPTIONS_$(@:$(OUT)/%=%)))

# One text, cut into training and held-out lines.
TRAINING_LINES = $(HERE)split-lines.sh $(if $(HELD_OUT),0,$(HELD_OUT_EVERY)) train $(TEXT)
HELD_OUT_LINES = $(HERE)split-lines.sh $(if $(HELD_OUT),0 train $(HELD_OUT),$(HELD_OUT_EVERY) held-out $(TEXT))
TOKENIZE = $(TOOL)tokenize $(COMMON_FLAGS) $(TOKENIZE_FLAGS)

# Which options each file is of.
OPTIONS_train.tok = $(TOKENIZE_FLAGS) < every $(if $(HELD_OUT),0,$(HELD_OUT_EVERY)) of $(TEXT)
OPTIONS_held-out.tok = $(TOKENIZE_FLAGS) < $(if $(HELD_OUT),$(HELD_OUT),every $(HELD_OUT_EVERY) of $(TEXT))
OPTIONS_train.units = $(OPTIONS_train.tok)
OPTIONS_held-out.units = $(OPTIONS_held-out.tok)
OPTIONS_words.vocab = --max-size $(VOCABULARY)
OPTIONS_codes = --bpe $(MERGES)
OPTIONS_words.vec = -dim $(DIMENSION) -bucket 50000 -minCount 3 -epoch 3
OPTIONS_table = --vectors $(or $(VECTORS),$(OUT)/words.vec)

$(OUT)/train.tok: $(TEXT) $(call unless-made,train.tok) | $(OUT)/runs
	$(TRAINING_LINES) | $(TOKENIZE) -o $@
	$(remember)
$(OUT)/held-out.tok: $(or $(HELD_OUT),$(TEXT)) $(call unless-made,held-out.tok) | $(OUT)/runs
	$(HELD_OUT_LINES) | $(TOKENIZE) -o $@
	$(remember)
$(OUT)/train.units: $(TEXT) $(OUT)/codes $(call unless-made,train.units)
	$(TRAINING_LINES) | $(TOKENIZE) --bpe $(OUT)/codes -o $@
	$(remember)
$(OUT)/held-out.units: $(or $(HELD_OUT),$(TEXT)) $(OUT)/codes $(call unless-made,held-out.units)
	$(HELD_OUT_LINES) | $(TOKENIZE) --bpe $(OUT)/codes -o $@
	$(remember)
$(OUT)/all.vocab: $(OUT)/train.tok
	$(TOOL)build-vocab $(COMMON_FLAGS) $< -o $@
$(OUT)/words.vocab: $(OUT)/all.vocab $(call unless-made,words.vocab)
	$(TOOL)build-vocab $(COMMON_FLAGS) $(OPTIONS_words.vocab) $< -o $@
	$(remember)
$(OUT)/codes: $(OUT)/all.vocab $(call unless-made,codes)
	$(TOOL)build-vocab $(COMMON_FLAGS) $(OPTIONS_codes) $< -o $@
	$(remember)
$(OUT)/units.vocab: $(OUT)/train.units
	$(TOOL)build-vocab $(COMMON_FLAGS) $< -o $@
$(OUT)/words.vec: $(OUT)/train.tok $(call unless-made,words.vec)
	$(TOOL)tokenize --print $< > $(OUT)/train.words
	SECONDS=0; fasttext skipgram -input $(OUT)/train.words -output $(OUT)/words $(OPTIONS_words.vec) -thread 2 -verbose 0 \
	    && echo $$SECONDS > $(OUT)/words.seconds
	rm -f $(OUT)/train.words $(OUT)/words.bin
	$(remember)
$(OUT)/table: $(OUT)/all.vocab $(or $(VECTORS),$(OUT)/words.vec) $(call unless-made,table)
	$(TOOL)embed-oov $(COMMON_FLAGS) $(OPTIONS_table) $< -o $@
	$(remember)

INPUT_ELMo-C = --table $(OUT)/table --vocab $(OUT)/words.vocab --loss cosine
INPUT_contrastive = --table $(OUT)/table --vocab $(OUT)/words.vocab --loss contrastive
INPUT_mapped = $(INPUT_contrastive) --targets mapped
INPUT_trained = $(INPUT_contrastive) --targets trained
INPUT_softmax = --table $(OUT)/table --output softmax --vocab $(OUT)/words.vocab
INPUT_ELMo-A = --table $(OUT)/table --output adaptive-softmax --cutoffs $(CUTOFFS) --vocab $(OUT)/words.vocab
INPUT_ELMo = --input characters --filters $(FILTERS) --highways 1 --output sampled-softmax --negatives $(NEGATIVES) \
    --share-layers --vocab $(OUT)/words.vocab
INPUT_ELMo-Sub = --input subwords --output subword-softmax --share-layers --tie --vocab $(OUT)/units.vocab
TOKENS_ELMo-C = tok
TOKENS_contrastive = tok
TOKENS_mapped = tok
TOKENS_trained = tok
TOKENS_ELMo-A = tok
TOKENS_ELMo = tok
TOKENS_ELMo-Sub = units
TOKENS_softmax = tok
# What its probe needs.
PROBE_ELMo-C = --table $(OUT)/table
PROBE_contrastive = --table $(OUT)/table
PROBE_mapped = --table $(OUT)/table
PROBE_trained = --table $(OUT)/table
PROBE_ELMo-A = --table $(OUT)/table
PROBE_softmax = --table $(OUT)/table
PROBE_ELMo-Sub = --bpe $(OUT)/codes

# encoder-system NAME: what makes it.
define encoder-system
INPUT_$(1) = --table $$(OUT)/table --vocab $$(OUT)/words.vocab --loss $$(LOSS) --encoder $(1:masked-%=%) \
    $(if $(filter masked-%,$(1)),--objective masked) $$(SIZE_$(1))
TOKENS_$(1) = tok
PROBE_$(1) = --table $$(OUT)/table
endef
$(foreach encoder,$(ALL_ENCODERS),$(eval $(call encoder-system,$(encoder))))

FILES := $(OUT)/train.tok $(OUT)/held-out.tok $(OUT)/words.vocab $(OUT)/table \
    $(if $(strip $(ENCODERS)),,$(OUT)/units.vocab $(OUT)/train.units $(OUT)/held-out.units)
# Those that a system is trained with.
FILES_ELMo-C = $(OUT)/train.tok $(OUT)/held-out.tok $(OUT)/table $(OUT)/words.vocab
FILES_contrastive = $(FILES_ELMo-C)
$(foreach encoder,$(ALL_ENCODERS),$(eval FILES_$(encoder) = $$(FILES_ELMo-C)))
FILES_mapped = $(FILES_ELMo-C)
FILES_trained = $(FILES_ELMo-C)
FILES_ELMo-A = $(FILES_ELMo-C)
FILES_softmax = $(FILES_ELMo-C)
FILES_ELMo = $(OUT)/train.tok $(OUT)/held-out.tok $(OUT)/words.vocab
FILES_ELMo-Sub = $(OUT)/train.units $(OUT)/held-out.units $(OUT)/units.vocab

# $(call run-options,SYSTEM,SEED): of a training, all but how long it takes.
run-options = $(COMMON_FLAGS) --preset $(PRESET) --schedule constant --candidates $(CANDIDATES) --seed $(2) \
    --held-out $(OUT)/held-out.$(TOKENS_$(1)) $(INPUT_$(1)) $(TRAIN_FLAGS) $(OUT)/train.$(TOKENS_$(1))

# training SYSTEM SEED: both models of a run, and its log. The reference comes first: it says how long the others may train.
define training
OPTIONS_runs/$(1)-$(2).words.model = --epochs $$(EPOCHS) $$(call run-options,$(1),$(2))
$(OUT)/runs/$(1)-$(2).words.model: $$(FILES_$(1)) $(if $(filter-out $(REFERENCE),$(1)),$(OUT)/runs/$(REFERENCE)-$(2).words.model) \
    $$(call unless-made,runs/$(1)-$(2).words.model) | $(FILES)
	@$(HERE)begin.sh $(OUT)/options/$(1)-$(2).begun $$(call quoted,$$(OPTIONS_runs/$(1)-$(2).words.model)) \
	    $$(call quoted,$(TRAIN) --quiet --dry-run $$(call run-options,$(1),$(2))) $$(filter-out FORCE,$$^) -- $(OUT)/runs/$(1)-$(2).*
	$(if $(filter $(1),$(WITHOUT_VECTORS)),VECTOR_SECONDS=$(OUT)/words.seconds )$(HERE)equal-cost.sh $(OUT)/runs/$(1)-$(2) $(if $(filter-out $(REFERENCE),$(1)),$(OUT)/runs/$(REFERENCE)-$(2).words.jsonl,-) \
	    $$(EPOCHS) $(TRAIN) $$(call run-options,$(1),$(2))
	@rm -f $(OUT)/options/$(1)-$(2).begun
	$$(remember)
endef
# One seed after the other, so that an interrupted comparison has whole rows.
RUNS := $(foreach seed,$(SEEDS),$(foreach system,$(SYSTEMS),$(OUT)/runs/$(system)-$(seed).words.model))
$(foreach seed,$(SEEDS),$(foreach system,$(SYSTEMS),$(eval $(call training,$(system),$(seed)))))

# $(call probe-options,COLUMN): of a probe.
probe-options = $(PROBE_FLAGS) --train $(PROBE_TRAIN) --test $(PROBE_TEST) --column $(1)

# probe SYSTEM SEED BUDGET COLUMN
define probe
OPTIONS_runs/$(1)-$(2).$(3).probe-$(4) = $$(call probe-options,$(4)) $$(PROBE_$(1))
$(OUT)/runs/$(1)-$(2).$(3).probe-$(4): $(OUT)/runs/$(1)-$(2).words.model $(PROBE_TRAIN) $(PROBE_TEST) \
    $$(call unless-made,runs/$(1)-$(2).$(3).probe-$(4))
	$(TOOL)bench probe $$(COMMON_FLAGS) $$(call probe-options,$(4)) $$(PROBE_$(1)) \
	    --seeds 1 --seed $(2) --names $(1) --field budget=$(3) --field seed=$(2) --json $$@ $(OUT)/runs/$(1)-$(2).$(3).model
	$$(remember)
endef
define word-vectors-probe
OPTIONS_runs/word-vectors.probe-$(1) = $$(call probe-options,$(1)) --seeds $$(words $$(SEEDS))
$(OUT)/runs/word-vectors.probe-$(1): $(OUT)/table $(PROBE_TRAIN) $(PROBE_TEST) $$(call unless-made,runs/word-vectors.probe-$(1)) | $(OUT)/runs
	$(TOOL)bench probe $$(COMMON_FLAGS) $$(call probe-options,$(1)) \
	    --table $(OUT)/table --word-vectors --seeds $$(words $$(SEEDS)) --json $$@
	$$(remember)
endef
ifneq ($(strip $(PROBE_TRAIN)),)
# The first of them, before the first training, looks at the labelled text.
FIRST_PROBES := $(foreach column,$(PROBE_COLUMNS),$(OUT)/runs/word-vectors.probe-$(column))
PROBES := $(foreach column,$(PROBE_COLUMNS),\
    $(foreach seed,$(SEEDS),$(foreach system,$(SYSTEMS),$(foreach budget,$(call budgets,$(system)),\
    $(OUT)/runs/$(system)-$(seed).$(budget).probe-$(column)))))
$(foreach column,$(PROBE_COLUMNS),$(eval $(call word-vectors-probe,$(column))) \
    $(foreach seed,$(SEEDS),$(foreach system,$(SYSTEMS),$(foreach budget,$(call budgets,$(system)),\
    $(eval $(call probe,$(system),$(seed),$(budget),$(column)))))))
endif

# Nothing runs at the same time: what is measured is time.
.NOTPARALLEL:

export SEEDS PROBE_COLUMNS TEXT
export COMMAND = make -f pipelines/compare.mk $(MAKEOVERRIDES)
$(OUT)/results.jsonl: $(FIRST_PROBES) $(RUNS) $(PROBES)
	@rm -f $(OUT)/.*.tmp $(OUT)/runs/.*.tmp
	VERSION=$$($(TOOL)bench --version | sed 's/.* //') $(HERE)compare-results.sh $(OUT) $(SYSTEMS) > $@
$(OUT)/results.html: $(OUT)/results.jsonl
	$(TOOL)bench report --title 'Quality at equal cost' $< -o $@
$(OUT)/results.txt: $(OUT)/results.jsonl $(OUT)/results.html
	BIN=$(BIN) $(HERE)compare-table.sh $< > $@
	@cat $@; echo; echo "the page: $(OUT)/results.html"
