#!/usr/bin/env -S bash -c 'exec "${0%/*}/cluster-status.sh" "$0" "$@"'
# Tokens and one vocabulary from many text files, made by many machines (docs/cluster.md):
#
#   pipelines/cluster.mk HOSTS=hosts.txt TEXT='/shared/text/*.gz' OUT=/shared/run    # by ssh; GNU parallel places the files
#   pipelines/cluster.mk slurm TEXT='/shared/text/*.gz' OUT=/shared/run              # the same as an array of Slurm jobs
#   pipelines/cluster.mk hosts HOSTS=hosts.txt OUT=/shared/run                       # only looks whether the hosts can be used
#
# Every file is tokenised and counted by itself, on whichever host is free: OUT/tokens/NAME.tok and OUT/counts/NAME.vocab. The
# counts are merged: OUT/vocab.shard, to the byte what one machine makes of all files. All hosts must see the texts, OUT and
# the tools under the same names. Run again, it makes what is missing and what is older than its text; with other TOKENIZE_FLAGS,
# or another version of the tools, everything. Files of texts that TEXT no longer names are removed from OUT.
#
# Called by its name, it ends with a status of sysexits.h; `make -f pipelines/cluster.mk` does the same, and ends with make's.

# Text files, plain or compressed (.gz, .lz4, .xz, .zst, .bz2); patterns such as text/*.gz may be used, names with blanks may not.
TEXT ?=
OUT ?= contour-cluster
# A file with a host a line, `jobs/host` or `host`, as GNU parallel's --sshloginfile has it; # begins a comment, and `:` is this
# machine without ssh. Without a number, a host runs as many jobs as it has processors. Without a file, this machine alone works.
HOSTS ?=
# Not empty: hosts that cannot be used are left out. Otherwise they are an error.
SKIP_UNUSABLE ?=

# Options of each text file's tokenize, and of the build-vocab that merges, such as --min-count 2. Quotes are those of a shell.
TOKENIZE_FLAGS ?=
VOCAB_FLAGS ?=
# Options that change no result, for both tools' jobs, and the memory in which a job counts.
COMMON_FLAGS ?= --threads 1
JOB_MEMORY ?= 400M

# Seconds after which a host that is silent is given up.
HOST_TIMEOUT ?= 10
# How often a file is tried, each time on a host where it has failed least often; and for how long, as parallel's --timeout has it.
RETRIES ?=
JOB_TIMEOUT ?=
# Further options of parallel, such as --sshdelay 0.1 --load 90%.
PARALLEL_FLAGS ?=

# The most jobs in the array (see MaxArraySize of slurm.conf), and options of sbatch for these and for the job that merges, such as
# --partition=short. With SUBMIT empty, the jobs are written and nothing is submitted.
ARRAY ?= 1000
SBATCH_FLAGS ?=
MERGE_SBATCH_FLAGS ?= $(SBATCH_FLAGS)
SUBMIT ?= yes

HERE := $(dir $(lastword $(MAKEFILE_LIST)))
# Which status cluster-status.sh ends with, if make stops here.
status = $(if $(CLUSTER_STATUS),$(file > $(CLUSTER_STATUS),$(1)))
$(call status,64)
include $(HERE)variables.mk
$(call status,69)
include $(HERE)tools.mk
$(call status,64)

ifneq ($(words $(OUT)),1)
$(error OUT must be a folder's name without blanks: $(OUT))
endif
# $(call refuse,VARIABLE,OPTIONS,WHY): an error if one of the options is in the variable.
refuse = $(if $(filter $(2),$($(1))),$(error $(1) holds $(firstword $(filter $(2),$($(1)))): $(3)))
OUTPUTS := the outputs have their names in OUT, now $(OUT)
$(foreach flags,TOKENIZE VOCAB COMMON,$(call refuse,$(flags)_FLAGS,-o -o=% --output --output=%,$(OUTPUTS)))
$(call refuse,VOCAB_FLAGS,--bpe --bpe=%,learn the merges afterwards: build-vocab --bpe N $(OUT)/vocab.shard)

# A line for each text, in a file: the names of all together may be longer than a command line.
ifneq ($(MAKECMDGOALS),hosts)
ifeq ($(strip $(TEXT)),)
$(error TEXT is not set; try: pipelines/cluster.mk HOSTS=hosts.txt TEXT='text/*.gz' OUT=run)
endif
$(call status,66)
MISSING := $(foreach file,$(TEXT),$(if $(wildcard $(file)),,$(file)))
ifneq ($(strip $(MISSING)),)
$(error there is no file $(strip $(MISSING)); names with blanks are not taken)
endif
define line-end


endef
TEXTS := $(subst $(space),$(line-end),$(sort $(wildcard $(TEXT))))
$(call status,73)
ifneq ($(shell mkdir -p $(OUT)/stages 2> /dev/null && [ -w $(OUT)/stages ] && echo made),made)
$(error OUT=$(OUT) cannot be made or written)
endif
$(file > $(OUT)/stages/texts,$(TEXTS))
endif
$(call status,)

# Programs on other hosts have no working directory in common with make.
export OUT_FOLDER := $(abspath $(OUT))
export TOOL_PREFIX := $(if $(BIN),$(abspath $(BIN))/)
export HOSTS SKIP_UNUSABLE TOKENIZE_FLAGS VOCAB_FLAGS COMMON_FLAGS JOB_MEMORY HOST_TIMEOUT RETRIES JOB_TIMEOUT PARALLEL_FLAGS
export ARRAY SBATCH_FLAGS MERGE_SBATCH_FLAGS SUBMIT

.PHONY: cluster slurm hosts
# The targets of cluster-run.sh. It stands in the place of a shell, so that a signal to make reaches it.
cluster slurm hosts:
	@exec $(HERE)cluster-run.sh $@
