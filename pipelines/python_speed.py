#!/usr/bin/env python3
"""Times what python/contour.py does: a line for each kind of work with the median of the rounds.

    python_speed.py --model model --table table --tokens corpus.tok --vectors vectors.shard --array vectors.npy --encode COMMAND

`vectors` and `array` are what `encode` wrote for `tokens`; COMMAND is how. Each round reads all files once, encodes the text by
COMMAND, and in PyTorch in batches of sentences of nearly the same length.
"""
import argparse
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "python"))
import contour  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("model", "table", "tokens", "vectors", "array", "encode"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=64)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    encoder = contour.Encoder(options.model, table=options.table)
    sentences = sorted(contour.Tokens(options.tokens), key=len)
    words = sum(map(len, sentences))
    package, size = contour._lz4, pathlib.Path(options.array).stat().st_size

    def read_vectors():
        for _, values in contour.Vectors(options.vectors):
            values.sum()

    def read_without_lz4():
        contour._lz4 = None
        read_vectors()
        contour._lz4 = package

    def read_array():
        vectors, offsets = np.load(options.array, mmap_mode="r"), np.load(options.array.replace(".npy", ".offsets.npy"))
        for start, end in zip(offsets, offsets[1:]):
            vectors[start:end].sum()

    def encode_in_pytorch():
        with torch.no_grad():
            for start in range(0, len(sentences), options.batch):
                encoder(sentences[start:start + options.batch])

    work = {
        "token shard": lambda: sum(map(len, contour.Tokens(options.tokens))),
        "table, all rows": lambda: contour.Table(options.table).matrix().sum(),
        "vector shard" + ("" if package else ", no lz4"): read_vectors,
        "vector shard, without lz4": read_without_lz4,
        "npy array": read_array,
        "encode": lambda: subprocess.run(options.encode, shell=True, check=True),
        "contour.Encoder": encode_in_pytorch,
    }
    seconds = {name: [] for name in work}
    for _ in range(options.rounds):
        for name, run in work.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    print(f"{len(sentences)} sentences, {words} words, {size / 1e6:.0f} MB of vectors; {options.threads} threads; "
          f"PyTorch {torch.__version__}\n")
    print(f"{'':28}{'seconds':>10}{'words/s':>12}{'MB/s':>8}")
    rows = len(contour.Table(options.table))
    for name, own in seconds.items():
        median = statistics.median(own)
        count = rows if name.startswith("table") else words
        rate = f"{size / 1e6 / median:8.0f}" if "vector" in name or "npy" in name else ""
        print(f"{name:28}{median:10.3f}{count / median:12.0f}{rate}")
    ratio = statistics.median(ours / theirs for ours, theirs in zip(seconds["contour.Encoder"], seconds["encode"]))
    print(f"\ncontour.Encoder takes {ratio:.1f} times as long as encode")


if __name__ == "__main__":
    main()
