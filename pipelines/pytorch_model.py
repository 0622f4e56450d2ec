"""Contour's encoder in PyTorch, as fast as PyTorch runs it on a CPU: what pytorch_train.py and pytorch_quality.py
train.

One direction (Sources/Model/DirectionModel.swift): linear input layer, layer norm, LSTM layers with projection, a
residual connection round each from the second on, linear output layer, cosine loss; truncated BPTT with carried state,
clipping of the gradient's norm, Adam. The LSTM layers come in two kinds:

same    Contour's (Sources/Layers/ProjectedLSTM.swift): cells and projections clipped at 3, layer norm on the projected
        state, recurrent dropout with one mask for a window. As many weights as Contour has.
spared  the plain LSTM with projection that PyTorch's own nn.LSTM computes: no clipping, norm or dropout inside.

A formulation says how a kind is run: `same-eager` and `same-compiled` (a loop over the steps, the input's product taken
out of it, as it stands or under torch.compile, which needs a C++ compiler), `spared-library` (nn.LSTM with proj_size)
and `spared-compiled`. Directions share nothing, so they can be trained one after the other on all threads, or at once
on a part of the threads each.
"""
import concurrent.futures
import dataclasses
import os
import warnings

import torch
from torch import nn
from torch.nn import functional

FORMULATIONS = {"same": ["same-eager", "same-compiled"], "spared": ["spared-library", "spared-compiled"]}
CLIP = 3.0
DROPOUT = 0.1


def add_options(parser):
    """The options of training that all programs have which train."""
    parser.add_argument("--batch", type=int, default=64, help="parallel streams of text")
    parser.add_argument("--window", type=int, default=20, help="words of a stream that are trained together")
    parser.add_argument("--directions", type=int, default=2, choices=[1, 2])
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))


@dataclasses.dataclass
class Sizes:
    """`dimension` is the width of the words' vectors; cell and projection are those of a layer and direction."""
    dimension: int
    cell: int
    projection: int
    layers: int = 2


def prepare_thread(threads):
    """For work from this thread: how many threads it may use, and that denormals are flushed, which is faster."""
    torch.set_flush_denormal(True)
    torch.set_num_threads(threads)
    warnings.filterwarnings("ignore", message="LSTM with projections is not supported")


def glorot(inputs, outputs, blocks=1):
    """A weight [inputs, blocks * outputs], uniform in ±sqrt(6 / (inputs + outputs))."""
    bound = (6 / (inputs + outputs)) ** 0.5
    return nn.Parameter(torch.empty(inputs, blocks * outputs).uniform_(-bound, bound))


class Linear(nn.Module):
    """y = x W + b, the weight [inputs, outputs] as in Contour's model files."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = glorot(inputs, outputs)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        return functional.linear(x, self.weight.t(), self.bias)


class LoopLSTM(nn.Module):
    """An LSTM layer with projection, step by step: [steps, batch, projection] in and out. Gates: input, forget,
    candidate, output."""

    def __init__(self, sizes, spared):
        super().__init__()
        cell, width = sizes.cell, sizes.projection
        self.spared = spared
        self.input_weight = glorot(width, cell, blocks=4)
        self.recurrent_weight = glorot(width, cell, blocks=4)
        self.bias = nn.Parameter(torch.zeros(4 * cell))
        with torch.no_grad():
            self.bias[cell:2 * cell] = 1
        self.projection_weight = glorot(cell, width)
        self.norm = None if spared else nn.LayerNorm(width)

    def forward(self, x, state, mask):
        output, memory = state
        outputs = []
        gates = functional.linear(x, self.input_weight.t(), self.bias)
        for step in gates.unbind(0):
            i, f, g, o = torch.addmm(step, output, self.recurrent_weight).chunk(4, dim=1)
            memory = torch.sigmoid(f) * memory + torch.sigmoid(i) * torch.tanh(g)
            if not self.spared:
                memory = memory.clamp(-CLIP, CLIP)
            output = (torch.sigmoid(o) * torch.tanh(memory)) @ self.projection_weight
            if not self.spared:
                output = self.norm(output.clamp(-CLIP, CLIP))
                if mask is not None:
                    output = output * mask
            outputs.append(output)
        return torch.stack(outputs), (output, memory)


class LibraryLSTM(nn.LSTM):
    """nn.LSTM, its states without their layer axis. It has a second bias, which does nothing."""

    def __init__(self, sizes):
        super().__init__(sizes.projection, sizes.cell, proj_size=sizes.projection)

    def forward(self, x, state, mask):
        outputs, state = super().forward(x, tuple(part.unsqueeze(0) for part in state))
        return outputs, tuple(part.squeeze(0) for part in state)


class DirectionModel(nn.Module):
    def __init__(self, sizes, formulation):
        super().__init__()
        self.sizes = sizes
        self.spared = formulation.startswith("spared")
        self.input = Linear(sizes.dimension, sizes.projection)
        self.norm = nn.LayerNorm(sizes.projection)
        self.layers = nn.ModuleList(
            LibraryLSTM(sizes) if formulation == "spared-library" else LoopLSTM(sizes, self.spared)
            for _ in range(sizes.layers))
        self.output = Linear(sizes.projection, sizes.dimension)

    def zero_states(self, batch):
        return [(torch.zeros(batch, self.sizes.projection), torch.zeros(batch, self.sizes.cell)) for _ in self.layers]

    def masks(self, batch, rate, generator):
        """A draw of the recurrent dropout for a window: a mask [batch, projection] for each layer."""
        if self.spared or rate == 0:
            return [None for _ in self.layers]
        shape, kept = (batch, self.sizes.projection), 1 / (1 - rate)
        return [(torch.rand(shape, generator=generator) >= rate) * kept for _ in self.layers]

    def predict(self, vectors, states, masks):
        """[steps, batch, dimension] in and out, and the states after the last step."""
        below, after = self.norm(self.input(vectors)), []
        for index, layer in enumerate(self.layers):
            output, state = layer(below, states[index], masks[index])
            below = output if index == 0 else output + below
            after.append(state)
        return self.output(below), after

    def forward(self, vectors, targets, weights, states, masks):
        """The mean of 1 - cosine over the positions, weighted, and the states after the window. Targets are unit
        vectors (or zeros where the weight is 0); weights [steps, batch], or None for all 1."""
        predictions, states = self.predict(vectors, states, masks)
        losses = 1 - (functional.normalize(predictions, dim=-1) * targets).sum(-1)
        loss = losses.mean() if weights is None else (losses * weights).sum() / weights.sum()
        return loss, [tuple(part.detach() for part in state) for state in states]

    def parameters_by_name(self):
        """The weights of the `same` network by the names of Contour's model files, without the direction."""
        names = {"input.weight": self.input.weight, "input.bias": self.input.bias,
                 "input.norm.gain": self.norm.weight, "input.norm.bias": self.norm.bias,
                 "output.weight": self.output.weight, "output.bias": self.output.bias}
        for number, layer in enumerate(self.layers, start=1):
            names |= {f"layer{number}.input.weight": layer.input_weight, f"layer{number}.bias": layer.bias,
                      f"layer{number}.recurrent.weight": layer.recurrent_weight,
                      f"layer{number}.projection.weight": layer.projection_weight,
                      f"layer{number}.norm.gain": layer.norm.weight, f"layer{number}.norm.bias": layer.norm.bias}
        return names


