#!/usr/bin/env python3
"""Compares the vectors that python/contour.py makes in PyTorch with those of `encode`.

    python_parity.py < jobs

A line of `jobs` is a name, a model, its table or `-`, its merges or `-`, and what `encode --layers all --format npy --tokens` wrote:
vectors and tokens; with tabs between them. Sentences go through the encoder in batches of `--batch` in the order of the text, short
and long ones side by side. For each line two numbers a layer are printed, the input layer's first:

deviation   the largest |PyTorch - encode| / max(1, |encode|)
rounding    the same of PyTorch in 32 bits and in 64: what the bits of a float leave open

A sentence passes if its deviation is at most 1e-5, or at most four times its rounding: a norm over projections that are nearly equal
makes much of little, whoever computes it. The status is 1 if one does not, or if a gradient does not reach a weight.
"""
import argparse
import pathlib
import sys

import numpy as np
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "python"))
import contour  # noqa: E402

BOUND, ROUNDINGS = 1e-5, 4


def deviation(ours, theirs):
    """The largest of each layer, of vectors (tokens, layers, width)."""
    return (abs(ours - theirs) / np.maximum(1, abs(theirs))).max((0, 2), initial=0)


def compare(encoder, exact, vectors, sentences, batch):
    """Deviation and rounding of each layer, and the number of sentences that do not pass."""
    largest, rounding, failures, at = np.zeros(vectors.shape[1]), np.zeros(vectors.shape[1]), 0, 0
    for first in range(0, len(sentences), batch):
        part = sentences[first:first + batch]
        with torch.no_grad():
            encoded, exactly = encoder(part), exact(part)
        for number, sentence in enumerate(part):
            theirs = vectors[at:at + len(sentence)]
            at += len(sentence)
            ours = encoded.sentence(number).cpu().numpy()
            if ours.shape != theirs.shape:
                sys.exit(f"sentence {first + number} has the shape {theirs.shape} by encode, and here {ours.shape}")
            own, left = deviation(ours, theirs), deviation(ours, exactly.sentence(number).cpu().numpy())
            failures += bool((own > np.maximum(BOUND, ROUNDINGS * left)).any())
            largest, rounding = np.maximum(largest, own), np.maximum(rounding, left)
    if at != len(vectors):
        sys.exit(f"encode has vectors of {len(vectors)} tokens, and the text has {at}")
    return largest, rounding, failures


def weights_without_gradient(encoder, sentences):
    """The names of weights that no gradient reaches, or one that is not finite, in training mode."""
    encoder.train().zero_grad()
    layers = encoder(sentences).layers
    (layers * torch.randn(layers.shape, generator=torch.Generator().manual_seed(1)).to(layers.device)).sum().backward()
    return [name for name, weight in encoder.named_parameters()
            if weight.grad is None or not weight.grad.isfinite().all() or not weight.grad.any()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    # The networks are small: threads would wait for each other.
    torch.set_num_threads(1)
    status, overall = 0, 0.0
    print(f"{'':34} deviation, rounding")
    for line in sys.stdin:
        name, model, table, merges, vectors, tokens = line.rstrip("\n").split("\t")
        inputs = {"table": None if table == "-" else table, "merges": None if merges == "-" else merges}
        encoder = contour.Encoder(model, **inputs).to(options.device)
        exact = contour.Encoder(encoder.model, **inputs).double().to(options.device)
        with open(tokens, encoding="utf-8") as file:
            sentences = [line.split() for line in file]
        largest, rounding, failures = compare(encoder, exact, np.load(vectors, mmap_mode="r"), sentences, options.batch)
        without = weights_without_gradient(encoder, sentences[:options.batch])
        complaint = f"  {failures} SENTENCES DIFFER" if failures else ""
        complaint += f"  NO GRADIENT: {' '.join(without)}" if without else ""
        status, overall = status or int(complaint != ""), max(overall, largest.max())
        columns = [" ".join(f"{value:.1e}" for value in values) for values in (largest, rounding)]
        print(f"{name:34} {', '.join(columns)}{complaint}", flush=True)
    print(f"\nThe largest deviation: {overall:.1e}")
    sys.exit(status)


if __name__ == "__main__":
    main()
