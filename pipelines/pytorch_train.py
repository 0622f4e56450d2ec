#!/usr/bin/env python3
"""Words a second of the ELMo-C encoder in PyTorch: the peer of `bench train`.

One direction, or both, of: linear input layer, layer norm, two LSTM layers with projection, a residual connection round
the second, linear output layer, cosine loss, truncated BPTT with carried state, global-norm clipping, Adam. PyTorch's
fused LSTM knows no clipping of cell and projection, no recurrent dropout and no layer norm inside, so it is spared them.

    pytorch_train.py --cell 1024 --projection 256 --batch 64 --window 20 --dimension 300 --seconds 20
"""
import argparse
import time

import torch
from torch import nn


class Direction(nn.Module):
    def __init__(self, dimension, cell, projection):
        super().__init__()
        self.input = nn.Linear(dimension, projection)
        self.norm = nn.LayerNorm(projection)
        self.first = nn.LSTM(projection, cell, proj_size=projection)
        self.second = nn.LSTM(projection, cell, proj_size=projection)
        self.output = nn.Linear(projection, dimension)

    def forward(self, vectors, states):
        inputs = self.norm(self.input(vectors))
        first, state1 = self.first(inputs, states[0])
        second, state2 = self.second(first, states[1])
        return self.output(first + second), [tuple(x.detach() for x in state) for state in (state1, state2)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cell", type=int, default=1024)
    parser.add_argument("--projection", type=int, default=256)
    parser.add_argument("--dimension", type=int, default=300)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--window", type=int, default=20)
    parser.add_argument("--directions", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)

    models = [Direction(options.dimension, options.cell, options.projection) for _ in range(options.directions)]
    optimisers = [torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-6) for model in models]
    states = [[None, None] for _ in models]
    shape = (options.window, options.batch, options.dimension)
    table = nn.functional.normalize(torch.randn(10_000, options.dimension), dim=-1)

    def step():
        for index, model in enumerate(models):
            rows = torch.randint(0, len(table), shape[:2])
            targets = table[torch.randint(0, len(table), shape[:2])]
            predictions, states[index] = model(table[rows], states[index])
            loss = (1 - nn.functional.cosine_similarity(predictions, targets, dim=-1)).mean()
            optimisers[index].zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimisers[index].step()

    for _ in range(2):
        step()
    steps, start = 0, time.perf_counter()
    while time.perf_counter() - start < options.seconds or steps == 0:
        step()
        steps += 1
    seconds = time.perf_counter() - start
    # A word is counted once, whether one direction or both are trained on it.
    print(f"{steps * options.batch * options.window / seconds:.1f}")


if __name__ == "__main__":
    main()
