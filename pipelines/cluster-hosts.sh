#!/usr/bin/env bash
# Looks whether the hosts of HOSTS can be used, all at the same time: that they answer within HOST_TIMEOUT seconds, have the tools in the
# version of this machine, and see this machine's OUT and the first text.
#   cluster-hosts.sh [OUT/stages/run.XXXXXX]
# Without the folder of a run it only looks whether HOSTS is written as it must be.
# The run's file `hosts` gets them as GNU parallel takes them. A host that cannot be used is named, with the reason, in a line; the status
# is 69 then unless SKIP_UNUSABLE is set.
set -euo pipefail
run=${1:-}
if [ "$run" ]; then
    mark=$(od -An -N 16 -t x1 /dev/urandom | tr -d ' \n')
    printf %s "$mark" > "$run/mark"
    read -r text < <(cut -f 2 "$run/list" 2> /dev/null) || text=
fi

# What each host runs; it answers with its number of processors, or with what is wrong.
probe() {
    cat << 'END'
        no() { echo "no $*"; exit; }
        [ -d "$run" ] || no "does not see OUT: there is no folder $run"
        [ "$(cat "$run/mark" 2> /dev/null)" = "$mark" ] || no "sees another folder under the name of OUT: $run"
        (printf %s "$mark" > "$run/seen.$number") 2> /dev/null || no "cannot write to OUT: $run"
        [ -z "$text" ] || [ -r "$text" ] || no "does not see the texts: $text"
        version=$("${tool}tokenize" --version 2> /dev/null && "${tool}build-vocab" --version 2> /dev/null) \
            || no "does not run the tools: ${tool}tokenize and ${tool}build-vocab"
        [ "$version" = "$(cat "$run/version")" ] || no "has another version of the tools: $(echo $version)"
        command -v perl > /dev/null || no "lacks perl, which GNU parallel needs there"
        echo "yes $(nproc)"
END
}
# ask NUMBER SSH…: the answer of a host, in the file answer.NUMBER.
ask() {
    local number=$1 name
    shift
    { for name in run mark number text; do printf '%s=%q\n' $name "${!name}"; done
      printf 'tool=%q\n' "$TOOL_PREFIX"
      probe; } | timeout -k 1 $((HOST_TIMEOUT + 5)) "$@" bash -s > "$run/answer.$number" 2> "$run/answer.$number.errors" || true
}

wrong() {
    echo "cluster: $HOSTS, line $place: '$given' must be host, jobs/host with 1 to 9999 jobs, : or ssh OPTIONS host, without commas" >&2
    exit 65
}
lines=() logins=() jobs=() number=0 place=0
while read -r line || [ -n "$line" ]; do
    place=$((place + 1))
    case $line in '' | '#'*) continue ;; esac
    line=${line%%[[:blank:]]#*} count=
    line=${line%"${line##*[![:blank:]]}"} given=$line
    if [[ $line =~ ^([0-9]+)/(.*)$ ]]; then count=${BASH_REMATCH[1]} line=${BASH_REMATCH[2]}; fi
    case $line in
        *,* | @* | -*) wrong ;;
        : | ssh\ *) ;;
        *[[:blank:]/]* | .. | '') wrong ;;
    esac
    if [ -n "$count" ] && [[ ! $count =~ ^[1-9][0-9]{0,3}$ ]]; then wrong; fi
    lines+=("$line") jobs+=("$count") number=$((number + 1))
    [ "$run" ] || continue
    # A login of several words is a command and a host for parallel, which takes a comma for the end of it, and two for one.
    logins+=("bash ${run//,/,,}/cluster-ssh.sh ${line#ssh }")
    read -ra login <<< "${line#ssh }"
    if [ "$line" = : ]; then ask $number & else ask $number bash "$run/cluster-ssh.sh" "${login[@]}" -- & fi
done < <(if [ -n "$HOSTS" ]; then cat -- "$HOSTS"; else echo :; fi)
if [ "$number" = 0 ]; then echo "cluster: HOSTS=$HOSTS names no host" >&2; exit 65; fi
[ "$run" ] || exit 0
wait
rm -f "$run/lost"

unusable=0
ls "$run" > /dev/null
: > "$run/hosts"
for i in "${!lines[@]}"; do
    read -r answer rest < "$run/answer.$((i + 1))" || true
    if [ "${answer:-}" = yes ] && [ "$(cat "$run/seen.$((i + 1))" 2> /dev/null)" != "$mark" ]; then
        answer=no rest="writes to another folder of the name of OUT: $run"
    fi
    case ${answer:-} in
        yes)
            login=${logins[$i]}
            [ "${lines[$i]}" != : ] || login=:
            echo "${jobs[$i]:-$rest}/$login" >> "$run/hosts"
            continue ;;
        no) ;;
        *) rest=$(tail -n 1 "$run/answer.$((i + 1)).errors")
           rest="cannot be reached: ${rest:-no answer in $HOST_TIMEOUT seconds}" ;;
    esac
    unusable=$((unusable + 1))
    echo "cluster: host ${lines[$i]} $rest" >&2
done
rm -f "$run"/answer.* "$run"/seen.*
if [ "$unusable" -gt 0 ] && [ -z "$SKIP_UNUSABLE" ]; then
    echo "cluster: nothing was run; take the hosts out of $HOSTS, or go on without them: SKIP_UNUSABLE=1" >&2
    exit 69
fi
if [ ! -s "$run/hosts" ]; then echo "cluster: no host can be used" >&2; exit 69; fi
