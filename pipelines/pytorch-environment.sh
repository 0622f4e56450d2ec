#!/usr/bin/env bash
# Prints the path of a Python that has torch, numpy and lz4, and the packages that are named: $PYTHON if that is set, otherwise one
# under .build/, which is made from PyPI if need be.
#   PYTHON=$(pipelines/pytorch-environment.sh [PACKAGE…])
set -euo pipefail
environment=$(cd "$(dirname "$0")/.." && pwd)/.build/pytorch

if [ -z "${PYTHON:-}" ]; then
    PYTHON=$environment/bin/python
    if [ ! -e "$environment/complete" ]; then
        echo "Making a Python environment with torch in .build/pytorch" >&2
        python3 -m venv "$environment"
        "$environment/bin/pip" install --quiet torch numpy lz4 >&2
        touch "$environment/complete"
    fi
    for package; do
        if ! "$PYTHON" -c "import $package" 2>/dev/null; then
            echo "Adding $package to .build/pytorch" >&2
            "$environment/bin/pip" install --quiet "$package" >&2
        fi
    done
fi
modules="torch, numpy, lz4.frame"
for package; do modules+=", $package"; done
if ! "$PYTHON" -c "import $modules" 2>/dev/null; then
    echo "pytorch-environment.sh: $PYTHON lacks one of $modules: $PYTHON -m pip install torch numpy lz4 $*" >&2
    exit 69
fi
printf '%s\n' "$PYTHON"
