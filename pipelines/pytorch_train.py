#!/usr/bin/env python3
"""Words a second of the ELMo-C encoder in PyTorch: the peer of `bench train`.

One direction, or both, of: linear input layer, layer norm, two LSTM layers with projection, a residual connection round
the second, linear output layer, cosine loss, truncated BPTT with carried state, global-norm clipping, Adam. PyTorch is
spared the clipping of cells and projections, the layer norm inside the LSTM and the recurrent dropout.

    pytorch_train.py --cell 1024 --projection 256 --batch 64 --window 20 --dimension 300 --seconds 20

The LSTM comes in two formulations: `fused` is nn.LSTM with proj_size, `compiled` a loop over the steps, its input product
taken out, under torch.compile (which needs a C++ compiler). Without --formulation, both are tried and the faster is
measured. Denormals are flushed and Adam is the fused one, because both make PyTorch faster.
"""
import argparse
import sys
import time
import warnings

import torch
from torch import nn


class StepLSTM(nn.Module):
    """An LSTM layer with projection whose steps torch.compile can fuse."""

    def __init__(self, inputs, cell, proj_size):
        super().__init__()
        self.cell = cell
        self.input = nn.Linear(inputs, 4 * cell)
        self.recurrent = nn.Linear(proj_size, 4 * cell, bias=False)
        self.projection = nn.Linear(cell, proj_size, bias=False)

    def forward(self, vectors, state):
        gates = self.input(vectors)
        output, memory = state
        outputs = []
        for step in range(vectors.shape[0]):
            i, f, g, o = (gates[step] + self.recurrent(output)).chunk(4, dim=-1)
            memory = torch.sigmoid(f) * memory + torch.sigmoid(i) * torch.tanh(g)
            output = self.projection(torch.sigmoid(o) * torch.tanh(memory))
            outputs.append(output)
        return torch.stack(outputs), (output, memory)


class FusedLSTM(nn.LSTM):
    """nn.LSTM, with states without its layer axis."""

    def forward(self, vectors, state):
        outputs, state = super().forward(vectors, tuple(part.unsqueeze(0) for part in state))
        return outputs, tuple(part.squeeze(0) for part in state)


class Direction(nn.Module):
    def __init__(self, lstm, dimension, cell, projection):
        super().__init__()
        self.input = nn.Linear(dimension, projection)
        self.norm = nn.LayerNorm(projection)
        self.first = lstm(projection, cell, proj_size=projection)
        self.second = lstm(projection, cell, proj_size=projection)
        self.output = nn.Linear(projection, dimension)

    def forward(self, vectors, targets, states):
        inputs = self.norm(self.input(vectors))
        first, state1 = self.first(inputs, states[0])
        second, state2 = self.second(first, states[1])
        predictions = self.output(first + second)
        loss = (1 - nn.functional.cosine_similarity(predictions, targets, dim=-1)).mean()
        return loss, [tuple(part.detach() for part in state) for state in (state1, state2)]


class Trainer:
    def __init__(self, formulation, options):
        lstm = FusedLSTM if formulation == "fused" else StepLSTM
        self.options = options
        self.models = [
            Direction(lstm, options.dimension, options.cell, options.projection) for _ in range(options.directions)
        ]
        self.calls = [torch.compile(model) if formulation == "compiled" else model for model in self.models]
        self.optimisers = [torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-6, fused=True) for model in self.models]
        self.states = [
            [(torch.zeros(options.batch, options.projection), torch.zeros(options.batch, options.cell))] * 2
            for _ in self.models
        ]
        self.table = nn.functional.normalize(torch.randn(20_000, options.dimension), dim=-1)

    def rows(self):
        return self.table[torch.randint(0, len(self.table), (self.options.window, self.options.batch))]

    def step(self):
        for index, model in enumerate(self.models):
            loss, self.states[index] = self.calls[index](self.rows(), self.rows(), self.states[index])
            self.optimisers[index].zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            self.optimisers[index].step()

    def words_per_second(self, seconds):
        """A word is counted once, whether one direction or both are trained on it."""
        steps, start = 0, time.perf_counter()
        while steps == 0 or time.perf_counter() - start < seconds:
            self.step()
            steps += 1
        return steps * self.options.batch * self.options.window / (time.perf_counter() - start)


def prepared(formulation, options):
    """A trainer that has warmed up, and compiled itself where it does."""
    trainer = Trainer(formulation, options)
    for _ in range(2):
        trainer.step()
    return trainer


def faster(options):
    trainers = {"fused": prepared("fused", options)}
    try:
        trainers["compiled"] = prepared("compiled", options)
    except Exception as error:  # No C++ compiler, or a torch without its compiler.
        print(f"torch.compile does not work here: {str(error).splitlines()[0]}", file=sys.stderr)
    speeds = {name: 0.0 for name in trainers}
    for _ in range(3):
        for name, trainer in trainers.items():
            speeds[name] = max(speeds[name], trainer.words_per_second(2))
    print(", ".join(f"{name} {speed:.0f} words/s" for name, speed in speeds.items()), file=sys.stderr)
    name = max(speeds, key=speeds.get)
    return name, trainers[name]


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
    parser.add_argument("--formulation", choices=["fused", "compiled"])
    parser.add_argument("--serve", action="store_true",
                        help="measure once for every line on standard input, so that runs of another program go between")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", message="LSTM with projections is not supported")
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(1)

    if options.formulation:
        name, trainer = options.formulation, prepared(options.formulation, options)
    else:
        name, trainer = faster(options)
    if not options.serve:
        print(f"{trainer.words_per_second(options.seconds):.1f}")
        return
    print(name, flush=True)
    for _ in sys.stdin:
        print(f"{trainer.words_per_second(options.seconds):.1f}", flush=True)


if __name__ == "__main__":
    main()
