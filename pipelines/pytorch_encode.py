#!/usr/bin/env python3
"""Encodes sentences with a model file of Contour's in PyTorch, as fast as PyTorch does it on a CPU: the peer of `encode`.

    pytorch_encode.py --model model.safetensors [--table table.shard] --threads 2 corpus.tok

Prints how it encodes, and then answers lines on standard input: `run` with the seconds that all sentences took, `check
vectors.npy` with the largest difference to what `encode --layers all --format npy` wrote. All layers of all tokens are in
memory afterwards, in the order of the text; reading files, compiling and writing are not in the seconds.

Sentences are sorted by length and padded to the longest of their batch. The input's products of all steps are one; the first
step has none with the state, which is zero. Characters are read once for each distinct word of a batch. A trial on a batch of
middling length chooses among these:

eager     a loop over the steps as it stands
compiled  the cell, and what follows the projection, under torch.compile
frozen    the whole step under torch.compile with its weights packed for it (inductor's freezing)

or for a Transformer, whose steps are computed together (pytorch_transformer.py), among these:

eager     the network as it stands
compiled  the whole network under torch.compile, for any length and number of sentences

and whether the directions take turns on all threads or run at once on a part of them each, with batches of 128; then other sizes
of batches are tried. What stands behind a sentence in its batch needs no mask: a step of a Transformer sees only those before it.
"""
import argparse
import concurrent.futures
import itertools
import os
import sys
import time

import numpy
import torch
import torch._dynamo
from torch import nn
from torch.nn import functional

import contour_shards
from pytorch_model import prepare_thread
from pytorch_transformer import Shape, TransformerDirection

FORMULATIONS = ["eager", "compiled", "frozen"]
TRANSFORMER_FORMULATIONS = ["eager", "compiled"]
# Tried in this order; the last size for Transformers only, which lose less by small batches.
BATCHES = [128, 64, 256]
TRANSFORMER_BATCHES = [*BATCHES, 32]
# Steps of a sentence at most that runs in one piece (SentenceEncoder.longestPiece), and its mark.
MOST_STEPS = 1025
# bilm-tf's alphabet (Sources/Model/InputKind.swift).
BEGIN, END, WORD_BEGIN, WORD_END, PADDING = 256, 257, 258, 259, 260


class Weights:
    """The tensors of a model file, by a direction's names."""

    def __init__(self, path):
        self.tensors = contour_shards.weights(path)
        self.configuration = contour_shards.configuration(path)
        family = self.configuration.get("family", "lstm")
        if family not in ("lstm", "transformer") or "bidirectional" in self.configuration["directions"]:
            sys.exit(f"pytorch_encode.py: {path}: only LSTMs and Transformers that read one way are written here")
        self.is_transformer = family == "transformer"

    def direction(self, name, formulation):
        return Transformer(name, self) if self.is_transformer else Direction(name, self, formulation)

    def __call__(self, name):
        return torch.from_numpy(self.tensors[name].copy())


def cell(gates, memory, bound: float):
    i, f, g, o = gates.chunk(4, dim=1)
    memory = (torch.sigmoid(f) * memory + torch.sigmoid(i) * torch.tanh(g)).clamp(-bound, bound)
    return torch.sigmoid(o) * torch.tanh(memory), memory


def normalised(projected, norm, bound: float):
    projected = projected.clamp(-bound, bound)
    return functional.layer_norm(projected, projected.shape[-1:], *norm, 1e-5) if norm else projected


