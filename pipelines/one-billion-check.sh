#!/usr/bin/env bash
# Looks at what pipelines/one-billion.mk is given, before anything is made.
#   pipelines/one-billion-check.sh CORPUS=folder [NAME=VALUE…]
# The variables are those of one-billion.mk, which may stand in the environment too; options and targets of make are passed over.
# Prints the folder of the training files, that of the held-out files, and how many hosts HOSTS names. The first thing that is wrong gives
# a line, and a status of sysexits.h: 64 for a value that cannot be, or a variable that there is not, 66 for a file that is not there,
# 69 for a program that is missing, 73 for a folder that cannot be made.
set -euo pipefail
here=$(dirname -- "$0")
fail() { echo "one-billion.mk: $2" >&2; exit "$1"; }
printf '%s\0' "$@" | "$here/variables.sh" "$here/one-billion.mk"
# Numbers and names that the tools take, those of one system among them; see `takes`.
values=()
for word; do
    case $word in
        CORPUS=* | OUT=* | FILES=* | HELD_OUT_FILES=* | VECTORS=* | SYSTEMS=* | ENCODE=* | DEVICE=* | HOSTS=* | MPIEXEC=* | BIN=* | \
            RANKS=* | LANES=* | PRESET=* | BATCH=* | EPOCHS=* | SEED=* | FEWEST=* | MERGES=*) declare "${word%%=*}=${word#*=}" ;;
        PRESET_elmo*=* | BATCH_elmo*=* | RECIPE_elmo*=*) values+=("$word") ;;
    esac
done
values=(${PRESET:+PRESET="$PRESET"} ${BATCH:+BATCH="$BATCH"} ${LANES:+LANES="$LANES"}
    EPOCHS="${EPOCHS-10}" SEED="${SEED-1}" FEWEST="${FEWEST-3}" MERGES="${MERGES-30000}" "${values[@]}")
corpus=${CORPUS-} out=${OUT-one-billion} files=${FILES-99} heldOutFiles=${HELD_OUT_FILES-50} device=${DEVICE-cpu} hosts=${HOSTS-}
systems=${SYSTEMS-elmo-c elmo-a elmo-sub elmo}

[ "$corpus" ] || fail 64 "CORPUS is not set: it is the extracted folder of the One Billion Word Benchmark (docs/one-billion.md)"
for name in CORPUS OUT VECTORS ENCODE HOSTS; do
    case ${!name-} in *[[:space:]]*) fail 64 "$name=${!name}: names with blanks are not taken" ;; esac
done
[ "$out" ] || fail 64 "OUT is empty: it is the folder for all that is made"
[[ $files =~ ^[1-9][0-9]?$ ]] || fail 64 "FILES=$files: must be from 1 to 99"
[[ $heldOutFiles =~ ^([1-9]|[1-4][0-9]|50)$ ]] || fail 64 "HELD_OUT_FILES=$heldOutFiles: must be from 1 to 50"
case $device in cpu | cuda | cluster) ;; *) fail 64 "DEVICE=$device: must be cpu, cuda or cluster" ;; esac
[[ $systems =~ [^[:space:]] ]] || fail 64 "SYSTEMS is empty: it is some of elmo-c elmo-a elmo-sub elmo"
for system in $systems; do
    case $system in
        elmo-c | elmo-a | elmo-sub | elmo) ;;
        *) fail 64 "SYSTEMS=$systems: there is no $system, but elmo-c, elmo-a, elmo-sub and elmo" ;;
    esac
done
[[ ${RANKS:-1} =~ ^[1-9][0-9]{0,4}$ ]] || fail 64 "RANKS=$RANKS: must be a whole number from 1 to 99999"
case ${MPIEXEC-} in
    *[[:space:]]*) fail 64 "MPIEXEC=$MPIEXEC: its options go into MPIEXEC_FLAGS: MPIEXEC=${MPIEXEC%%[[:space:]]*} \
MPIEXEC_FLAGS='--hostfile $out/stages/mpi-hosts ${MPIEXEC#*[[:space:]]}'" ;;
esac

# The tools, where tools.mk finds them; it also says that they are missing.
bin=${BIN-}
if [ -z "${BIN+set}" ]; then
    for folder in "$here/../.build/release" "$here/bin" "$here/../bin"; do
        if [ -x "$folder/train" ]; then bin=$folder && break; fi
    done
