#!/bin/bash
# Started as a program, this file is a script of the next line, and make takes that line for a part of this comment: \
"$(dirname "$0")/one-billion-check.sh" "$@" > /dev/null || exit; exec make -f "$0" "$@"
#
# The paper's recipe (Li, Chen, Hsieh and Chang 2019) on the paper's text, the One Billion Word Benchmark: ELMo-C, ELMo-A, ELMo-Sub
# and ELMo at their published sizes, ten passes each, from the extracted folder to models, vectors and a table of results beside the
# paper's figures.
#
#   pipelines/one-billion.mk CORPUS=1-billion-word-language-modeling-benchmark-r13output VECTORS=crawl-300d-2M.vec
#   pipelines/one-billion.mk CORPUS=… VECTORS=… DEVICE=cuda SYSTEMS=elmo-c
#   pipelines/one-billion.mk CORPUS=… VECTORS=… DEVICE=cluster HOSTS=hosts.txt
#   pipelines/one-billion.mk CORPUS=… FILES=2 EPOCHS=1 PRESET=small BATCH=64 TRAIN_FLAGS='--time 30m'     # to try it
#
# docs/one-billion.md says where the text and the vectors come from, how long it all takes, and how much memory and disk. The folder
# is looked at before anything is made: as a program this file ends with a status of sysexits.h then, by make -f with make's own, 2.
#
# Results: OUT/SYSTEM.safetensors, OUT/SYSTEM.vectors.shard and OUT/results.txt. Every stage can be stopped, or killed: the same
# command goes on, training from its last checkpoint. A stage runs again, with those that follow from it, when its files or options
# have changed. Where it is computed is no such option: training that was begun on a processor goes on with DEVICE=cuda.

# The benchmark's folder, extracted.
CORPUS ?=
OUT ?= one-billion
# The first so many of the 99 training files, and of the 50 held-out ones. The first held-out file is the test text; train scores
# itself on the others.
FILES ?= 99
HELD_OUT_FILES ?= 50
# Pre-trained vectors of ELMo-C and ELMo-A: the paper's are fastText's crawl-300d-2M. Without them, fastText makes some from the text.
VECTORS ?=
FASTTEXT_FLAGS ?= -dim 300 -minCount 5 -epoch 5
SYSTEMS ?= elmo-c elmo-a elmo-sub elmo
# Text to encode, cut into words at its white space.
ENCODE ?=
# cpu, cuda (an NVIDIA GPU), or cluster: the hosts of the file HOSTS, one a line as cluster.mk has it, which share this folder. The number
# before a host is of the texts that it cuts at the same time, and says nothing of training; see RANKS.
DEVICE ?= cpu
HOSTS ?=

# The recipe. FEWEST and MERGES make the words and the units: words that come three times, and about 32,000 units.
EPOCHS ?= 10
SEED ?= 1
FEWEST ?= 3
MERGES ?= 30000
# PRESET and BATCH take the place of all that follow.
PRESET ?=
BATCH ?=
PRESET_elmo-c ?= $(or $(PRESET),elmo-c)
PRESET_elmo-a ?= $(or $(PRESET),elmo-a)
PRESET_elmo-sub ?= $(or $(PRESET),elmo-sub)
PRESET_elmo ?= $(or $(PRESET),elmo)
# Streams of text, those of one of the paper's GPUs.
BATCH_elmo-c ?= $(or $(BATCH),768)
BATCH_elmo-a ?= $(or $(BATCH),256)
BATCH_elmo-sub ?= $(or $(BATCH),320)
BATCH_elmo ?= $(or $(BATCH),128)
RECIPE_elmo-c ?= elmo-c
RECIPE_elmo-a ?= elmo-c
RECIPE_elmo-sub ?= elmo-c
RECIPE_elmo ?= elmo
# The lanes of a batch, which ranks share (docs/training.md). A training depends on its lanes, and not on its ranks, nor on the device. By
# default there are as many as RANKS need, one on one machine. Set them from the start where a run may move to a cluster, or go on with
# more ranks: LANES=16 serves 1, 2, 4, 8 and 16 ranks.
LANES ?=
# Options of every training, and those of one.
TRAIN_FLAGS ?=
TRAIN_FLAGS_elmo-c ?=
TRAIN_FLAGS_elmo-a ?=
TRAIN_FLAGS_elmo-sub ?=
TRAIN_FLAGS_elmo ?=
ENCODE_FLAGS ?=
# Options of every tool that change no result, such as --threads 8 or --quiet: a change of them runs nothing again.
COMMON_FLAGS ?=