class DirectionTraining:
    """A direction with its optimiser and the state that windows hand on. The gradient's norm is at most `clip`; `seed`
    is that of the dropout."""

    def __init__(self, sizes, formulation, batch, seed, dropout=DROPOUT, clip=1.0):
        self.model = DirectionModel(sizes, formulation)
        self.call = torch.compile(self.model, dynamic=False) if formulation.endswith("compiled") else self.model
        self.optimiser = torch.optim.Adam(self.model.parameters(), betas=(0.9, 0.999), eps=1e-6, fused=True)
        self.batch, self.dropout, self.clip = batch, dropout, clip
        self.states = self.model.zero_states(batch)
        self.generator = torch.Generator().manual_seed(seed)

    def gradients(self, vectors, targets, weights):
        """Forward and backward; returns the loss."""
        masks = self.model.masks(self.batch, self.dropout, self.generator)
        loss, self.states = self.call(vectors, targets, weights, self.states, masks)
        self.optimiser.zero_grad()
        loss.backward()
        return loss

    def step(self, vectors, targets, weights, rate):
        """One update; returns the loss and the gradient's norm before clipping."""
        loss = self.gradients(vectors, targets, weights)
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.step()
        return loss.item(), norm.item()

    def warm_up(self, vectors, targets, weights):
        """Has everything compiled, for the first states and for later ones, and learns nothing."""
        for _ in range(2):
            self.gradients(vectors, targets, weights)
        self.states = self.model.zero_states(self.batch)


class EncoderTraining:
    """All directions, one after the other or at once."""

    def __init__(self, sizes, formulation, batch, directions, threads, at_once, seed=1, **options):
        self.directions = [DirectionTraining(sizes, formulation, batch, seed=directions * seed + number, **options)
                           for number in range(directions)]
        # A thread for each: what torch.compile makes is for the number of threads that its caller may use.
        part = max(1, threads // directions)
        self.executors = [concurrent.futures.ThreadPoolExecutor(1, initializer=prepare_thread, initargs=(part,))
                          for _ in self.directions] if at_once else []

    @property
    def parameter_count(self):
        return sum(weight.numel() for direction in self.directions for weight in direction.model.parameters())

    def step(self, windows, rate):
        """`windows` holds for each direction a function that gives vectors, targets and weights. Returns (loss, norm)
        of each direction."""
        return self.for_each_direction(lambda direction, window: direction.step(*window(), rate), windows)

    def warm_up(self, windows):
        self.for_each_direction(lambda direction, window: direction.warm_up(*window()), windows)

    def for_each_direction(self, call, windows):
        if not self.executors:
            return [call(*pair) for pair in zip(self.directions, windows)]
        jobs = zip(self.executors, self.directions, windows)
        return [job.result() for job in [executor.submit(call, *pair) for executor, *pair in jobs]]
