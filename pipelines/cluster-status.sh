#!/usr/bin/env bash
# Runs a makefile and ends with the status that it has written to the file CLUSTER_STATUS, where make itself would end with 2.
#   pipelines/cluster-status.sh MAKEFILE [what make takes…]
set -uo pipefail
if [ $# -lt 1 ]; then
    sed -n '2,3s/^# \{0,1\}//p' "$0" >&2
    exit 64
fi
export CLUSTER_STATUS
CLUSTER_STATUS=$(mktemp) || exit 73
trap 'rm -f "$CLUSTER_STATUS"' EXIT
# In the background, so that a signal to this process can be passed on; but not deaf to an interrupt from the terminal.
(trap - INT; exec make --no-print-directory -f "$@") & make=$!
trap 'kill -TERM "$make" 2> /dev/null' TERM HUP
trap : INT
status=130
while kill -0 "$make" 2> /dev/null; do
    wait "$make"
    status=$?
done
written=$(cat "$CLUSTER_STATUS")
# Make's 2 is a target or an option that there is not.
if [ "$status" = 2 ]; then status=64; fi
exit "${written:-$status}"
