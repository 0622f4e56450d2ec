#!/usr/bin/env bash
# The recipes of cluster.mk, which sets OUT_FOLDER, TOOL_PREFIX and the other variables:
#   cluster-run.sh cluster    tokenises and counts what is not done yet, on the hosts of HOSTS, and merges
#   cluster-run.sh slurm      has Slurm do the same
#   cluster-run.sh hosts      looks whether the hosts can be used
# Each run has a folder of its own, OUT/stages/run.XXXXXX, in which files are made before they are moved to OUT. A new run removes the
# folders of those before it: a process that one of them has left on a host that was lost can move nothing to OUT any more.
set -euo pipefail
export LC_ALL=C
goal=${1:-} here=$(cd -- "$(dirname -- "$0")" && pwd)
case ${OUT_FOLDER:+$goal} in
    cluster | slurm | hosts) ;;
    *) echo "cluster-run.sh is run by cluster.mk" >&2; exit 64 ;;
esac
out=$OUT_FOLDER stages=$OUT_FOLDER/stages
# Where cluster-status.sh waits for the status, make has nothing to say about it.
trap 'status=$?; if [ -n "${CLUSTER_STATUS:-}" ]; then echo $status > "$CLUSTER_STATUS"; exit 0; fi' EXIT
fail() { echo "cluster: $2" >&2; exit "$1"; }
count() { wc -l < "$1" | tr -d ' '; }
texts() { if [ "$1" = 1 ]; then echo "1 text"; else echo "$1 texts"; fi; }

version=$("${TOOL_PREFIX}tokenize" --version && "${TOOL_PREFIX}build-vocab" --version) \
    || fail 69 "the tools do not run: ${TOOL_PREFIX}tokenize"
for variable in HOST_TIMEOUT ARRAY ${RETRIES:+RETRIES}; do
    [[ ${!variable} =~ ^[1-9][0-9]{0,5}$ ]] || fail 64 "$variable=${!variable} must be a whole number from 1 to 999999"
done
[ -z "$HOSTS" ] || { [ -r "$HOSTS" ] && [ ! -d "$HOSTS" ]; } || fail 66 "HOSTS=$HOSTS: there is no such file"
if [ "$goal" != slurm ] && ! command -v parallel > /dev/null; then fail 69 "GNU parallel is missing: apt install parallel"; fi

# Whether the hosts answer is seen later, where there is something for them to do.
[ "$goal" = slurm ] || "$here/cluster-hosts.sh"

mkdir -p "$out/tokens" "$out/counts" "$stages" 2> /dev/null || fail 73 "OUT=$out cannot be made or written"
# Some NFS keep a file that a process elsewhere has open.
rm -rf "$stages"/run.* 2> /dev/null || true
run=$(mktemp -d "$stages/run.XXXXXX")
mkdir "$run/failed" "$run/errors"
cp "$here"/cluster-{ssh,file,plan,merge}.sh "$run"
printf '%s\n' "$version" > "$run/version"
if [ "$goal" = hosts ]; then
    "$here/cluster-hosts.sh" "$run"
    echo "cluster: jobs on each host: $(sed 's/\(^[0-9]*\)\/.* /\1\//' "$run/hosts" | paste -sd ' ')" >&2
    rm -rf "$run"
    exit
fi

# What the options make of a line; a text of white space alone has no tokens.
check="echo text | ${TOOL_PREFIX@Q}tokenize --quiet $TOKENIZE_FLAGS $COMMON_FLAGS -o /dev/null -"
bash -c "$check" || fail 64 "TOKENIZE_FLAGS or COMMON_FLAGS cannot be used: $TOKENIZE_FLAGS $COMMON_FLAGS"

