#!/usr/bin/env bash
# Tokenises and counts one text, on whichever host it is run: OUT/tokens/NAME.tok and OUT/counts/NAME.vocab.
#   OUT/stages/run.XXXXXX/cluster-file.sh TOOL_PREFIX MEMORY COMMON_FLAGS NAME TEXT [options of tokenize]
# It prints NAME and the host. What a text makes fail, which would fail on every host, is written to the run's folder `failed`, and the
# job ends well; any other failure ends with the tool's status, and the job should be tried elsewhere. A text of white space alone has
# no tokens, and an empty file for its counts.
set -uo pipefail
run=$(cd -- "$(dirname -- "$0")" && pwd) || exit 72
out=${run%/stages/*} tool=$1 memory=$2 name=$4 text=$5
read -ra common <<< "$3"
shift 5
host=${PARALLEL_SSHHOST:-${SLURMD_NODENAME:-:}}
[ "$host" != : ] || host=$(hostname)
tokens=$out/tokens/$name.tok counts=$out/counts/$name.vocab
work=$run/work.$host.$$
trap 'rm -rf "$work"' EXIT
trap 'exit 143' INT TERM HUP

# failed STATUS: the end of a job whose tool has ended with STATUS.
failed() {
    case $1 in
        64 | 65) cp "$work/errors" "$run/failed/.$name.$host" && mv "$run/failed/.$name.$host" "$run/failed/$name" && exit 0 ;;
    esac
    sed "s/^/$host: /" "$work/errors" > "$run/errors/$name"
    exit "$1"
}

mkdir "$work" || exit 73
if [ "$("${tool}tokenize" --version 2>&1 && "${tool}build-vocab" --version 2>&1)" != "$(cat "$run/version")" ]; then
    echo "${tool}tokenize and ${tool}build-vocab are not there, or of another version than where the run began" > "$work/errors"
    failed 69
fi
if [ ! -f "$tokens" ] || [ "$text" -nt "$tokens" ]; then
    "${tool}tokenize" --quiet "${common[@]}" "$@" -o "$work/tokens" "$text" 2> "$work/errors"
    status=$?
    if [ $status = 65 ] && grep -q ': no text: ' "$work/errors"; then
        rm -f "$tokens"
        : > "$work/counts"
        mv "$work/counts" "$counts" || exit 73
        printf '%s\t%s\n' "$name" "$host"
        exit
    fi
    [ $status = 0 ] || failed $status
    mv "$work/tokens" "$tokens" || exit 73
fi
"${tool}build-vocab" --quiet "${common[@]}" --memory "$memory" -o "$work/counts" "$tokens" 2> "$work/errors"
status=$?
if [ $status = 65 ]; then
    # Not the text's fault: the next try makes the tokens again.
    rm -f "$tokens"
    status=74
fi
[ $status = 0 ] || failed $status
mv "$work/counts" "$counts" || exit 73
printf '%s\t%s\n' "$name" "$host"
