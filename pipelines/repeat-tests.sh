#!/usr/bin/env bash
# Runs the tests, which must be built, again and again, and says of each run how long it took and which tests failed.
#
#   pipelines/repeat-tests.sh [--busy K] [--limit-memory] [--filter REGEX] RUNS
#
#   --busy K        K processes compute beside the tests, so that every test is slow at some time.
#   --limit-memory  `ulimit -v` for every process of the tests: a run before the others measures the most address space that
#                   one of them takes, and the others get that and a tenth. A browser reserves far more than it uses: its
#                   processes are not measured, and its test is skipped where there is a limit.
#   --filter REGEX  only tests of such a name, as with `swift test --filter`.
#
# For example, once `make test` has built them:
#   pipelines/repeat-tests.sh 13 && pipelines/repeat-tests.sh --busy 2 5 && pipelines/repeat-tests.sh --limit-memory 2
# What a run printed stays in .build/repeat-tests. Ends with status 1 if a run failed.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    echo "repeat-tests.sh: $1; usage: repeat-tests.sh [--busy K] [--limit-memory] [--filter REGEX] RUNS" >&2
    exit 64
}
is_number() { [[ $1 =~ ^[0-9]{1,6}$ ]]; }
busy=0 limit_memory=false filter=() runs=
while [ $# -gt 0 ]; do
    case $1 in
        --busy) is_number "${2:-}" || usage '--busy needs a number'; busy=$2; shift ;;
        --limit-memory) limit_memory=true ;;
        --filter) [ $# -gt 1 ] || usage '--filter needs a regular expression'; filter=(--filter "$2"); shift ;;
        *) is_number "$1" && [ -z "$runs" ] || usage "$1 is neither an option nor the number of runs"; runs=$1 ;;
    esac
    shift
done
[ "${runs:-0}" -gt 0 ] || usage 'how many runs?'

# As `make test` runs them.
tests=("${SWIFT:-swift}" test -c release --skip-build)
if pkg-config --exists hdf5 2>/dev/null; then tests+=(--traits HDF5); fi
logs=.build/repeat-tests
mkdir -p "$logs"

# Busy processes end with this script, however it ends: by the trap, or because they see that it is gone.
helpers=()
stop() { if [ ${#helpers[@]} -gt 0 ]; then kill "${helpers[@]}" 2>/dev/null || true; fi; }
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
for ((i = 0; i < busy; i++)); do
    while kill -0 $$ 2>/dev/null; do for ((j = 0; j < 100000; j++)); do :; done; done &
    helpers+=($!)
done

# measure PROCESS FILE: as long as it runs, keeps in the file what address space it and those that it started have had at most:
# kibibytes and the program's name, the greatest first. VmPeak never falls, so that only what a program takes in its last tenth of
# a second is missed.
measure() {
    : > "$2"
    while kill -0 "$1" 2>/dev/null; do
        { cat /proc/[0-9]*/status 2>/dev/null || true; } | awk -v root="$1" '
            $1 ~ /^[0-9]+$/ { most[$2] = $1; next }
            $1 == "Name:" { name = $2 }
            $1 == "Pid:" { pid = $2; names[pid] = name }
            $1 == "PPid:" { parent[pid] = $2 }
            $1 == "VmPeak:" { peak[pid] = $2 }
            END {
                for (pid in peak) {
                    for (p = pid; p > 1 && p != root && names[p] !~ /^chrom/; p = parent[p]) {}
                    if (p == root && peak[pid] > most[names[pid]]) most[names[pid]] = peak[pid]
                }
                for (name in most) print most[name], name
            }' "$2" - | sort -rn > "$2.new"
        mv "$2.new" "$2"
        sleep 0.1
    done
}

# results WORD LOG: the lines of a log that say of a test, and not of a suite, a case or the run, that it has WORD.
results() { grep -aE "^[^ ]+ Test .* $1" "$2" | grep -avE '^[^ ]+ Test (run with|case passing) ' || true; }

failures=0 least= most=0
printf '%-4s %-42s %8s %7s %7s %8s  %s\n' run conditions seconds passed failed skipped 'failed tests'

# run NAME CONDITIONS LIMIT MEASURES: one run, and its row. LIMIT is in kibibytes, or `unlimited`.
run() {
    local log=$logs/$1.log status=0 began=$SECONDS process seconds passed failed skipped names
    ([ "$3" = unlimited ] || ulimit -v "$3" || exit; exec "${tests[@]}" ${filter[@]+"${filter[@]}"}) > "$log" 2>&1 < /dev/null &
    process=$!
    helpers+=("$process")
    if $4; then measure "$process" "$logs/peak"; fi
    wait "$process" || status=$?
    unset 'helpers[-1]'
    seconds=$((SECONDS - began))
    sed -i 's/\x1b\[[0-9;]*m//g' "$log"
    passed=$(results 'passed after ' "$log" | wc -l)
    failed=$(results 'failed after ' "$log" | wc -l)
    skipped=$(results 'skipped(:|\.|$)' "$log" | wc -l)
    # `swift test` loses lines now and then, but not its last.
    if [ "$status" = 0 ]; then
        passed=$(($(grep -aoE 'Test run with [0-9]+ tests?' "$log" | grep -oE '[0-9]+' | paste -sd+) - skipped))
    fi
    names=$(results 'failed after ' "$log" | sed -E 's/^[^ ]+ Test //; s/ (with [0-9]+ test cases? )?failed after .*//' | paste -sd' ')
    if [ "$status" != 0 ] && [ "$failed" = 0 ]; then
        # A signal may end the process that runs the tests, in the middle of a line.
        names="($(grep -aoE 'exited with unexpected signal code [0-9]+' "$log" | head -n 1 || echo "status $status"), see $log)"
    fi
    if [ "$status" = 0 ] && [ "$passed" = 0 ]; then status=1 names="(no test was run, see $log)"; fi
    printf '%-4s %-42s %8s %7s %7s %8s  %s\n' "$1" "$2" "$seconds" "$passed" "$failed" "$skipped" "$names"
    if [ "$status" != 0 ]; then failures=$((failures + 1)); fi
    if [ -z "$least" ] || [ "$seconds" -lt "$least" ]; then least=$seconds; fi
    if [ "$seconds" -gt "$most" ]; then most=$seconds; fi
}

conditions=$([ "$busy" = 0 ] && echo alone || echo "beside $busy busy processes")
limit=unlimited
if $limit_memory; then
    run 0 "$conditions, measured" unlimited true
    read -r peak name < "$logs/peak"
    limit=$((peak + peak / 10))
    echo "     most address space, in KiB: $(head -n 5 "$logs/peak" | paste -sd, | sed 's/,/, /g')"
    conditions+=", ulimit -v $limit"
fi
for ((number = 1; number <= runs; number++)); do run "$number" "$conditions" "$limit" false; done
results 'skipped(:|\.|$)' "$logs/$runs.log" | sed -E 's/^[^ ]+ Test //'
echo "$failures runs failed; from $least to $most seconds a run"
[ "$failures" = 0 ]
