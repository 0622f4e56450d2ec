# Refuses a variable of the command line that no makefile has, such as a misspelt one. Those of the environment, and of a make that
# has started this one, are not looked at. A makefile that includes this sets HERE, its own folder with a slash at the end, and has
# every variable that can be set as NAME ?= at the beginning of a line.

# The shell's parent is this make.
WRONG_VARIABLE := $(shell $(HERE)variables.sh $(MAKEFILE_LIST) 2>&1 < /proc/$$PPID/cmdline)
ifneq ($(WRONG_VARIABLE),)
$(error $(WRONG_VARIABLE))
endif
