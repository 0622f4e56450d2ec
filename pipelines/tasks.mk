# What frozen vectors are worth in five tasks, by the networks of the literature (`bench task`): word vectors alone, the systems that
# pipelines/compare.mk or one-billion.mk has trained, other models, ELMo's published weights, and vectors of other programs; with several
# seeds, and which differences are more than chance:
#
#   make -f pipelines/tasks.mk RUN=compare OUT=tasks NER_TRAIN=eng.train NER_DEV=eng.testa NER_TEST=eng.testb \
#       SST_TRAIN=train.txt SST_DEV=dev.txt SST_TEST=test.txt
#   make -f pipelines/tasks.mk … ELMO_OPTIONS=options.json ELMO_WEIGHTS=weights.hdf5
#   make -f pipelines/tasks.mk … MODELS='mine=my-run/model.safetensors' TABLE_mine=my-run/table.shard
#   make -f pipelines/tasks.mk … VECTORS_ner_bert=train.npy,dev.npy,test.npy
#   make -f pipelines/tasks.mk … COMMAND_bert='pipelines/bert_pytorch.py encode my-bert'
#
# Results: OUT/results.txt, a table for each task; OUT/results.html, a page with pictures; OUT/results.jsonl. Each task of each
# system and seed is a run of its own, OUT/runs/TASK.SYSTEM.SEED.jsonl: what was interrupted goes on with the first that is missing, and
# what has other options, or another model or text, than before is made again. Vectors are made once for all seeds, in OUT/cache.
# docs/tasks.md says more.

# A folder that compare.mk, one-billion.mk or generic.mk has left. Of compare.mk's models, those of BUDGET: words, time or vectors.
RUN ?=
BUDGET ?= words
# Any models of `train` besides, each NAME=FILE. A model reads TABLE_NAME and BPE_NAME, if these are set, else TABLE and BPE.
MODELS ?=
# The table of word vectors: of word vectors alone, and of the words' own vectors beside those of a system; and merges.
TABLE ?= $(firstword $(wildcard $(addprefix $(RUN)/,table table.shard)))
BPE ?= $(wildcard $(RUN)/codes)
# ELMo's published weights, which become a model that is called ELMo-published.
ELMO_OPTIONS ?=
ELMO_WEIGHTS ?=
# Vectors of other programs: VECTORS_TASK_NAME=TRAIN,DEV[,TEST], files as `bench task --vectors` reads them; or COMMAND_NAME, which is
# called with a file of sentences (a line each, blanks between words) and -o FILE, for each text of each task, and writes the vectors
# of all words as a NumPy array, (words, width) or (words, layers, width).

# Which systems; all that are there, if it is empty. word-vectors are those of TABLE alone.
SYSTEMS ?=
# The system that the others are tested against.
AGAINST ?= $(firstword $(filter ELMo-C,$(SYSTEMS)) $(SYSTEMS))
# Whether the words' own vectors stand beside a system's, as ELMo's authors have it: yes, no, or both, which makes two of each system.
WORDS ?= yes

# The labelled texts of each task, in the forms that docs/tasks.md says; without a test text, the development text is scored.
NER_TRAIN ?=
NER_DEV ?=
NER_TEST ?=
SST_TRAIN ?=
SST_DEV ?=
SST_TEST ?=
SNLI_TRAIN ?=
SNLI_DEV ?=
SNLI_TEST ?=
SRL_TRAIN ?=
SRL_DEV ?=
SRL_TEST ?=
COREF_TRAIN ?=
COREF_DEV ?=
COREF_TEST ?=
# Passages of GAP, whose pronouns the networks of coref are asked for.
GAP_TEST ?=
# The tasks: those of ner, sst, snli, srl and coref that have a training text, and gap if coref is among them and GAP_TEST is set; sst2,
# sentiment in two classes, if it is named.
TASKS ?=
# The size of the task networks: paper or small.
SIZE ?= paper
# The seeds of the task networks. A seed learns on the model of the same seed, where RUN has a model for each; else all on one.
SEEDS ?= 1 2 3
# Options of all runs of `bench task`; those of a task are TASK_FLAGS_ner and so on.
TASK_FLAGS ?=
# The most that the vectors in OUT/cache may take.
CACHE_SIZE ?= 20G
OUT ?= tasks
# Options of every tool that change no result, such as --threads 8 or --quiet: a change of them runs nothing again.
COMMON_FLAGS ?=

