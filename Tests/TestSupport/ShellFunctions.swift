/// Functions of the shell with which a test waits for what a process does, and not for a time: a slow machine makes the test
/// slow, and what does not happen fails it.
let shellFunctions = #"""
    # running PROCESS…: whether one of them runs. One that has ended and waits for its parent does not.
    running() {
        local process
        for process; do
            if grep -qs '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$process/status"; then return 0; fi
        done
        return 1
    }

    # await PROCESS COMMAND…: returns when COMMAND succeeds. If PROCESS ends without that, the shell ends what else it has
    # started, and exits with status 1. The sleep between two tries only spares the processor.
    await() {
        local process=$1
        shift
        until "$@"; do
            # It may have come true in the last moment.
            if ! running "$process" && ! "$@"; then
                echo "the process ended before: $*" >&2
                kill $(jobs -p) 2>/dev/null
                exit 1
            fi
            sleep 0.02
        done
    }

    # filled PATTERN: whether there is a file of such a name with something in it.
    filled() {
        local file
        for file in $1; do if [ -f "$file" ] && [ -s "$file" ]; then return 0; fi; done
        return 1
    }

    # children PROCESS: the processes that it has started, one a line.
    children() { grep -ls "^PPid:[[:space:]]*$1\$" /proc/[0-9]*/status | sed 's/[^0-9]//g'; }

    # on_terminal COMMAND: starts it in the background with its standard error on a terminal, where tools show their progress.
    # What is shown is in the file `screen`. $process is the command's number, and `wait $terminal` gives its exit status.
    on_terminal() {
        SHELL=/bin/sh script -qefc "echo \$\$ > process; exec $1" screen > /dev/null & terminal=$!
        await $terminal filled process
        process=$(cat process)
    }
    """#