# Each text with the name that its files have.
awk -v here="$PWD/" '
    {
        name = $0
        while (sub(/^(\.\.?)?\//, "", name)) {}
        gsub(/\//, "-", name)
        if (name in texts) {
            printf "cluster: %s and %s would have files of the same name, %s.tok\n", texts[name], $0, name > "/dev/stderr"
            exit 64
        }
        texts[name] = $0
        print name "\t" ($0 ~ /^\// ? "" : here) $0
    }' "$stages/texts" > "$run/list"

# With other options, nothing of what there is can be used. Files that the options name, such as merges, are older than what is made.
read -ra words <<< "$TOKENIZE_FLAGS"
inputs=()
for word in "${words[@]}"; do
    word=${word#--*=}
    word=${word//[\"\']/}
    if [ -f "$word" ]; then inputs+=("$word"); fi
done
"$here/begin.sh" "$stages/tokenize.options" "$TOKENIZE_FLAGS of $version" "$check" "${inputs[@]}" -- "$out/tokens" "$out/counts"
mkdir -p "$out/tokens" "$out/counts"

bash "$run/cluster-plan.sh" > "$run/todo"
all=$(count "$run/list") todo=$(count "$run/todo")
if [ "$goal" = cluster ] && [ "$todo" -gt 0 ]; then "$here/cluster-hosts.sh" "$run"; fi

# OUT/tokens is what train reads: it holds the tokens of TEXT and no others.
removed=$(comm -13 <(cut -f 1 "$run/list" | LC_ALL=C sort) <(
    { ls "$out/tokens" | sed -n 's/\.tok$//p'; ls "$out/counts" | sed -n 's/\.vocab$//p'; } | LC_ALL=C sort -u) \
    | while IFS= read -r name; do rm -f "$out/tokens/$name.tok" "$out/counts/$name.vocab"; echo "$name"; done | wc -l)
if [ "$removed" -gt 0 ]; then echo "cluster: files of $(texts "$removed") that TEXT does not name are removed" >&2; fi

echo "cluster: $(texts "$all"), $((all - todo)) done before" >&2
# What tokenises and counts a text, but for its name and its place; and what merges.
job="bash ${run@Q}/cluster-file.sh ${TOOL_PREFIX@Q} ${JOB_MEMORY@Q} ${COMMON_FLAGS@Q}"
merge="bash ${run@Q}/cluster-merge.sh ${TOOL_PREFIX@Q} $VOCAB_FLAGS"

if [ "$goal" = slurm ]; then
    . "$here/cluster-slurm.sh"
    exit
fi

if [ "$todo" -gt 0 ]; then
    retries=${RETRIES:-$(($(count "$run/hosts") + 2))}
    flags=() interrupted=
    [ -z "$JOB_TIMEOUT" ] || flags+=(--timeout "$JOB_TIMEOUT")
    read -ra words <<< "$PARALLEL_FLAGS"
    # A job that a text makes fail ends well. So when many end badly after all tries, no host works: the disk is full, perhaps.
    PARALLEL_SHELL=/bin/bash parallel --plain --will-cite --sshloginfile "$run/hosts" --retries "$retries" --halt soon,fail=5 \
        --joblog "$stages/joblog" --colsep '\t' --arg-file "$run/todo" "${flags[@]}" "${words[@]}" \
        "$job {1} {2} $TOKENIZE_FLAGS" < /dev/null > "$run/done" 2> "$stages/log" & parallel=$!
    # Asked twice, parallel ends its jobs.
    trap 'interrupted=130; kill "$parallel" && kill "$parallel"' INT
    trap 'interrupted=143; kill "$parallel" && kill "$parallel"' TERM HUP
    next=10 SECONDS=0
    while kill -0 "$parallel" 2> /dev/null; do
        sleep 0.2 || true
        if [ "$SECONDS" -ge "$next" ]; then
            next=$((SECONDS + 10))
            echo "cluster: $(count "$run/done") of $(texts "$todo")" >&2
        fi
    done
    wait "$parallel" || true
    [ -z "$interrupted" ] || exit "$interrupted"
    trap - INT TERM HUP
    sort "$run/done" | awk -F '\t' '{ n[$2]++ }
        END { for (host in n) print "cluster: " n[host] (n[host] == 1 ? " text on " : " texts on ") host }' | sort >&2
    if [ -f "$run/lost" ]; then
        sort "$run/lost" | uniq -c \
            | awk '{ print "cluster: " $2 " was lost or did not answer " ($1 == 1 ? "once" : $1 " times") "; other tries took over" }' >&2
    fi
fi
bash -c "$merge"
rm -rf "$run" 2> /dev/null || true
