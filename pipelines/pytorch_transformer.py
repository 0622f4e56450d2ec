#!/usr/bin/env python3
"""Contour's Transformers in PyTorch, and the words a second that PyTorch trains one on: the peer of `bench train`.

    pytorch_transformer.py --preset transformer-base --batch 20 --window 128 --seconds 20

prints them for one direction, on random words. These ways to run it are tried first, and the fastest is measured;
`--formulation` leaves no choice:

eager         the network as it stands
compiled      under torch.compile
compiled-256  the same, the loops that it makes held to vectors of 256 bits

With `--serve` it measures once for every line on standard input.

The network is Contour's to the last weight (Sources/Layers/Transformer.swift): linear input layer, its layer norm, sinusoids
or trained positions, dropout; layers with the norm before each part; a last norm; linear output layer; cosine loss. Then the
gradient's norm is clipped, and Adam updates the weights. pytorch_encode.py compares the same network with what `encode` gives.
"""
import argparse
import dataclasses
import math
import os
import sys
import time

import torch
from torch import nn
from torch.nn import functional

from pytorch_model import Linear, prepare_thread

# Each with the options of torch.compile, if it is used.
FORMULATIONS = {"eager": None, "compiled": {}, "compiled-256": {"cpp.simdlen": 256}}
# Random words are drawn from so many vectors: more than fit in a cache, as in a vocabulary.
TABLE_ROWS = 20_000


@dataclasses.dataclass
class Shape:
    """The sizes and options of a Transformer, by the names of Contour's model files (Sources/Model/TransformerShape.swift)."""
    width: int
    heads: int
    feedForward: int
    layers: int
    activation: str = "relu"
    positions: str = "sinusoidal"
    longest: int | None = None
    layerNorm: bool = True
    dropout: float = 0.1
    attentionDropout: float = 0.0


PRESETS = {
    "transformer-base": Shape(512, 8, 2048, 6),
    "transformer-large": Shape(1024, 16, 4096, 6),
    "gpt": Shape(768, 12, 3072, 12, activation="gelu", positions="learned", longest=512, attentionDropout=0.1),
}


