#!/usr/bin/env bash
# NVIDIA's compiler of kernels, NVRTC, from PyPI, for tests that compile for GPUs which are not there.
#   pipelines/nvrtc.sh [folder]
# The libraries go to the folder, .build/nvrtc unless it is named; nothing happens if they are there. Without a network or pip, or on
# a machine that the package is not for, it says so on stderr and exits with 69.
set -uo pipefail
if [ $# -gt 1 ] || [[ ${1:-} == -* ]]; then
    sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
    exit 64
fi
folder=${1:-$(cd "$(dirname "$0")" && pwd)/../.build/nvrtc}
if [ -e "$folder/libnvrtc.so.13" ]; then exit 0; fi
mkdir -p "$folder" || exit 73
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! python3 -m pip download --quiet --no-deps --timeout 20 --dest "$work" 'nvidia-cuda-nvrtc==13.*' > "$work/log" 2>&1 ||
    ! python3 -m zipfile -e "$work"/nvidia_cuda_nvrtc-*.whl "$work/wheel" 2>> "$work/log"; then
    echo "nvrtc.sh: NVRTC cannot be had from PyPI; kernels are not compiled for GPUs: $(grep -v '^ *$' "$work/log" | tail -n 1)" >&2
    exit 69
fi
# The library comes last, because it is what says that all of them are there.
for part in builtins ''; do
    find "$work/wheel" -name "libnvrtc${part:+-$part}.so*" ! -name '*.alt.so*' -exec mv -t "$folder" {} +
done