fi
declare -A taken
# takes VARIABLE=VALUE OPTION COMMAND…: that the tool takes the value. It finds no files, so it does no more than look at its options.
takes() {
    local variable=$1 option=$2 message
    shift 2
    [ "${variable#*=}" ] || fail 64 "${variable%%=*} is empty"
    [ -z "${taken[$option=${variable#*=}]-}" ] || return 0
    taken[$option=${variable#*=}]=yes
    message=$("${bin:+$bin/}$1" --quiet "${@:2}" "$option=${variable#*=}" /nowhere/input 2>&1 > /dev/null < /dev/null) || true
    case $message in
        "$1: "*"$option "*"; see: "*)
            message=${message#"$1: "}
            fail 64 "$variable: ${message%%; see: *}" ;;
    esac
}
for value in "${values[@]}"; do
    case $value in
        FEWEST=*) takes "$value" --min-count build-vocab ;;
        MERGES=*) takes "$value" --bpe build-vocab ;;
        *) option=${value%%[_=]*} option=${option,,}
           takes "$value" "--$option" train --dry-run --table /nowhere/table ;;
    esac
done

[ -d "$corpus" ] || fail 66 "CORPUS=$corpus: there is no such folder"
# folder NAME: of the corpus or of the folder that the archive has in it; else the files lie in the corpus itself.
folder() {
    local parent
    for parent in "$corpus" "$corpus/1-billion-word-language-modeling-benchmark-r13output"; do
        if [ -d "$parent/$1" ]; then echo "$parent/$1"; return; fi
    done
    echo "$corpus"
}
# complete WHAT PATTERN FIRST LAST: that these files are there, with something in them.
complete() {
    local number file count=0 first=
    for number in $(seq "$3" "$4"); do
        # shellcheck disable=SC2059
        file=$(printf "$2" "$number")
        if [ ! -f "$file" ] || [ ! -r "$file" ] || [ ! -s "$file" ]; then
            count=$((count + 1))
            first=${first:-$file}
        fi
    done
    case $count in
        0) ;;
        1) fail 66 "CORPUS=$corpus: 1 of the $(($4 - $3 + 1)) $1 files is missing or empty: $first" ;;
        *) fail 66 "CORPUS=$corpus: $count of the $(($4 - $3 + 1)) $1 files are missing or empty, the first is $first" ;;
    esac
}
training=$(folder training-monolingual.tokenized.shuffled)
heldOut=$(folder heldout-monolingual.tokenized.shuffled)
complete training "${training//%/%%}/news.en-%05d-of-00100" 1 "$files"
complete held-out "${heldOut//%/%%}/news.en.heldout-%05d-of-00050" 0 $((heldOutFiles - 1))

for name in VECTORS ENCODE; do
    file=${!name-}
    if [ "$file" ] && { [ ! -f "$file" ] || [ ! -r "$file" ]; }; then fail 66 "$name=$file: there is no such file"; fi
done
hostCount=1
if [ "$device" = cluster ]; then
    [ "$hosts" ] || fail 64 "DEVICE=cluster needs HOSTS, a file with the name of a host a line"
    if [ ! -f "$hosts" ] || [ ! -r "$hosts" ]; then fail 66 "HOSTS=$hosts: there is no such file"; fi
    hostCount=$(awk '$1 !~ /^#/ && NF { n += 1 } END { print n + 0 }' "$hosts")
    [ "$hostCount" -gt 0 ] || fail 65 "HOSTS=$hosts: names no host"
    command -v -- "${MPIEXEC-mpiexec}" > /dev/null || fail 69 "${MPIEXEC-mpiexec} is missing: apt install openmpi-bin, or set MPIEXEC"
fi
case " $systems " in
    *' elmo-c '* | *' elmo-a '*)
        if [ ! "${VECTORS-}" ] && [ ! -e "$out/words.vec" ] && ! command -v fasttext > /dev/null; then
            fail 69 "fasttext is missing, which makes vectors where VECTORS is not set: apt install fasttext"
        fi ;;
esac
# A folder is made, and taken away, where the first folder of OUT would be made.
place=$out
while [ ! -e "$place" ] && [ "$place" != "$(dirname -- "$place")" ]; do place=$(dirname -- "$place"); done
{ trial=$(mktemp -d -- "$place/.contour.XXXXXX") && rmdir -- "$trial"; } 2> /dev/null || fail 73 "OUT=$out cannot be made or written"
echo "$training $heldOut $hostCount"
