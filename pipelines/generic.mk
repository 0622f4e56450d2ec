# A corpus of your own, from text to contextual vectors. Every stage is a target and can be run again alone:
#
#   make -f pipelines/generic.mk TEXT='news.txt.gz books.txt' VECTORS=crawl-300d-2M.bin OUT=my-run
#   make -f pipelines/generic.mk … my-run/table.shard            # up to one stage
#   rm my-run/model.safetensors && make -f pipelines/generic.mk …  # from one stage on
#
# Outputs appear whole or not at all, intermediate files are kept, and make -j is safe. Training that was interrupted, or
# killed, goes on where its last checkpoint was made; to begin it anew, with other TRAIN_FLAGS, remove OUT/checkpoints.

# Text files, plain, .gz or .lz4, a sentence a line (TOKENIZE_FLAGS=--sentences splits running text).
TEXT ?=
# Pre-trained vectors: fastText .bin or .vec, GloVe, word2vec; text forms also .gz.
VECTORS ?=
OUT ?= contour-run
# Text kept from training and encoded at the end. Without it, train keeps every 100th sentence for its scores.
HELD_OUT ?=

TOKENIZE_FLAGS ?=
VOCAB_FLAGS ?=
TABLE_FLAGS ?=
TRAIN_FLAGS ?= --preset small
ENCODE_FLAGS ?= --layers all
# Options of every tool, such as --threads 8.
COMMON_FLAGS ?=

# Where the tools are; empty for those on the PATH.
BIN ?= .build/release
HERE := $(dir $(lastword $(MAKEFILE_LIST)))
TOOL = $(if $(BIN),$(BIN)/)
STAGE = $(HERE)stage.sh $(OUT)/stages

COUNT_TOKENS = $(TOOL)tokenize --print $(OUT)/corpus.tok | wc -w
COUNT_CORPUS = $(TOOL)build-vocab --print $(OUT)/vocab.shard | awk -F'\t' '{ n += $$2 } END { print n }'
COUNT_TABLE = $(TOOL)build-vocab --print $(OUT)/vocab.shard | wc -l
COUNT_TRAINED = sed -n 's/.*"words":\([0-9]*\).*/\1/p' $(OUT)/train.jsonl | tail -n 1
COUNT_ENCODED = $(TOOL)tokenize --print $(OUT)/held-out.tok | wc -w

MODEL := $(OUT)/model.safetensors
HELD_OUT_SHARD := $(if $(strip $(HELD_OUT)),$(OUT)/held-out.tok)
ENCODED := $(if $(strip $(HELD_OUT)),$(OUT)/vectors.shard)

.DELETE_ON_ERROR:
.PHONY: pipeline
pipeline: $(MODEL) $(ENCODED)

ifeq ($(strip $(TEXT)),)
$(error TEXT is not set; try: make -f pipelines/generic.mk TEXT=corpus.txt VECTORS=vectors.vec)
endif
ifeq ($(strip $(VECTORS)),)
$(error VECTORS is not set; try: make -f pipelines/generic.mk TEXT=corpus.txt VECTORS=vectors.vec)
endif

$(OUT)/stages:
	mkdir -p $@

$(OUT)/corpus.tok: $(TEXT) | $(OUT)/stages
	$(STAGE)/2-tokenize.tsv tokenize $(firstword $(TEXT)) $@ -w "$$COUNT_TOKENS" -- \
	    $(TOOL)tokenize $(COMMON_FLAGS) $(TOKENIZE_FLAGS) -o $@ $(TEXT)

$(OUT)/held-out.tok: $(HELD_OUT) | $(OUT)/stages
	$(TOOL)tokenize $(COMMON_FLAGS) $(TOKENIZE_FLAGS) -o $@ $(HELD_OUT)

$(OUT)/vocab.shard: $(OUT)/corpus.tok
	$(STAGE)/3-build-vocab.tsv build-vocab $< $@ -w "$$COUNT_CORPUS" -- \
	    $(TOOL)build-vocab $(COMMON_FLAGS) $(VOCAB_FLAGS) -o $@ $<

$(OUT)/table.shard: $(OUT)/vocab.shard $(VECTORS)
	$(STAGE)/5-embed-oov.tsv embed-oov $(VECTORS) $@ -w "$$COUNT_TABLE" -- \
	    $(TOOL)embed-oov $(COMMON_FLAGS) $(TABLE_FLAGS) --vectors $(VECTORS) -o $@ $<

# Checkpoints of an earlier text or table are of no use; those of a finished run have served.
$(MODEL): $(OUT)/corpus.tok $(OUT)/table.shard $(HELD_OUT_SHARD)
	@if [ -d $(OUT)/checkpoints ]; then find $(OUT)/checkpoints -name '*.safetensors' \
	    \( ! -newer $(OUT)/corpus.tok -o ! -newer $(OUT)/table.shard \) -delete; fi
	$(STAGE)/6-train.tsv train $< $@ -w "$$COUNT_TRAINED" -- \
	    $(TOOL)train $(COMMON_FLAGS) $(TRAIN_FLAGS) --table $(OUT)/table.shard \
	    $(if $(HELD_OUT_SHARD),--held-out $(HELD_OUT_SHARD)) --log $(OUT)/train.jsonl \
	    --checkpoints $(OUT)/checkpoints --resume -o $@ $<
	@rm -rf $(OUT)/checkpoints

$(OUT)/vectors.shard: $(OUT)/held-out.tok $(MODEL) $(OUT)/table.shard
	$(STAGE)/7-encode.tsv encode $< $@ -w "$$COUNT_ENCODED" -- \
	    $(TOOL)encode $(COMMON_FLAGS) $(ENCODE_FLAGS) --model $(MODEL) --table $(OUT)/table.shard -o $@ $<

export COUNT_TOKENS COUNT_CORPUS COUNT_TABLE COUNT_TRAINED COUNT_ENCODED