class Layer(nn.Module):
    """An LSTM layer (Sources/Layers/ProjectedLSTM.swift): [steps, batch, inputs] in, [steps, batch, projection] out."""

    def __init__(self, name, weights, formulation):
        super().__init__()
        configuration = weights.configuration
        self.formulation = formulation
        self.cell_bound = configuration.get("cellClip") or float("inf")
        self.bound = configuration.get("projectionClip") or float("inf")
        for part in ["input", "recurrent", "projection"]:
            self.register_buffer(part, weights(f"{name}.{part}.weight"))
        self.register_buffer("bias", weights(f"{name}.bias"))
        self.norm = (weights(f"{name}.norm.gain"), weights(f"{name}.norm.bias")) if configuration["layerNorm"] else None
        self.cell, self.finish = cell, normalised
        if formulation == "compiled":
            self.cell, self.finish = torch.compile(cell), torch.compile(normalised)
        if formulation == "frozen":
            for part in ["input", "recurrent", "projection"]:
                setattr(self, part, getattr(self, part).t().contiguous())
            self.step = torch.compile(Step(self).eval(), dynamic=False, options={"freezing": True})

    def forward(self, x):
        steps, batch, inputs = x.shape
        weight = self.input.t() if self.formulation == "frozen" else self.input
        gates = torch.addmm(self.bias, x.reshape(steps * batch, inputs), weight).view(steps, batch, -1)
        projection = self.projection.shape[0 if self.formulation == "frozen" else 1]
        outputs = torch.empty(steps, batch, projection)
        memory, output = torch.zeros(batch, gates.shape[-1] // 4), torch.zeros(batch, projection)
        for number, step in enumerate(gates.unbind(0)):
            if self.formulation == "frozen":
                output, memory = self.step(step, output, memory)
            else:
                if number > 0:
                    step.addmm_(output, self.recurrent)
                answer, memory = self.cell(step, memory, self.cell_bound)
                output = self.finish(answer @ self.projection, self.norm, self.bound)
            outputs[number] = output
        return outputs


class Step(nn.Module):
    """A step of a layer with weights of its own, [outputs, inputs], so that they may be packed."""

    def __init__(self, layer):
        super().__init__()
        self.recurrent = nn.Parameter(layer.recurrent, requires_grad=False)
        self.projection = nn.Parameter(layer.projection, requires_grad=False)
        self.cell_bound, self.bound = layer.cell_bound, layer.bound
        self.norm = [nn.Parameter(part, requires_grad=False) for part in layer.norm or []]

    def forward(self, gates, output, memory):
        answer, memory = cell(gates + functional.linear(output, self.recurrent), memory, self.cell_bound)
        return normalised(functional.linear(answer, self.projection), self.norm, self.bound), memory


class Direction(nn.Module):
    """[steps, batch, inputs] to the outputs of all layers, the input layer's first."""

    def __init__(self, name, weights, formulation):
        super().__init__()
        self.residual = weights.configuration["residual"]
        self.linear = None
        if weights.configuration["input"] == "embeddings":
            prefix = "input" if weights.configuration["sharesLayers"] else f"{name}.input"
            self.linear = weights(f"{prefix}.weight"), weights(f"{prefix}.bias")
        self.norm = None
        if weights.configuration["layerNorm"]:
            self.norm = weights(f"{name}.input.norm.gain"), weights(f"{name}.input.norm.bias")
        self.layers = nn.ModuleList(
            Layer(f"{name}.layer{number + 1}", weights, formulation) for number in range(weights.configuration["layers"]))

    def forward(self, x):
        below = x
        if self.linear:
            below = torch.addmm(self.linear[1], x.reshape(-1, x.shape[-1]), self.linear[0]).view(*x.shape[:2], -1)
        if self.norm:
            below = functional.layer_norm(below, below.shape[-1:], *self.norm, 1e-5)
        outputs = [below]
        for number, layer in enumerate(self.layers):
            output = layer(below)
            below = output + below if self.residual and number > 0 else output
            outputs.append(below)
        return outputs


class Transformer(nn.Module):
    """[batch, steps, inputs] to the outputs of all layers, the input layer's first."""

    def __init__(self, name, weights):
        super().__init__()
        configuration = weights.configuration
        inputs = configuration["inputSize"] if configuration["input"] == "embeddings" else 0
        # A sentence has no more steps than `longest`; without it, the sinusoids are for as many as a batch ever has.
        self.network = TransformerDirection(
            Shape(**configuration["shape"]), inputs, configuration["shape"].get("longest") or MOST_STEPS).eval()
        for parameter, tensor in self.network.parameters_by_name().items():
            shared = configuration["sharesLayers"] and parameter in ("input.weight", "input.bias")
            tensor.requires_grad_(False).copy_(weights(parameter if shared else f"{name}.{parameter}"))

    def forward(self, x):
        return self.network(x)


class Characters(nn.Module):
    """ELMo's characters (Sources/Layers/CharacterInput.swift): words as numbers of characters, [words, characters] in."""

    def __init__(self, weights):
        super().__init__()
        configuration = weights.configuration
        self.longest, size = configuration["longestWord"], configuration["characterSize"]
        self.activation = torch.tanh if configuration["activation"] == "tanh" else torch.relu
        self.characters = weights("input.characters")
        self.widest = max(width for width, _ in configuration["filters"])
        # A filter's window has its characters one after the other; Conv1d wants [filters, size, width].
        self.filters = [
            (weights(f"input.width{width}.weight").view(count, width, size).transpose(1, 2).contiguous(),
             weights(f"input.width{width}.bias")) for width, count in configuration["filters"]]
        self.highways = []
        for number in range(1, configuration["highways"] + 1):
            name = f"input.highway{number}"
            self.highways.append(tuple(
                torch.cat([weights(f"{name}.transform.{part}"), weights(f"{name}.gate.{part}")], -1)
                for part in ["weight", "bias"]))
        self.projection = weights("input.projection.weight"), weights("input.projection.bias")

    def forward(self, letters):
        letters = self.characters[letters].transpose(1, 2)
        value = torch.cat([self.activation(functional.conv1d(letters, *part).amax(2)) for part in self.filters], 1)
        for weight, bias in self.highways:
            transformed, gate = torch.addmm(bias, value, weight).chunk(2, 1)
            gate = torch.sigmoid(gate)
            value = gate * torch.relu(transformed) + (1 - gate) * value
        return torch.addmm(self.projection[1], value, self.projection[0])

    def spelled(self, word):
        return [WORD_BEGIN, *(word if isinstance(word, list) else word[:self.longest - 2]), WORD_END]

    def padded(self, spellings):
        length = min(self.longest, max(map(len, spellings)) + self.widest)
        return torch.tensor([letters + [PADDING] * (length - len(letters)) for letters in spellings])


class Text:
    """Sentences as numbers of words, and what a word's number stands for: a vector, or characters."""

    def __init__(self, path, weights, table):
        if weights.configuration["input"] == "embeddings":
            self.table = contour_shards.Table(table)
            unit = contour_shards.normalised(self.table.rows)
            self.vectors = torch.from_numpy(self.table.targets() if weights.configuration["centred"] else unit)
            self.begin, self.end = self.table.row(b"<s>"), self.table.row(b"</s>")
            row = self.table.row
        else:
            self.reader = Characters(weights)
            numbers, self.begin, self.end = {}, 0, 1
            self.spellings = [self.reader.spelled([BEGIN]), self.reader.spelled([END])]

            def row(word):
                if word not in numbers:
                    numbers[word] = len(self.spellings)
                    self.spellings.append(self.reader.spelled(word))
                return numbers[word]
        self.sentences = []
        for lengths, rows in contour_shards.sentences(path, row):
            self.sentences += numpy.split(rows, numpy.cumsum(lengths)[:-1])
        lengths = numpy.array([len(sentence) for sentence in self.sentences])
        self.starts = numpy.cumsum(lengths) - lengths
        self.tokens = int(lengths.sum())
        self.order = [number for number in numpy.argsort(-lengths, kind="stable") if lengths[number] > 0]

    def batches(self, size):
        """Sentences of one batch after the other, longest first, in batches of one size as far as possible."""
        count = -(-len(self.order) // size)
        return numpy.array_split(numpy.array(self.order), count)

    def inputs(self, batch, names, batch_first):
        """For each direction its words [steps, batch] as the input layer takes them: [steps, batch, inputs], or [batch, steps,
        inputs] for networks that want the batch first."""
        steps = len(self.sentences[batch[0]]) + 1
        words = numpy.full((len(names), steps, len(batch)), self.end, numpy.int64)
        for column, sentence in enumerate(batch):
            rows = self.sentences[sentence]
            for number, name in enumerate(names):
                words[number, 0, column] = self.begin if name == "forward" else self.end
                words[number, 1:len(rows) + 1, column] = rows if name == "forward" else rows[::-1]
        if batch_first:
            words = words.transpose(0, 2, 1)
        if hasattr(self, "vectors"):
            return list(self.vectors[torch.from_numpy(words)])
        distinct, places = numpy.unique(words, return_inverse=True)
        # By their length, so that little is padding.
        spellings = sorted(range(len(distinct)), key=lambda number: len(self.spellings[distinct[number]]))
        read = None
        for start in range(0, len(spellings), 256):
            part = spellings[start:start + 256]
            vectors = self.reader(self.reader.padded([self.spellings[distinct[number]] for number in part]))
            if read is None:
                read = torch.empty(len(distinct), vectors.shape[1])
            read[torch.tensor(part)] = vectors
        return list(read[torch.from_numpy(places.reshape(words.shape))])

    def places(self, batch, name, batch_first):
        """The numbers of the batch's tokens in the text, and the rows where a direction has just read them."""
        tokens, rows = [], []
        most = len(self.sentences[batch[0]]) + 1
        for column, sentence in enumerate(batch):
            length = len(self.sentences[sentence])
            steps = numpy.arange(1, length + 1)
            tokens.append(self.starts[sentence] + numpy.arange(length))
            steps = steps if name == "forward" else steps[::-1]
            rows.append(column * most + steps if batch_first else steps * len(batch) + column)
        return torch.from_numpy(numpy.concatenate(tokens)), torch.from_numpy(numpy.concatenate(rows))


class Encoder:
    """A way to encode."""

    def __init__(self, weights, text, formulation, at_once, threads):
        self.text, self.formulation, self.at_once = text, formulation, at_once
        self.names = weights.configuration["directions"]
        self.width = weights.configuration["projection"]
        self.batch_first = weights.is_transformer
        self.directions = [weights.direction(name, formulation) for name in self.names]
        self.calls = self.directions
        if weights.is_transformer and formulation == "compiled":
            self.calls = [torch.compile(direction, dynamic=True) for direction in self.directions]
        part = max(1, threads // len(self.names))
        self.executors = [concurrent.futures.ThreadPoolExecutor(1, initializer=prepare_thread, initargs=(part,))
                          for _ in self.names] if at_once else []

    def __str__(self):
        return self.formulation + (", directions at once" if self.at_once else "")

    def encode(self, batch, result=None):
        """All layers of a batch's tokens, written to their places in `result` [tokens, layers, width]."""
        def run(number, x):
            with torch.inference_mode():
                outputs = self.calls[number](x)
                if result is None:
                    return
                tokens, rows = self.text.places(batch, self.names[number], self.batch_first)
                columns = slice(number * self.width, (number + 1) * self.width)
                for layer, output in enumerate(outputs):
                    result[:, layer, columns].index_copy_(0, tokens, output.reshape(-1, self.width)[rows])
        with torch.inference_mode():
            inputs = self.text.inputs(batch, self.names, self.batch_first)
        if not self.executors:
            for pair in enumerate(inputs):
                run(*pair)
            return
        for job in [executor.submit(run, *pair) for executor, pair in zip(self.executors, enumerate(inputs))]:
            job.result()

    def seconds(self, batches, result=None):
        start = time.perf_counter()
        for batch in batches:
            self.encode(batch, result)
        return time.perf_counter() - start


def trial(encoder, batch, result):
    """Words a second on a batch, when everything is compiled; 0 where torch.compile does not work: it needs a C++ compiler."""
    try:
        # What has met one batch may be compiled once more for the next.
        for _ in range(2):
            encoder.encode(batch, result)
    except Exception as error:
        if encoder.formulation == "eager":
            raise
        print(f"{encoder.formulation} does not work here: {str(error).splitlines()[0]}", file=sys.stderr)
        return 0
    words = sum(len(encoder.text.sentences[number]) for number in batch)
    speed = words / min(encoder.seconds([batch], result) for _ in range(2))
    print(f"trial of {encoder}, batches of {len(batch)}: {speed:.0f} words/s", file=sys.stderr, flush=True)
    return speed


def fastest(weights, text, result, options):
    """The fastest way, and the size of its batches, found by turns; what each reached goes to stderr."""
    middle = len(text.order) // 2
    def sample(size):
        return numpy.array(text.order[max(0, middle - size // 2):][:size])
    ways = [False, True] if len(weights.configuration["directions"]) > 1 and options.threads > 1 else [False]
    best, best_speed, size = None, 0, BATCHES[0]
    formulations = TRANSFORMER_FORMULATIONS if weights.is_transformer else FORMULATIONS
    for formulation, at_once in itertools.product(options.formulation or formulations, ways):
        encoder = Encoder(weights, text, formulation, at_once, options.threads)
        speed = trial(encoder, sample(size), result)
        if speed > best_speed:
            best, best_speed = encoder, speed
    for other in (TRANSFORMER_BATCHES if weights.is_transformer else BATCHES)[1:]:
        speed = trial(best, sample(other), result)
        if speed > best_speed:
            best_speed, size = speed, other
    return best, size


def largest_difference(path, result):
    theirs = numpy.load(path, mmap_mode="r")
    if theirs.shape != tuple(result.shape):
        sys.exit(f"pytorch_encode.py: {path}: has the shape {theirs.shape}, and PyTorch's vectors {tuple(result.shape)}")
    blocks = range(0, len(theirs), 4096)
    return max(float((torch.from_numpy(theirs[start:start + 4096].copy()) - result[start:start + 4096]).abs().max())
               for start in blocks)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--table")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--formulation", action="append", choices=FORMULATIONS, help="try these only")
    parser.add_argument("tokens")
    options = parser.parse_args()
    prepare_thread(options.threads)
    # A layer, a size of the batches and a number of threads each have code of their own.
    torch._dynamo.config.recompile_limit = 1000
    weights = Weights(options.model)
    if weights.is_transformer and options.formulation and "frozen" in options.formulation:
        parser.error("--formulation frozen: is for LSTMs only")
    text = Text(options.tokens, weights, options.table)
    longest = weights.configuration["shape"].get("longest") or MOST_STEPS if weights.is_transformer else None
    if longest and text.order and len(text.sentences[text.order[0]]) >= longest:
        sys.exit(f"pytorch_encode.py: {options.tokens}: has a sentence of {len(text.sentences[text.order[0]])} words, and the "
                 f"model reads at most {longest - 1} at once")
    names = weights.configuration["directions"]
    result = torch.zeros(
        text.tokens, weights.configuration["layers"] + 1, len(names) * weights.configuration["projection"])
    encoder, size = fastest(weights, text, result, options)
    batches = text.batches(size)
    # Batches come in two sizes.
    for batch in {len(batch): batch for batch in batches}.values():
        encoder.encode(batch, result)
    print(f"{encoder}, batches of {size}; {text.tokens} tokens", flush=True)
    for line in sys.stdin:
        command, *rest = line.split(maxsplit=1)
        if command == "run":
            print(f"{encoder.seconds(batches, result):.4f}", flush=True)
        else:
            print(f"{largest_difference(rest[0].strip(), result):.3g}", flush=True)


if __name__ == "__main__":
    main()
