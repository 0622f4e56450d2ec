# A corpus of your own, from text to contextual vectors. Every stage is a target and can be run alone:
#
#   make -f pipelines/generic.mk TEXT='news.txt.gz books.txt' VECTORS=crawl-300d-2M.bin OUT=my-run
#   make -f pipelines/generic.mk … my-run/table.shard            # up to one stage
#   make -f pipelines/generic.mk … ENCODE_FLAGS='--layers top'   # what the changed option concerns, and what follows from it
#
# It works in any directory. Outputs appear whole or not at all, intermediate files are kept, and make -j is safe. The options of
# each stage are kept in OUT/stages: a stage runs again when its files or its options have changed, and so do those after it.
# Training that was interrupted, or killed, goes on where its last checkpoint was made; with other options, text or vectors it
# begins anew.

# Text files, plain or compressed (.gz, .lz4, .xz, .zst, .bz2), a sentence a line (TOKENIZE_FLAGS=--sentences splits running text).
TEXT ?=
# Pre-trained vectors: fastText .bin or .vec, GloVe, word2vec; all but .bin may be compressed.
VECTORS ?=
OUT ?= contour-run
# Text kept from training and encoded at the end. Without it, train keeps every 100th sentence for its scores.
HELD_OUT ?=

# Options of one stage each, without -o: every output has its name in OUT. Quotes are those of a shell, and a dollar sign is $$ for
# make. The vectors are named by --format: vectors.shard, vectors.npy (and vectors.offsets.npy), vectors.hdf5, vectors.json
# or vectors.txt.
TOKENIZE_FLAGS ?=
VOCAB_FLAGS ?=
TABLE_FLAGS ?=
TRAIN_FLAGS ?= --preset small
ENCODE_FLAGS ?= --layers all
# Options of every tool that change no result, such as --threads 8 or --quiet: a change of them runs nothing again.
COMMON_FLAGS ?=

# BIN is the folder of the tools; what is done without it, tools.mk says.
HERE := $(dir $(lastword $(MAKEFILE_LIST)))
include $(HERE)variables.mk
include $(HERE)options.mk
include $(HERE)tools.mk

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DELETE_ON_ERROR:

MODEL := $(OUT)/model.safetensors
HELD_OUT_SHARD := $(if $(strip $(HELD_OUT)),$(OUT)/held-out.tok)