# What computes: what starts train, and the options of train and encode. A cluster starts train as RANKS processes by MPI, by default
# one for each line of HOSTS, so that a host which is named twice has two; for hosts with 4 GPUs each, RANKS is 4 times their number, and
# DEVICE_FLAGS_cluster='--device cuda'. MPIEXEC is a command without options. MPIEXEC_FLAGS replace those that name the hosts to Open MPI.
# MPICH does not take these: MPIEXEC_FLAGS= for this machine alone, else MPIEXEC_FLAGS='-hosts a,b'.
MPIEXEC ?= mpiexec
MPIEXEC_FLAGS ?= --hostfile $(OUT)/stages/mpi-hosts
RANKS ?=
LAUNCH_cluster = $(MPIEXEC) $(MPIEXEC_FLAGS) -n $(RANK_COUNT)
DEVICE_FLAGS_cuda ?= --device cuda
DEVICE_FLAGS_cluster ?=
LAUNCH = $(LAUNCH_$(DEVICE))
DEVICE_FLAGS = $(DEVICE_FLAGS_$(DEVICE))

# $(call cluster,FOLDER,OPTIONS): how the hosts of a cluster cut the training text into words or units, with these options of tokenize.
# FOLDER then holds tokens/NAME.tok of every text file, and vocab.shard, which counts the words of all. Names are those of the text
# files, because it runs in their folder.
CLUSTER_MAKE ?= make
CLUSTER_FLAGS ?=
cluster = $(CLUSTER_MAKE) -C $(TRAINING_FOLDER) -f $(abspath $(HERE)cluster.mk) HOSTS=$(abspath $(HOSTS)) OUT=$(abspath $(1)) \
    TEXT='$(NAMES)' TOKENIZE_FLAGS='$(2)' $(if $(BIN),BIN=$(abspath $(BIN))) $(CLUSTER_FLAGS)

# BIN is the folder of the tools; what is done without it, tools.mk says.
HERE := $(dir $(lastword $(MAKEFILE_LIST)))
include $(HERE)variables.mk
include $(HERE)options.mk
include $(HERE)tools.mk

# Once all that is needed is there: the folders of the training and the held-out files, and how many hosts HOSTS names.
CHECKED := CORPUS OUT FILES HELD_OUT_FILES VECTORS SYSTEMS ENCODE DEVICE HOSTS MPIEXEC BIN RANKS LANES EPOCHS SEED FEWEST MERGES \
    PRESET BATCH $(foreach system,elmo-c elmo-a elmo-sub elmo,PRESET_$(system) BATCH_$(system) RECIPE_$(system))
FOUND := $(shell $(HERE)one-billion-check.sh $(foreach name,$(CHECKED),$(name)=$(call quoted,$($(name)))) 2>&1)
ifneq ($(.SHELLSTATUS),0)
$(error $(FOUND))
endif
TRAINING_FOLDER := $(word 1,$(FOUND))
HELD_OUT_FOLDER := $(word 2,$(FOUND))
HOST_COUNT := $(word 3,$(FOUND))
RANK_COUNT := $(or $(RANKS),$(HOST_COUNT))

