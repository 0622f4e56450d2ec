#!/usr/bin/env bash
# The record of a machine that results begin with (docs/report.md), a line of JSON.
#   COMMAND=… TEXT=… VERSION=… pipelines/machine-record.sh
set -euo pipefail
# quoted TEXT: as a string of JSON.
quoted() { local text=${1//\\/\\\\}; text=${text//\"/\\\"}; printf '"%s"' "${text//[[:cntrl:]]/ }"; }
# The processor, called as the benchmarks call it.
processor=$(awk -F' *: *' '{ gsub(/[ \t]+/, " "); sub(/ $/, "", $1); if (!($1 in field)) field[$1] = $2 }
    END { print field["model name"] (field["cpu family"] != "" && field["model"] != "" ? \
        ", family " field["cpu family"] ", model " field["model"] : "") }' /proc/cpuinfo)
printf '{"command":%s,"date":"%s","event":"machine","processor":%s,"text":%s,"threads":%d,"version":%s}\n' \
    "$(quoted "${COMMAND:-}")" "$(date +%F)" "$(quoted "$processor")" "$(quoted "${TEXT:-}")" "$(nproc)" "$(quoted "${VERSION:-}")"
