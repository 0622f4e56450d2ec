#!/usr/bin/env bash
# ssh as cluster-run.sh needs it: it asks for no password, gives a silent host up after HOST_TIMEOUT seconds, and writes the host's
# name to the file `lost` beside it when the connection has failed or has been lost.
#   cluster-ssh.sh [OPTIONS OF SSH] HOST -- COMMAND…
interval=$(((HOST_TIMEOUT + 1) / 2))
ssh -o BatchMode=yes -o ConnectTimeout="$HOST_TIMEOUT" -o ServerAliveInterval="$interval" -o ServerAliveCountMax=2 "$@"
status=$?
if [ $status = 255 ]; then
    while [ $# -gt 1 ] && [ "$2" != -- ]; do shift; done
    echo "$1" >> "$(dirname -- "$0")/lost"
fi
exit $status
