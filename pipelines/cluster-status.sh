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
make --no-print-directory -f "$@"
status=$?
written=$(cat "$CLUSTER_STATUS")
exit "${written:-$status}"
