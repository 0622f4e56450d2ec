#!/usr/bin/env bash
# Refuses a variable of make's command line that no makefile has: make would take it in silence, and it would change nothing.
#   pipelines/variables.sh MAKEFILE… < WORDS
# WORDS are those of the command line, each ended by a zero byte. A makefile has the variables that it sets by ?=, and BIN. The first
# other one gives a line, which names the variable of the nearest name if one is near, and the status 64.
set -euo pipefail
if [ $# -lt 1 ]; then
    sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
    exit 64
fi
# SHELL and its like are make's own.
known=$(sed -n 's/^\([A-Za-z_][A-Za-z0-9_-]*\) *?=.*/\1/p' -- "$@" && printf '%s\n' BIN SHELL MAKE MAKEFLAGS)
before=
while IFS= read -r -d '' word; do
    # What belongs to an option of make, such as the folder of -C, is no variable.
    case $before in
        -[CfIoWE] | -[!-]*[CfIoWE] | --file | --makefile | --directory | --include-dir | --old-file | --what-if | --new-file | --eval)
            before= && continue ;;
    esac
    before=$word
    [[ $word =~ ^([A-Za-z_][A-Za-z0-9_.-]*)[[:space:]]*[:+?!]*= ]] || continue
    name=${BASH_REMATCH[1]}
    if grep -qxF -e "$name" <<< "$known"; then continue; fi
    # The nearest: by how few letters must be put in, taken out or changed, large and small ones being the same.
    nearest=$(awk -v name="$name" '
        function distance(a, b,    i, j, n, m, row, above, least) {
            n = length(a); m = length(b)
            for (j = 0; j <= m; j++) row[j] = j
            for (i = 1; i <= n; i++) {
                above = row[0]; row[0] = i
                for (j = 1; j <= m; j++) {
                    least = above + (substr(a, i, 1) != substr(b, j, 1))
                    if (row[j] + 1 < least) least = row[j] + 1
                    if (row[j - 1] + 1 < least) least = row[j - 1] + 1
                    above = row[j]; row[j] = least
                }
            }
            return row[m]
        }
        BEGIN { found = 3 }
        { d = distance(toupper(name), toupper($0)); if (d < found && 2 * d < length(name)) { found = d; nearest = $0 } }
        END { print nearest }' <<< "$known")
    if [ "$nearest" ]; then hint="the nearest is $nearest"; else hint="its top names all that there are"; fi
    echo "${1##*/}: there is no variable $name; $hint" >&2
    exit 64
done