NAMES := $(shell seq -f 'news.en-%05g-of-00100' $(FILES))
TEXTS := $(NAMES:%=$(TRAINING_FOLDER)/%)
HELD_OUT := $(shell seq -f '$(HELD_OUT_FOLDER)/news.en.heldout-%05g-of-00050' 0 $$(($(HELD_OUT_FILES) - 1)))
TEST := $(firstword $(HELD_OUT))
VALIDATION := $(or $(wordlist 2,$(HELD_OUT_FILES),$(HELD_OUT)),$(TEST))
ENCODED := $(or $(ENCODE),$(TEST))
TOKENS := $(NAMES:%=$(OUT)/words/tokens/%.tok)
UNITS := $(NAMES:%=$(OUT)/units/tokens/%.tok)
WORD_VECTORS := $(or $(VECTORS),$(OUT)/words.vec)

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DELETE_ON_ERROR:
# One after the other: each uses all processors, and what trains is timed.
.NOTPARALLEL:
.PHONY: one-billion
one-billion: $(OUT)/results.txt

# The stages in their order. Of each that stage.sh runs, the part of its command line that shapes its output.
STAGES := count vocabulary vectors table merges units validation validation-units test test-units \
    $(foreach system,$(SYSTEMS),$(addsuffix -$(system),train encode score))
OPTIONS_validation = --whitespace $(VALIDATION)
OPTIONS_test = --whitespace $(TEST)
OPTIONS_count = of $(FILES) files
OPTIONS_vocabulary = --min-count $(FEWEST)
OPTIONS_vectors = $(FASTTEXT_FLAGS)
OPTIONS_table = --vectors $(WORD_VECTORS)
OPTIONS_merges = --bpe $(MERGES)
OPTIONS_units = of $(FILES) files
OPTIONS_validation-units = $(OPTIONS_validation)
OPTIONS_test-units = $(OPTIONS_test)

# $(call unless-made,STAGE,OUTPUT): a prerequisite of OUTPUT that makes it anew if the stage's options have changed.
unless-made = $(call changed,$(2),$(OUT)/stages/$(1).options,$(OPTIONS_$(1)))
# $(call stage,STAGE,INPUT): what a command is run by; it prints the command.
stage = $(HERE)stage.sh $(OUT)/stages $(call quoted,$(STAGES)) $(1) $(call quoted,$(2)) $@ \
    $(if $(COUNT_$(1)),-w $(call quoted,$(COUNT_$(1)))) -o $(call quoted,$(OPTIONS_$(1))) --

$(OUT)/stages $(OUT)/runs $(OUT)/words/tokens $(OUT)/units/tokens:
	@mkdir -p $@

# The folder that the tokens are of: other text of an older date is not taken for the same.
$(OUT)/stages/corpus: $(call changed,$(OUT)/stages/corpus,$(OUT)/stages/corpus,$(TRAINING_FOLDER)) | $(OUT)/stages
	@$(call keep,$@,$(TRAINING_FOLDER))

# Tokens, a shard of each file, and the count of all. What a cluster has counted already it counts no second time.
UNIT_FLAGS = --whitespace --bpe $(abspath $(OUT)/codes)
ifeq ($(DEVICE),cluster)
$(TOKENS) &: $(TEXTS) $(OUT)/stages/corpus | $(OUT)/words/tokens
	$(call cluster,$(OUT)/words,--whitespace)
$(UNITS) &: $(TEXTS) $(OUT)/codes $(OUT)/stages/corpus | $(OUT)/units/tokens
	$(call cluster,$(OUT)/units,$(UNIT_FLAGS))
count = bash -c $(call quoted,$(call cluster,$(OUT)/$(1),$(2)) && cp $(OUT)/$(1)/vocab.shard $@.tmp && mv $@.tmp $@)
else
$(TOKENS): $(OUT)/words/tokens/%.tok: $(TRAINING_FOLDER)/% $(OUT)/stages/corpus | $(OUT)/words/tokens
	$(TOOL)tokenize $(COMMON_FLAGS) --whitespace -o $@ $<
