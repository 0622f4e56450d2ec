# Files are made again when the options that they were made with change. The options are kept in a file, the record, and
# compared when make starts:
#
#     OPTIONS_model = --preset small
#     model: text $(call changed,model,model.options,$(OPTIONS_model))
#     	train $(OPTIONS_model) -o $@ $<
#     	@$(call keep,model.options,$(OPTIONS_model))
#
# The record is written when the file is there. So options that are changed, and changed back before they have made anything,
# make nothing; and a file that is newer than its record was made with nobody knows which options, and is made again.

# $(call quoted,TEXT): a word of a shell's command line.
quoted = '$(subst ','\'',$(1))'

# $(call changed,FILE,RECORD,OPTIONS): FORCE if FILE must be made again, else nothing.
changed = $(if $(call equal,$(file < $(2)),$(3)),$(shell [ ! $(call quoted,$(1)) -nt $(call quoted,$(2)) ] || echo FORCE),FORCE)
equal = $(and $(findstring x$(1)x,x$(2)x),$(findstring x$(2)x,x$(1)x))

# $(call keep,RECORD,OPTIONS): the command that writes the record; without a line end, which make 4.3 sometimes reads too.
keep = printf %s $(call quoted,$(2)) > $(call quoted,$(1))

# A phony target without a recipe: what needs it is always out of date.
.PHONY: FORCE