# What encode writes, by its --format; encode itself refuses a form that is not known. The files beside the vectors, which it
# writes too, are the offsets of an array, and the tokens if their name needs no quotes.
ENCODE_WORDS := $(subst --tokens ,--tokens=,$(subst --format ,--format=,$(strip $(ENCODE_FLAGS))))
FORMAT := $(patsubst --format=%,%,$(lastword $(filter --format=%,$(subst ",,$(subst ',,$(ENCODE_WORDS))))))
NAME_npy := vectors.npy
NAME_hdf5 := vectors.hdf5
NAME_json := vectors.json
NAME_text := vectors.txt
VECTOR_FILE := $(OUT)/$(or $(NAME_$(FORMAT)),vectors.shard)
ENCODED := $(if $(strip $(HELD_OUT)),$(VECTOR_FILE))
SIDE_FILES := $(if $(filter npy,$(FORMAT)),$(OUT)/vectors.offsets.npy) \
    $(if $(findstring ',$(ENCODE_WORDS))$(findstring ",$(ENCODE_WORDS)),,$(patsubst --tokens=%,%,$(filter --tokens=%,$(ENCODE_WORDS))))

.PHONY: pipeline
pipeline: $(MODEL) $(ENCODED)

ifneq ($(words $(OUT)),1)
$(error OUT must be a folder's name without blanks: $(OUT))
endif
ifeq ($(strip $(TEXT)),)
$(error TEXT is not set; try: make -f $(HERE)generic.mk TEXT=corpus.txt VECTORS=vectors.vec)
endif
ifeq ($(strip $(VECTORS)),)
$(error VECTORS is not set; try: make -f $(HERE)generic.mk TEXT=corpus.txt VECTORS=vectors.vec)
endif

# $(call refuse-output,VARIABLE,OPTIONS): an error if one of the options is in the variable.
refuse-output = $(if $(filter $(2),$($(1))),$(error \
    $(1) holds $(firstword $(filter $(2),$($(1)))): the outputs have their names in OUT, now $(OUT); set OUT to have them elsewhere))
$(foreach flags,TOKENIZE VOCAB TABLE ENCODE COMMON,$(call refuse-output,$(flags)_FLAGS,-o -o=% --output --output=%))
# The --output of train is a layer.
$(call refuse-output,TRAIN_FLAGS,-o -o=%)

ifeq ($(FORMAT),npy-folder)
$(error ENCODE_FLAGS holds --format npy-folder, and make does not see whether all files of a folder are there; use another \
    form here, or run encode by itself)
endif

# The stages in their order, and of each the part of its command line that shapes its output.
STAGES ?= tokenize $(if $(HELD_OUT_SHARD),held-out) build-vocab embed-oov train $(if $(ENCODED),encode)
OPTIONS_tokenize = $(TOKENIZE_FLAGS) $(TEXT)
OPTIONS_held-out = $(TOKENIZE_FLAGS) $(HELD_OUT)
OPTIONS_build-vocab = $(VOCAB_FLAGS)
OPTIONS_embed-oov = $(TABLE_FLAGS) --vectors $(VECTORS)
OPTIONS_train = $(TRAIN_FLAGS) $(if $(HELD_OUT_SHARD),--held-out $(HELD_OUT_SHARD))
OPTIONS_encode = $(ENCODE_FLAGS)

COUNT_tokenize = $(TOOL)tokenize --print $(OUT)/corpus.tok | wc -w
COUNT_held-out = $(TOOL)tokenize --print $(OUT)/held-out.tok | wc -w
COUNT_build-vocab = $(TOOL)build-vocab --print $(OUT)/vocab.shard | awk -F'\t' '{ n += $$2 } END { print n }'
COUNT_embed-oov = $(TOOL)build-vocab --print $(OUT)/vocab.shard | wc -l
COUNT_train = sed -n 's/.*"words":\([0-9]*\).*/\1/p' $(OUT)/train.jsonl | tail -n 1
COUNT_encode = $(COUNT_held-out)

# $(call unless-made,STAGE,OUTPUT): a prerequisite of OUTPUT that makes it anew if the stage's options have changed.
unless-made = $(call changed,$(2),$(OUT)/stages/$(1).options,$(OPTIONS_$(1)))
# $(call stage,STAGE,INPUT): what a command is run by; it prints the command.
stage = $(HERE)stage.sh $(OUT)/stages $(call quoted,$(STAGES)) $(1) $(call quoted,$(2)) $@ \
    $(if $(COUNT_$(1)),-w $(call quoted,$(COUNT_$(1)))) -o $(call quoted,$(OPTIONS_$(1))) --

$(OUT)/stages:
	@mkdir -p $@

$(OUT)/corpus.tok: $(TEXT) $(call unless-made,tokenize,$(OUT)/corpus.tok) | $(OUT)/stages
	@$(call stage,tokenize,$(TEXT)) $(TOOL)tokenize $(COMMON_FLAGS) -o $@ $(OPTIONS_tokenize)

$(OUT)/held-out.tok: $(HELD_OUT) $(call unless-made,held-out,$(OUT)/held-out.tok) | $(OUT)/stages
	@$(call stage,held-out,$(HELD_OUT)) $(TOOL)tokenize $(COMMON_FLAGS) -o $@ $(OPTIONS_held-out)

$(OUT)/vocab.shard: $(OUT)/corpus.tok $(call unless-made,build-vocab,$(OUT)/vocab.shard)
	@$(call stage,build-vocab,$<) $(TOOL)build-vocab $(COMMON_FLAGS) $(OPTIONS_build-vocab) -o $@ $<

$(OUT)/table.shard: $(OUT)/vocab.shard $(VECTORS) $(call unless-made,embed-oov,$(OUT)/table.shard)
	@$(call stage,embed-oov,$(VECTORS)) $(TOOL)embed-oov $(COMMON_FLAGS) $(OPTIONS_embed-oov) -o $@ $<

TRAIN = $(TOOL)train $(COMMON_FLAGS) $(OPTIONS_train) --table $(OUT)/table.shard
# Checkpoints of other options, or of an earlier text or table, are of no use; those of a finished run have served.
$(MODEL): $(OUT)/corpus.tok $(HELD_OUT_SHARD) $(OUT)/table.shard $(call unless-made,train,$(MODEL))
	@$(HERE)begin.sh $(OUT)/stages/train.begun $(call quoted,$(OPTIONS_train)) $(call quoted,$(TRAIN) --quiet --dry-run $<) \
	    $(OUT)/corpus.tok $(HELD_OUT_SHARD) $(OUT)/table.shard -- $(OUT)/checkpoints
	@$(call stage,train,$<) $(TRAIN) --log $(OUT)/train.jsonl --checkpoints $(OUT)/checkpoints --resume -o $@ $<
	@rm -rf $(OUT)/checkpoints $(OUT)/stages/train.begun

# Made again, too, if one of the files beside it has gone.
$(VECTOR_FILE): $(OUT)/held-out.tok $(MODEL) $(OUT)/table.shard $(call unless-made,encode,$(VECTOR_FILE)) \
    $(if $(filter-out $(wildcard $(SIDE_FILES)),$(SIDE_FILES)),FORCE)
	@$(call stage,encode,$<) $(TOOL)encode $(COMMON_FLAGS) $(OPTIONS_encode) --model $(MODEL) --table $(OUT)/table.shard -o $@ $<

$(SIDE_FILES): $(VECTOR_FILE) ;