$(UNITS): $(OUT)/units/tokens/%.tok: $(TRAINING_FOLDER)/% $(OUT)/codes $(OUT)/stages/corpus | $(OUT)/units/tokens
	$(TOOL)tokenize $(COMMON_FLAGS) $(UNIT_FLAGS) -o $@ $<
count = $(TOOL)build-vocab $(COMMON_FLAGS) -o $@ $(3)
endif
$(OUT)/validation.tok: $(VALIDATION) $(call unless-made,validation,$(OUT)/validation.tok) | $(OUT)/stages
	@$(call stage,validation,$(VALIDATION)) $(TOOL)tokenize $(COMMON_FLAGS) -o $@ $(OPTIONS_validation)
$(OUT)/test.tok: $(TEST) $(call unless-made,test,$(OUT)/test.tok) | $(OUT)/stages
	@$(call stage,test,$(TEST)) $(TOOL)tokenize $(COMMON_FLAGS) -o $@ $(OPTIONS_test)
$(OUT)/validation.units: $(VALIDATION) $(OUT)/codes $(call unless-made,validation-units,$(OUT)/validation.units)
	@$(call stage,validation-units,$(VALIDATION)) $(TOOL)tokenize $(COMMON_FLAGS) --bpe $(OUT)/codes -o $@ $(OPTIONS_validation)
$(OUT)/test.units: $(TEST) $(OUT)/codes $(call unless-made,test-units,$(OUT)/test.units)
	@$(call stage,test-units,$(TEST)) $(TOOL)tokenize $(COMMON_FLAGS) --bpe $(OUT)/codes -o $@ $(OPTIONS_test)

# All words, which get vectors, and those that the softmaxes tell apart. MERGES come of all words.
$(OUT)/all.vocab: $(TOKENS) $(call unless-made,count,$(OUT)/all.vocab)
	@$(call stage,count,$(TOKENS)) $(call count,words,--whitespace,$(TOKENS))
$(OUT)/words.vocab: $(OUT)/all.vocab $(call unless-made,vocabulary,$(OUT)/words.vocab)
	@$(call stage,vocabulary,$<) $(TOOL)build-vocab $(COMMON_FLAGS) $(OPTIONS_vocabulary) -o $@ $<
$(OUT)/codes: $(OUT)/all.vocab $(call unless-made,merges,$(OUT)/codes)
	@$(call stage,merges,$<) $(TOOL)build-vocab $(COMMON_FLAGS) $(OPTIONS_merges) -o $@ $<
$(OUT)/units.vocab: $(UNITS) $(call unless-made,units,$(OUT)/units.vocab)
	@$(call stage,units,$(UNITS)) $(call count,units,$(UNIT_FLAGS),$(UNITS))
# Words and sentence ends of a pass.
$(OUT)/positions: $(OUT)/all.vocab $(TEXTS)
	@$(TOOL)build-vocab --print $< | awk -F'\t' -v lines="$$(cat $(TEXTS) | wc -l)" '{ n += $$2 } END { printf "%.0f\n", n + lines }' > $@

# fastText reads one file, and writes under the names themselves, so under others first. Its model is not needed.
$(OUT)/words.vec: $(TOKENS) $(call unless-made,vectors,$(OUT)/words.vec) | $(OUT)/stages
	$(TOOL)tokenize --print -o $(OUT)/words.txt $(TOKENS)
	@$(call stage,vectors,$(OUT)/words.txt) bash -c $(call quoted,fasttext skipgram -input $(OUT)/words.txt -output $@.tmp \
	    $(OPTIONS_vectors) -thread $$(nproc) -verbose 0 && rm $@.tmp.bin && mv $@.tmp.vec $@)
	@rm -f $(OUT)/words.txt
$(OUT)/table: $(OUT)/all.vocab $(WORD_VECTORS) $(call unless-made,table,$(OUT)/table)
	@$(call stage,table,$(WORD_VECTORS)) $(TOOL)embed-oov $(COMMON_FLAGS) $(OPTIONS_table) -o $@ $<