HERE := $(dir $(lastword $(MAKEFILE_LIST)))
include $(HERE)options.mk
include $(HERE)tools.mk

ALL_TASKS := ner sst sst2 snli srl coref gap
DATA_ner := NER
DATA_sst := SST
DATA_sst2 := SST
DATA_snli := SNLI
DATA_srl := SRL
DATA_coref := COREF
DATA_gap := GAP

# What is wrong is said now, not after an hour. First, names that nothing reads.
VARIABLES := RUN BUDGET MODELS TABLE BPE ELMO_OPTIONS ELMO_WEIGHTS SYSTEMS AGAINST WORDS TASKS SIZE SEEDS TASK_FLAGS CACHE_SIZE OUT \
    COMMON_FLAGS BIN GAP_TEST $(foreach data,NER SST SNLI SRL COREF,$(addprefix $(data)_,TRAIN DEV TEST))
PATTERNS := TABLE_% BPE_% COMMAND_% $(ALL_TASKS:%=TASK_FLAGS_%) $(ALL_TASKS:%=VECTORS_%_%)
GIVEN := $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name)))
# Those of a pattern may be set by a makefile that includes this one, but not by the environment.
SET := $(foreach name,$(filter COMMAND_% VECTORS_%,$(.VARIABLES)),$(if $(filter environment,$(origin $(name))),,$(name)))
STRANGE := $(filter-out $(VARIABLES) $(PATTERNS),$(GIVEN))
# A pattern has one sign for any text.
STRANGE := $(foreach name,$(STRANGE),$(if $(strip $(foreach task,$(ALL_TASKS),$(filter VECTORS_$(task)_%,$(name)))),,$(name)))
ifneq ($(strip $(STRANGE)),)
$(error there is no variable $(firstword $(STRANGE)); those that there are stand at the top of $(lastword $(filter %tasks.mk,$(MAKEFILE_LIST))))
endif
ifneq ($(words $(OUT)),1)
$(error OUT must be a folder's name without blanks: $(OUT))
endif
ifeq ($(shell command -v gnuplot 2> /dev/null),)
$(error gnuplot is missing, which draws the results: apt install gnuplot-nox)
endif
ifneq ($(words $(WORDS)):$(words $(filter yes no both,$(WORDS))),1:1)
$(error WORDS=$(WORDS): must be yes, no or both)
endif
ifneq ($(words $(SIZE)):$(words $(filter paper small,$(SIZE))),1:1)
$(error SIZE=$(SIZE): must be paper or small)
endif
ifneq ($(words $(BUDGET)):$(words $(filter words time vectors,$(BUDGET))),1:1)
$(error BUDGET=$(BUDGET): must be words, time or vectors)
endif
ifneq ($(shell printf '%s\n' $(call quoted,$(SEEDS)) | grep -cE '^ *[0-9]{1,9}( +[0-9]{1,9})* *$$'),1)
$(error SEEDS=$(SEEDS): must be numbers with blanks between them)
endif
ifneq ($(if $(ELMO_OPTIONS),1),$(if $(ELMO_WEIGHTS),1))
$(error ELMo's published weights need both ELMO_OPTIONS and ELMO_WEIGHTS)
endif
ifneq ($(RUN),)
ifeq ($(wildcard $(RUN)/.),)
$(error RUN=$(RUN): there is no such folder)
endif
endif

# $(call text,TASK,TRAIN|DEV|TEST): the file.
text = $($(DATA_$(1))_$(2))
override TASKS := $(strip $(or $(strip $(TASKS)),$(foreach task,ner sst snli srl coref,$(if $(call text,$(task),TRAIN),$(task))) \
    $(if $(COREF_TRAIN),$(if $(GAP_TEST),gap))))
ifeq ($(strip $(TASKS)),)
$(error no task has a text to learn from; try: make -f $(HERE)tasks.mk RUN=compare NER_TRAIN=train.txt NER_DEV=dev.txt)
endif
ifneq ($(filter-out $(ALL_TASKS),$(TASKS)),)
$(error TASKS are of $(ALL_TASKS), and there is no $(filter-out $(ALL_TASKS),$(TASKS)))
endif
ifneq ($(filter gap,$(TASKS)),)
ifneq ($(if $(filter coref,$(TASKS)),$(if $(GAP_TEST),both)),both)
$(error gap asks the networks of coref: it needs GAP_TEST, and coref among TASKS)
endif
endif
$(foreach task,$(filter-out gap,$(TASKS)),$(foreach part,TRAIN DEV,$(if $(call text,$(task),$(part)),,\
    $(error $(task) needs both $(DATA_$(task))_TRAIN and $(DATA_$(task))_DEV))))

# Models by their names. RUN has those of compare.mk in runs, those of one-billion.mk under small letters, or one of generic.mk.
COMPARED := ELMo-C contrastive mapped trained ELMo-A ELMo ELMo-Sub softmax
ALIAS_ELMo-C := elmo-c
ALIAS_ELMo-A := elmo-a
ALIAS_ELMo-Sub := elmo-sub
ALIAS_ELMo := elmo
# $(call whole,SYSTEM): its model in RUN without a seed.
whole = $(if $(RUN),$(firstword $(if $(ALIAS_$(1)),$(wildcard $(RUN)/$(ALIAS_$(1)).safetensors)) \
    $(if $(filter model,$(1)),$(wildcard $(RUN)/model.safetensors))))
# $(call seeded,SYSTEM,SEED): its models in RUN with a seed; with % those of all seeds.
seeded = $(if $(RUN),$(wildcard $(RUN)/runs/$(1)-$(2).$(BUDGET).model))
# ENCODERS of compare.mk have names of their own: whatever lies there, without its seed.
LYING := $(if $(RUN),$(sort $(shell cd $(call quoted,$(RUN)) && ls runs 2> /dev/null | sed -n 's/-[0-9]*\.$(BUDGET)\.model$$//p')))
FOUND := $(foreach system,$(COMPARED),$(if $(filter $(system),$(LYING))$(call whole,$(system)),$(system))) \
    $(filter-out $(COMPARED),$(LYING)) $(if $(call whole,model),model)
$(foreach model,$(MODELS),$(if $(and $(findstring =,$(model)),$(word 2,$(subst =, ,$(model)))),,\
    $(error MODELS=$(model): must be NAME=FILE)))
NAMED := $(foreach model,$(MODELS),$(firstword $(subst =, ,$(model))))
$(foreach model,$(MODELS),$(eval FILE_$(firstword $(subst =, ,$(model))) := $(patsubst $(firstword $(subst =, ,$(model)))=%,%,$(model))))
PUBLISHED := $(if $(ELMO_WEIGHTS),ELMo-published)
FILE_ELMo-published := $(OUT)/ELMo-published.safetensors
# Vectors of other programs.
COMMANDED := $(patsubst COMMAND_%,%,$(filter COMMAND_%,$(SET)))
IMPORTED := $(sort $(foreach task,$(ALL_TASKS),$(patsubst VECTORS_$(task)_%,%,$(filter VECTORS_$(task)_%,$(SET)))))
HERE_ARE := $(if $(TABLE),word-vectors) $(FOUND) $(NAMED) $(PUBLISHED) $(COMMANDED) $(filter-out $(COMMANDED),$(IMPORTED))
$(foreach name,$(NAMED) $(COMMANDED) $(IMPORTED),$(if $(filter $(name),$(COMPARED) word-vectors ELMo-published),\
    $(error $(name) is the name of a system that RUN may have; call yours another)))
override SYSTEMS := $(or $(strip $(SYSTEMS)),$(strip $(HERE_ARE)))
ifeq ($(SYSTEMS),)
$(error there is no system: set RUN, MODELS, TABLE, ELMO_WEIGHTS, or vectors of other programs)
endif
ifneq ($(filter-out $(HERE_ARE),$(SYSTEMS)),)
$(error SYSTEMS: there is no $(firstword $(filter-out $(HERE_ARE),$(SYSTEMS))); there are $(strip $(HERE_ARE)))
endif
STRANGE := $(filter-out $(NAMED:%=TABLE_%) $(NAMED:%=BPE_%),$(filter TABLE_% BPE_%,$(GIVEN)))
ifneq ($(STRANGE),)
$(error there is no variable $(firstword $(STRANGE)): MODELS names no such model)
endif

# $(call model,SYSTEM,SEED): the model that a seed learns on, a file; nothing for word vectors and for vectors of other programs.
model = $(or $(FILE_$(1)),$(call seeded,$(1),$(2)),$(call whole,$(1)),$(firstword $(call seeded,$(1),*)))
$(foreach system,$(filter $(LYING),$(SYSTEMS)),$(if $(word 2,$(call seeded,$(system),*)),$(foreach seed,$(SEEDS),$(if $(call seeded,$(system),$(seed)),,\
    $(error RUN has models of several seeds of $(system), and none of seed $(seed): set SEEDS to some of $(patsubst $(RUN)/runs/$(system)-%.$(BUDGET).model,%,$(call seeded,$(system),*)))))))
MODEL_FILES := $(foreach name,$(filter $(NAMED),$(SYSTEMS)),$(FILE_$(name)) $(TABLE_$(name)) $(BPE_$(name)))
MISSING := $(foreach file,$(foreach task,$(TASKS),$(foreach part,TRAIN DEV TEST,$(call text,$(task),$(part)))) $(MODEL_FILES) $(TABLE) $(BPE) \
    $(ELMO_OPTIONS) $(ELMO_WEIGHTS) $(foreach name,$(filter VECTORS_%,$(SET)),$(subst $(comma), ,$($(name)))),\
    $(if $(wildcard $(file)),$(if $(wildcard $(file)/.),$(file)),$(file)))
ifneq ($(strip $(MISSING)),)
$(error there is no file $(firstword $(MISSING)); names with blanks are not taken)
endif
$(foreach task,$(TASKS),$(foreach name,$(IMPORTED),$(if $(VECTORS_$(task)_$(name)),\
    $(if $(filter $(words $(subst $(comma), ,$(VECTORS_$(task)_$(name)))),$(words $(foreach part,TRAIN DEV TEST,$(call text,$(task),$(part))))),,\
    $(error VECTORS_$(task)_$(name)=$(VECTORS_$(task)_$(name)): must be a file for each text of $(task), with commas between them)))))
ifneq ($(filter $(AGAINST) $(AGAINST:%+words=%),$(SYSTEMS)),)
else
$(error AGAINST=$(AGAINST): there is no such system among $(SYSTEMS))
endif

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DELETE_ON_ERROR:
# Each run uses all threads, and keeps its vectors where the others look.
.NOTPARALLEL:
.PHONY: tasks
tasks: $(OUT)/results.txt

$(OUT)/runs $(OUT)/options $(OUT)/texts $(OUT)/vectors:
	mkdir -p $@

# $(call unless-made,FILE): a prerequisite of OUT/FILE that makes it anew if its options have changed; remember keeps them.
unless-made = $(call changed,$(OUT)/$(1),$(OUT)/options/$(notdir $(1)),$(OPTIONS_$(1)))
remember = @$(call keep,$(OUT)/options/$(@F),$(OPTIONS_$(@:$(OUT)/%=%)))

OPTIONS_ELMo-published.safetensors = --elmo-options $(ELMO_OPTIONS) --elmo-weights $(ELMO_WEIGHTS)
$(OUT)/ELMo-published.safetensors: $(ELMO_OPTIONS) $(ELMO_WEIGHTS) $(call unless-made,ELMo-published.safetensors) | $(OUT)/options
	$(TOOL)encode $(COMMON_FLAGS) $(OPTIONS_ELMo-published.safetensors) --convert -o $@
	$(remember)

# one-text TASK PART OPTION: the sentences of a text, for programs that make vectors of them.
define one-text
OPTIONS_texts/$(1).$(3) = $$(TASK_FLAGS_SENTENCES_$(1)) --$(3) $$(call text,$(1),$(2))
$(OUT)/texts/$(1).$(3): $$(call text,$(1),$(2)) $$(call unless-made,texts/$(1).$(3)) | $(OUT)/texts $(OUT)/options
	$(TOOL)bench task $(1) --print-sentences --size $(SIZE) $$(OPTIONS_texts/$(1).$(3)) -o $$@
	$$(remember)
endef
# command-text TASK PART OPTION NAME: the vectors that a command makes of them.
define command-text
OPTIONS_vectors/$(1).$(4).$(3).npy = $$(COMMAND_$(4))
$(OUT)/vectors/$(1).$(4).$(3).npy: $(OUT)/texts/$(1).$(3) $$(call unless-made,vectors/$(1).$(4).$(3).npy) | $(OUT)/vectors $(OUT)/options
	$$(COMMAND_$(4)) $$< -o $$@
	$$(remember)
endef
PARTS := train dev test
part-name = $(subst train,TRAIN,$(subst dev,DEV,$(subst test,TEST,$(1))))
# Of sst and sst2 the phrases of the training text need vectors, or do not.
TASK_FLAGS_SENTENCES_sst = $(call subtrees,$(TASK_FLAGS) $(TASK_FLAGS_sst))
TASK_FLAGS_SENTENCES_sst2 = $(call subtrees,$(TASK_FLAGS) $(TASK_FLAGS_sst2))
subtrees = $(addprefix --subtrees ,$(firstword $(patsubst --subtrees=%,%,$(filter --subtrees=%,$(subst --subtrees ,--subtrees=,$(1))))))
ifneq ($(filter $(COMMANDED),$(SYSTEMS)),)
$(foreach task,$(TASKS),$(foreach part,$(PARTS),$(if $(call text,$(task),$(call part-name,$(part))),\
    $(eval $(call one-text,$(task),$(call part-name,$(part)),$(part))) \
    $(foreach name,$(filter $(COMMANDED),$(SYSTEMS)),$(eval $(call command-text,$(task),$(call part-name,$(part)),$(part),$(name)))))))
# They may be removed once they have served.
.SECONDARY: $(foreach task,$(TASKS),$(foreach part,$(PARTS),$(OUT)/texts/$(task).$(part) \
    $(foreach name,$(filter $(COMMANDED),$(SYSTEMS)),$(OUT)/vectors/$(task).$(name).$(part).npy)))
endif

# $(call files,TASK,NAME): the vectors of other programs, a file for each text.
files = $(if $(filter $(2),$(COMMANDED)),$(foreach part,$(PARTS),$(if $(call text,$(1),$(call part-name,$(part))),$(OUT)/vectors/$(1).$(2).$(part).npy)),\
    $(subst $(comma), ,$(VECTORS_$(1)_$(2))))
# What a system reads besides its model.
table = $(or $(TABLE_$(1)),$(TABLE))
merges = $(or $(BPE_$(1)),$(BPE))

# $(call learning,TASK,NAME,SEED): what a network learns from, or, of gap, the file of the one that has learned coref.
learning = $(if $(filter gap,$(1)),--load $(call network,$(2),$(3)),--size $(SIZE) --seed $(3) --seeds 1 --train $(call text,$(1),TRAIN) \
    --dev $(call text,$(1),DEV))
network = $(OUT)/runs/coref.$(1).$(2).network
# one-run TASK NAME SEED SYSTEM words|alone: NAME is SYSTEM, and +words where both are compared.
define one-run
OPTIONS_runs/$(1).$(2).$(3).jsonl = task $(1) --system-name $(2) $$(call learning,$(1),$(2),$(3)) \
    $$(addprefix --test ,$$(call text,$(1),TEST)) $$(addprefix --vectors ,$$(subst $$(space),$$(comma),$$(strip $$(call files,$(1),$(4))))) $(if $(filter gap,$(1)),,$$(TASK_FLAGS)) $$(TASK_FLAGS_$(1))
INPUTS_runs/$(1).$(2).$(3).jsonl = $(or $(call model,$(4),$(3)),-) $$(or $$(call table,$(4)),-) $$(or $$(call merges,$(4)),-) $(5)
$(OUT)/runs/$(1).$(2).$(3).jsonl: $$(foreach part,TRAIN DEV TEST,$$(call text,$(1),$$(part))) $$(call files,$(1),$(4)) \
    $$(filter-out - words alone,$$(INPUTS_runs/$(1).$(2).$(3).jsonl)) $(if $(filter gap,$(1)),$(OUT)/runs/coref.$(2).$(3).jsonl) \
    $$(call changed,$(OUT)/runs/$(1).$(2).$(3).jsonl,$(OUT)/options/$(1).$(2).$(3).jsonl,$$(RECORD_runs/$(1).$(2).$(3).jsonl)) \
    | $(OUT)/runs $(OUT)/options
	$(HERE)task-run.sh $$@ $$(INPUTS_runs/$(1).$(2).$(3).jsonl) $(TOOL)bench $$(OPTIONS_runs/$(1).$(2).$(3).jsonl) \
	    --cache $(OUT)/cache --cache-size $(CACHE_SIZE) $(if $(filter coref,$(1)),--save $$(call network,$(2),$(3))) $$(COMMON_FLAGS)
	@$$(call keep,$(OUT)/options/$$(@F),$$(RECORD_runs/$(1).$(2).$(3).jsonl))
endef
record-of = $(INPUTS_$(1)) $(OPTIONS_$(1))
# $(call variants,SYSTEM): NAME,words|alone of each.
variants = $(if $(filter word-vectors,$(1)),$(1)/words,$(if $(filter both,$(WORDS)),$(1)/alone $(if $(call table,$(1)),$(1)+words/words),\
    $(1)/$(if $(and $(filter yes,$(WORDS)),$(call table,$(1))),words,alone)))
RUNS :=
define add-run
RECORD_runs/$(1).$(2).$(3).jsonl = $$(call record-of,runs/$(1).$(2).$(3).jsonl)
$(call one-run,$(1),$(2),$(3),$(4),$(5))
RUNS += $(OUT)/runs/$(1).$(2).$(3).jsonl
endef
# A system has no run in a task for which another program made no vectors.
runs-in = $(or $(filter-out $(IMPORTED),$(2)),$(filter $(COMMANDED),$(2)),$(VECTORS_$(1)_$(2)))
$(foreach task,$(TASKS),$(foreach system,$(SYSTEMS),$(if $(call runs-in,$(task),$(system)),$(foreach variant,$(call variants,$(system)),\
    $(foreach seed,$(SEEDS),$(eval $(call add-run,$(task),$(patsubst %/,%,$(dir $(variant))),$(seed),$(system),$(notdir $(variant)))))))))

export COMMAND = make -f pipelines/tasks.mk $(MAKEOVERRIDES)
export TEXT = $(foreach task,$(TASKS),$(call text,$(task),TRAIN))
OPTIONS_results.jsonl = $(RUNS)
$(OUT)/results.jsonl: $(RUNS) $(call unless-made,results.jsonl) | $(OUT)/options
	@{ VERSION=$$($(TOOL)bench --version | sed 's/.* //') $(HERE)machine-record.sh && cat $(RUNS); } > $@
	$(remember)
OPTIONS_results.html = --title 'Frozen vectors in tasks' --against $(AGAINST)
$(OUT)/results.html: $(OUT)/results.jsonl $(call unless-made,results.html)
	$(TOOL)bench report --quiet $(OPTIONS_results.html) $< -o $@
	$(remember)
# Written anew each time: it costs seconds, and AGAINST may be another.
$(OUT)/results.txt: $(OUT)/results.jsonl $(OUT)/results.html FORCE
	@$(TOOL)bench task-table --quiet --against $(AGAINST) $< -o $@
	@cat $@; echo; echo "the page: $(OUT)/results.html"