def sinusoids(steps, width):
    """[steps, width]: sines in even columns, and cosines of the same angle in odd ones (Sources/Kernels/RowOperations.swift)."""
    column = torch.arange(width, dtype=torch.float64)
    angle = torch.arange(steps, dtype=torch.float64)[:, None] * torch.exp(-math.log(10000) * (column // 2 * 2) / width)
    return torch.where(column % 2 == 0, angle.sin(), angle.cos()).float()


class Attention(nn.Module):
    """Causal attention of several heads. In the input weight, query, key and value of the first head come first, then those of
    the second."""

    def __init__(self, shape):
        super().__init__()
        self.heads, self.dropout = shape.heads, shape.attentionDropout
        self.input = Linear(shape.width, 3 * shape.width)
        self.output = Linear(shape.width, shape.width)

    def forward(self, x):
        batch, steps, width = x.shape
        parts = self.input(x).view(batch, steps, self.heads, 3, width // self.heads)
        query, key, value = (part.transpose(1, 2) for part in parts.unbind(3))
        attended = functional.scaled_dot_product_attention(
            query, key, value, is_causal=True, dropout_p=self.dropout if self.training else 0.0)
        return self.output(attended.transpose(1, 2).reshape(batch, steps, width))


class TransformerLayer(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.attention_norm, self.attention = nn.LayerNorm(shape.width), Attention(shape)
        self.norm = nn.LayerNorm(shape.width)
        self.hidden, self.output = Linear(shape.width, shape.feedForward), Linear(shape.feedForward, shape.width)
        self.gelu, self.dropout = shape.activation == "gelu", shape.dropout

    def forward(self, x):
        x = x + functional.dropout(self.attention(self.attention_norm(x)), self.dropout, self.training)
        hidden = self.hidden(self.norm(x))
        hidden = functional.gelu(hidden, approximate="tanh") if self.gelu else functional.relu(hidden)
        return x + functional.dropout(self.output(hidden), self.dropout, self.training)


class TransformerDirection(nn.Module):
    """One direction from words to the encoder's output; `steps` is the longest sequence that it will see.

    - inputs: width of the vectors that come in; 0 if there is no linear input layer.
    """

    def __init__(self, shape, inputs, steps):
        super().__init__()
        self.dropout = shape.dropout
        self.input = Linear(inputs, shape.width) if inputs else None
        self.input_norm = nn.LayerNorm(shape.width) if shape.layerNorm else None
        if shape.positions == "learned":
            self.positions = nn.Parameter(0.02 * torch.randn(shape.longest, shape.width))
        else:
            self.register_buffer("positions", sinusoids(steps, shape.width), persistent=False)
        self.layers = nn.ModuleList(TransformerLayer(shape) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width)

    def forward(self, x):
        """[batch, steps, inputs] to a list of [batch, steps, width]: the input layer's output, and those of all layers. The
        last layer's is behind the last norm."""
        if self.input is not None:
            x = self.input(x)
        if self.input_norm is not None:
            x = self.input_norm(x)
        outputs = [x]
        x = functional.dropout(x + self.positions[:x.shape[1]], self.dropout, self.training)
        for layer in self.layers:
            x = layer(x)
            outputs.append(x)
        outputs[-1] = self.norm(x)
        return outputs

    def parameters_by_name(self):
        """The weights by the names of Contour's model files, without the direction."""
        names = {}

        def add(name, layer):
            if isinstance(layer, nn.LayerNorm):
                names.update({f"{name}.gain": layer.weight, f"{name}.bias": layer.bias})
            elif layer is not None:
                names.update({f"{name}.weight": layer.weight, f"{name}.bias": layer.bias})
        add("input", self.input)
        add("input.norm", self.input_norm)
        if isinstance(self.positions, nn.Parameter):
            names["positions"] = self.positions
        for number, layer in enumerate(self.layers, start=1):
            add(f"layer{number}.attention.norm", layer.attention_norm)
            add(f"layer{number}.attention.input", layer.attention.input)
            add(f"layer{number}.attention.output", layer.attention.output)
            add(f"layer{number}.feed-forward.norm", layer.norm)
            add(f"layer{number}.feed-forward.hidden", layer.hidden)
            add(f"layer{number}.feed-forward.output", layer.output)
        add("norm", self.norm)
        return names


class TransformerModel(nn.Module):
    """One direction with its output layer and loss."""

    def __init__(self, shape, dimension, steps):
        super().__init__()
        self.encoder = TransformerDirection(shape, dimension, steps)
        self.output = Linear(shape.width, dimension)

    def forward(self, vectors, targets):
        """The mean of 1 - cosine over all positions; the targets are unit vectors."""
        predictions = self.output(self.encoder(vectors)[-1])
        return (1 - (functional.normalize(predictions, dim=-1) * targets).sum(-1)).mean()


class SyntheticTraining:
    """Training steps on random words, as `bench train` takes them."""

    def __init__(self, formulation, options):
        self.name, self.batch, self.window = formulation, options.batch, options.window
        self.model = TransformerModel(PRESETS[options.preset], options.dimension, options.window)
        compiling = FORMULATIONS[formulation]
        self.call = self.model if compiling is None else torch.compile(self.model, dynamic=False, options=compiling)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=1e-4, betas=(0.9, 0.999), eps=1e-6, fused=True)
        self.table = functional.normalize(torch.randn(TABLE_ROWS, options.dimension), dim=-1)
        self.generator = torch.Generator().manual_seed(1)

    @property
    def parameter_count(self):
        return sum(weight.numel() for weight in self.model.parameters())

    def words(self):
        return self.table[torch.randint(0, TABLE_ROWS, (self.batch, self.window), generator=self.generator)]

    def step(self):
        loss = self.call(self.words(), self.words())
        self.optimiser.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        return loss.item(), norm.item()

    def words_per_second(self, seconds, least_steps=2):
        steps, start = 0, time.perf_counter()
        while steps < least_steps or time.perf_counter() - start < seconds:
            self.step()
            steps += 1
        return steps * self.batch * self.window / (time.perf_counter() - start)


def warmed_up(formulation, options):
    """Ready to be measured, or None where torch.compile does not work: it needs a C++ compiler."""
    training = SyntheticTraining(formulation, options)
    try:
        for _ in range(2):
            training.step()
    except Exception as error:
        if formulation == "eager":
            raise
        print(f"torch.compile does not work here: {str(error).splitlines()[0]}", file=sys.stderr)
        return None
    return training


def fastest(options):
    """The fastest way to train, found by turns; what each reached goes to stderr."""
    choices = [options.formulation] if options.formulation else FORMULATIONS
    trainings = [training for choice in choices if (training := warmed_up(choice, options))]
    if not trainings:
        sys.exit("pytorch_transformer.py: no way to train works here")
    if len(trainings) == 1:
        return trainings[0]
    speeds = {training: 0.0 for training in trainings}
    for _ in range(3):
        for training in trainings:
            speeds[training] = max(speeds[training], training.words_per_second(2, least_steps=1))
    for training, speed in speeds.items():
        print(f"trial of {training.name}: {speed:.0f} words/s", file=sys.stderr)
    return max(speeds, key=speeds.get)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=PRESETS, default="transformer-base")
    parser.add_argument("--dimension", type=int, default=300, help="width of the words' vectors")
    parser.add_argument("--batch", type=int, default=20, help="parallel streams of text")
    parser.add_argument("--window", type=int, default=128, help="words of a stream that are trained together")
    parser.add_argument("--directions", type=int, default=1, choices=[1], help="only one direction is measured")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seconds", type=float, default=20, help="measure for about so long, and at least two steps")
    parser.add_argument("--formulation", choices=FORMULATIONS)
    parser.add_argument("--serve", action="store_true", help="measure once for each line on standard input")
    options = parser.parse_args()
    if (longest := PRESETS[options.preset].longest) and options.window > longest:
        parser.error(f"--window: {options.preset} has {longest} positions")
    prepare_thread(options.threads)
    torch.manual_seed(1)
    training = fastest(options)
    print(f"{training.name}; {training.parameter_count} weights", flush=True, file=sys.stdout if options.serve else sys.stderr)
    if not options.serve:
        print(f"{training.words_per_second(options.seconds):.1f}")
    else:
        for _ in sys.stdin:
            print(f"{training.words_per_second(options.seconds):.1f}", flush=True)


if __name__ == "__main__":
    main()