# The networks, besides their presets' sizes: so every preset makes every system.
NETWORK_elmo-c = --loss cosine --table $(OUT)/table --vocab $(OUT)/words.vocab
NETWORK_elmo-a = --output adaptive-softmax --table $(OUT)/table --vocab $(OUT)/words.vocab
NETWORK_elmo-sub = --input subwords --output subword-softmax --share-layers --tie --vocab $(OUT)/units.vocab
NETWORK_elmo = --input characters --output sampled-softmax --share-layers --vocab $(OUT)/words.vocab
TOKENS_elmo-c = $(TOKENS)
TOKENS_elmo-a = $(TOKENS)
TOKENS_elmo-sub = $(UNITS)
TOKENS_elmo = $(TOKENS)
HELD_elmo-c = tok
HELD_elmo-a = tok
HELD_elmo-sub = units
HELD_elmo = tok
# What they are trained with besides text.
NEEDS_elmo-c = $(OUT)/table $(OUT)/words.vocab
NEEDS_elmo-a = $(OUT)/table $(OUT)/words.vocab
NEEDS_elmo-sub = $(OUT)/units.vocab
NEEDS_elmo = $(OUT)/words.vocab
# What encode and bench score read besides the model.
READS_elmo-c = --table $(OUT)/table
READS_elmo-a = --table $(OUT)/table
READS_elmo-sub = --bpe $(OUT)/codes
SCORED_elmo-c = --table $(OUT)/table --vocab $(OUT)/words.vocab
SCORED_elmo-a = --table $(OUT)/table --vocab $(OUT)/words.vocab
SCORED_elmo-sub = --vocab $(OUT)/units.vocab
SCORED_elmo = --vocab $(OUT)/words.vocab

# Writes the hosts in the form of Open MPI, with as many processes for each line; by train's recipe, for that is all that needs it. Open MPI
# wants a host once, whatever its user, and knows this machine by each of its names.
write-hosts = awk -v slots=$$(( ($(RANK_COUNT) + $(HOST_COUNT) - 1) / $(HOST_COUNT) )) -v here="$$(hostname)" '$$1 !~ /^\043/ && NF { \
    sub(/[ \t]\043.*/, ""); host = $$NF; sub(/.*\//, "", host); name = host; sub(/.*@/, "", name); \
    if (name == ":" || name == "127.0.0.1" || name == here || index(here, name ".") == 1) host = name = "localhost"; \
    if (!(name in sum)) hosts[++count] = host; names[host] = name; sum[name] += slots } \
    END { for (i = 1; i <= count; i++) print hosts[i] " slots=" sum[names[hosts[i]]] }' $(HOSTS) > $(OUT)/stages/mpi-hosts

# With a blank at its end.
LANE_OPTION = $(if $(LANES),--lanes $(LANES) )

# one-system NAME: its training, its vectors, its scores. Checkpoints of other options, or of an earlier text, are of no use; those of a
# finished run have served. OUT/stages/NAME.devices says where it was trained.
define one-system
OPTIONS_train-$(1) = --preset $$(PRESET_$(1)) --recipe $$(RECIPE_$(1)) --epochs $$(EPOCHS) --batch $$(BATCH_$(1)) --seed $$(SEED) \
    $$(LANE_OPTION)$$(NETWORK_$(1)) --held-out $(OUT)/validation.$(HELD_$(1)) $$(TRAIN_FLAGS) $$(TRAIN_FLAGS_$(1))
