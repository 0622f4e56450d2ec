# Where the tools are. A makefile that includes this sets HERE, its own folder with a slash at the end; it gets TOOL, which goes
# before a tool's name.
#
# BIN is the folder of the tools; empty, they are on the PATH. If BIN is not set, they are looked for in the build folder of the
# checkout, in a folder bin beside the makefiles or one level up, and on the PATH.

comma := ,
empty :=
space := $(empty) $(empty)

ifeq ($(origin BIN),undefined)
TOOL_FOLDERS := $(patsubst $(CURDIR)/%,%,$(abspath $(HERE)../.build/release $(HERE)bin $(HERE)../bin))
BIN := $(firstword $(foreach folder,$(TOOL_FOLDERS),$(if $(wildcard $(folder)/train),$(folder))))
else ifneq ($(BIN),)
ifeq ($(wildcard $(BIN)/train),)
$(error the tools are not in BIN=$(BIN): there is no $(BIN)/train; build them with make, or set BIN to their folder)
endif
endif
TOOL = $(if $(BIN),$(BIN)/)

# Other programs are called train, too.
ifeq ($(BIN),)
ifeq ($(findstring (Contour),$(shell train --version 2> /dev/null)),)
$(error the tools are not on the PATH$(if $(TOOL_FOLDERS),$(comma) nor in $(subst $(space),$(comma)$(space),$(TOOL_FOLDERS))): \
    build them with make, install them with make install, or set BIN to their folder)
endif
endif