TRAIN_$(1) = $(TOOL)train $$(COMMON_FLAGS) $$(DEVICE_FLAGS) $$(OPTIONS_train-$(1))
$(OUT)/$(1).safetensors: $(TOKENS_$(1)) $(OUT)/validation.$(HELD_$(1)) $(NEEDS_$(1)) \
    $$(call unless-made,train-$(1),$(OUT)/$(1).safetensors) | $(OUT)/stages $(OUT)/runs
	@$(HERE)begin.sh $(OUT)/stages/$(1).begun $$(call quoted,$$(OPTIONS_train-$(1))) \
	    $$(call quoted,$$(TRAIN_$(1)) --quiet --dry-run $(TOKENS_$(1))) $$(filter-out FORCE,$$^) -- \
	    $(OUT)/runs/$(1).checkpoints $(OUT)/stages/$(1).devices
	@echo $(DEVICE) >> $(OUT)/stages/$(1).devices$(if $(LAUNCH), && $$(write-hosts))
	@$$(call stage,train-$(1),$(TOKENS_$(1))) $$(LAUNCH) $$(TRAIN_$(1)) --log $(OUT)/runs/$(1)-$$(SEED).words.jsonl \
	    --checkpoints $(OUT)/runs/$(1).checkpoints --resume -o $$@ $(TOKENS_$(1))
	@rm -rf $(OUT)/runs/$(1).checkpoints $(OUT)/stages/$(1).begun

OPTIONS_encode-$(1) = $$(ENCODE_FLAGS) --whitespace $$(ENCODED)
COUNT_encode-$(1) = $(TOOL)tokenize --quiet --whitespace $$(ENCODED) | $(TOOL)tokenize --print | wc -w
$(OUT)/$(1).vectors.shard: $(OUT)/$(1).safetensors $$(ENCODED) $$(call unless-made,encode-$(1),$(OUT)/$(1).vectors.shard)
	@$$(call stage,encode-$(1),$$(ENCODED)) $(TOOL)encode $$(COMMON_FLAGS) $$(DEVICE_FLAGS) --model $$< $$(READS_$(1)) -o $$@ \
	    $$(OPTIONS_encode-$(1))

OPTIONS_score-$(1) = $$(SCORED_$(1)) $(OUT)/test.$(HELD_$(1))
$(OUT)/$(1).score.jsonl: $(OUT)/$(1).safetensors $(OUT)/test.$(HELD_$(1)) $$(call unless-made,score-$(1),$(OUT)/$(1).score.jsonl)
	@$$(call stage,score-$(1),$(OUT)/test.$(HELD_$(1))) $(TOOL)bench score --quiet $$(COMMON_FLAGS) --model $$< --json $$@ -o /dev/null \
	    $$(OPTIONS_score-$(1))
endef
$(foreach system,$(SYSTEMS),$(eval $(call one-system,$(system))))

# A table of the systems that are here, and the paper's figures.
export COMMAND = pipelines/one-billion.mk $(MAKEOVERRIDES)
export TEXT = $(FILES) files of the One Billion Word Benchmark
export SEEDS = $(SEED)
SMALLER := $(strip $(filter-out FILES=99 EPOCHS=10 PRESET=,FILES=$(FILES) EPOCHS=$(EPOCHS) PRESET=$(PRESET)) $(TRAIN_FLAGS))
OPTIONS_results = $(SYSTEMS), seed $(SEED)
# A system after the other: the vectors of the first are there before the second is trained.
$(OUT)/results.jsonl: $(foreach system,$(SYSTEMS),$(addprefix $(OUT)/$(system).,safetensors vectors.shard score.jsonl)) $(OUT)/positions \
    $(call unless-made,results,$(OUT)/results.jsonl)
	@VERSION=$$($(TOOL)bench --version | sed 's/.* //') WHOLE=$$(cat $(OUT)/positions) $(HERE)compare-results.sh $(OUT) $(SYSTEMS) > $@
	@$(call keep,$(OUT)/stages/results.options,$(OPTIONS_results))
$(OUT)/results.txt: $(OUT)/results.jsonl
	@{ BIN=$(BIN) $(HERE)compare-table.sh $< && echo && \
	    BIN=$(BIN) SMALLER=$(call quoted,$(SMALLER)) $(HERE)one-billion-results.sh $(OUT) $(SYSTEMS); } > $@
	@cat $@
