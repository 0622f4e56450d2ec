#!/usr/bin/env python3
"""Encoding with an ELMo-C of random weights in PyTorch on a GPU, as a peer for `bench encode --device cuda`.

    pipelines/gpu_pytorch_encode.py TEXT [ROUNDS]

TEXT has a sentence a line, and spaces between its words. Two networks of one direction each: vectors of 300 numbers from a table
on the GPU, a linear layer, and two nn.LSTM with a projection, in bfloat16. As in Contour a direction reads a mark and then the
words. The vectors of all layers, [words, 3 layers, 2 x 512] in float32, come to the host's memory. Words are numbered before, in no
measured time.

Sentences are sorted by length. Tried by turns on a part of them, and the best kept: packed or padded sequences; the size of
batches; autocast, or weights of bfloat16; directions on one stream or on two; and copies to page-locked memory beside the next
batch, or by .cpu(). Prints a line of JSON for each trial, and one for the rounds.
"""
import argparse
import json
import time

# Before PyTorch, which help can do without.
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("text")
parser.add_argument("rounds", nargs="?", type=int, default=3)
arguments = parser.parse_args()

import torch  # noqa: E402
from torch.nn.utils.rnn import pack_padded_sequence

CELL, PROJECTION, SIZE, LAYERS = 4096, 512, 300, 2
OPTIONS = {
    "form": ["packed", "padded"], "batch": [512, 256, 1024, 2048], "weights": ["autocast", "bfloat16"],
    "streams": [1, 2], "copy": ["page-locked", "cpu()"],
}
# Batches whose vectors are on their way to the host.
TURNS = 2


class Direction(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.input = torch.nn.Linear(SIZE, PROJECTION)
        self.recurrent = torch.nn.ModuleList(
            torch.nn.LSTM(PROJECTION, CELL, proj_size=PROJECTION) for _ in range(LAYERS))

    def forward(self, vectors, lengths, places):
        """[steps, batch, SIZE] to the outputs of all layers at some places of the sequences."""
        below = self.input(vectors)
        # Packed sequences are made once, for all layers.
        below = below if lengths is None else pack_padded_sequence(below, lengths)
        outputs = []
        for layer in [None, *self.recurrent]:
            if layer is not None:
                below, _ = layer(below)
            rows = below if lengths is None else below.data
            outputs.append(rows.reshape(-1, PROJECTION)[places])
        return outputs


class Text:
    """Sentences as numbers of words, longest first."""

    def __init__(self, path):
        numbers, sentences = {}, []
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                words = line.split()
                if words:
                    sentences.append(torch.tensor([numbers.setdefault(word, len(numbers) + 2) for word in words]))
        self.sentences = sorted(sentences, key=lambda sentence: -len(sentence))
        self.words = sum(map(len, sentences))
        # The marks are 0 and 1.
        self.distinct = len(numbers) + 2


class Batch:
    """What the host prepares of some sentences: the words of each direction, [steps, batch], and the places of all tokens in the
    outputs, sentence after sentence."""

    def __init__(self, sentences, form):
        lengths = torch.tensor([len(sentence) + 1 for sentence in sentences])
        self.lengths = lengths if form == "packed" else None
        steps, count = int(lengths[0]), len(sentences)
        whole = torch.nn.utils.rnn.pad_sequence(sentences)
        columns = torch.arange(count)
        # The place of a sequence's step: behind all those of the steps before.
        running = (lengths[None, :] > torch.arange(steps)[:, None]).sum(1)
        before = torch.cumsum(running, 0) - running if form == "packed" else torch.arange(steps) * count
        of_word = torch.arange(steps - 1)[:, None].expand(steps - 1, count)
        behind = (lengths - 2)[None, :] - of_word
        is_word = (behind >= 0).t()
        self.words, self.places = [], []
        for number in range(2):
            turned = of_word if number == 0 else behind.clamp(min=0)
            words = torch.full((steps, count), number)
            words[1:] = torch.gather(whole, 0, turned)
            self.words.append(words.pin_memory())
            self.places.append((before[1 + turned] + columns).t()[is_word].pin_memory())
        self.tokens = len(self.places[0])


class Encoder:
    def __init__(self, table, options):
        self.table, self.options = table, options
        torch.manual_seed(1)
        kind = torch.bfloat16 if options["weights"] == "bfloat16" else torch.float32
        self.directions = [Direction().cuda().to(kind) for _ in range(2)]
        self.table = table.to(kind)
        main = torch.cuda.current_stream()
        self.streams = [torch.cuda.Stream() for _ in range(2)] if options["streams"] == 2 else [main, main]
        self.copies = torch.cuda.Stream()
        self.buffers, self.copied = [None] * TURNS, [None] * TURNS

    def encode(self, sentences):
        with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16, enabled=self.options["weights"] == "autocast"):
            for turn, first in enumerate(range(0, len(sentences), self.options["batch"])):
                self.run(sentences[first:first + self.options["batch"]], turn % TURNS)
        torch.cuda.synchronize()

    def run(self, sentences, turn):
        batch = Batch(sentences, self.options["form"])
        main, outputs = torch.cuda.current_stream(), []
        for stream, direction, words, places in zip(self.streams, self.directions, batch.words, batch.places):
            stream.wait_stream(main)
            with torch.cuda.stream(stream):
                words, places = words.to("cuda", non_blocking=True), places.to("cuda", non_blocking=True)
                outputs.append(direction(self.table[words], batch.lengths, places))
        for stream in self.streams:
            main.wait_stream(stream)
        vectors = torch.stack([torch.cat(pair, 1) for pair in zip(*outputs)], 1).float()
        for pair in outputs:
            for output in pair:
                output.record_stream(main)
        if self.options["copy"] == "cpu()":
            vectors.cpu()
            return
        # The host may use the vectors until their memory's next turn.
        if self.copied[turn] is not None:
            self.copied[turn].synchronize()
        if self.buffers[turn] is None or len(self.buffers[turn]) < batch.tokens:
            shape = (batch.tokens, LAYERS + 1, 2 * PROJECTION)
            self.buffers[turn] = torch.empty(shape, pin_memory=True)
        self.copies.wait_stream(main)
        with torch.cuda.stream(self.copies):
            self.buffers[turn][:batch.tokens].copy_(vectors, non_blocking=True)
            vectors.record_stream(self.copies)
            self.copied[turn] = self.copies.record_event()


def speed(encoder, sentences):
    torch.cuda.synchronize()
    start = time.perf_counter()
    encoder.encode(sentences)
    return sum(map(len, sentences)) / (time.perf_counter() - start)


def trial(table, text, options):
    """Words a second on a part of the text, in batches of which each is like the others in the text; 0 if that does not work."""
    part = 2 * max(OPTIONS["batch"])
    middle = max(0, len(text.sentences) - part) // 2
    sentences = text.sentences[middle:middle + part]
    try:
        encoder = Encoder(table, options)
        encoder.encode(sentences)
        result = max(speed(encoder, sentences) for _ in range(2))
    except Exception as error:
        print(json.dumps({"event": "trial", **options, "failed": str(error)[:200]}), flush=True)
        return 0
    print(json.dumps({"event": "trial", **options, "wordsPerSecond": round(result)}), flush=True)
    return result


def main(path, rounds):
    text = Text(path)
    table = torch.nn.functional.normalize(torch.randn(text.distinct, SIZE, device="cuda"), dim=1)
    best = {name: values[0] for name, values in OPTIONS.items()}
    fastest = trial(table, text, best)
    for name, values in OPTIONS.items():
        for value in values[1:]:
            options = {**best, name: value}
            result = trial(table, text, options)
            if result > fastest:
                best, fastest = options, result
    encoder = Encoder(table, best)
    encoder.encode(text.sentences)
    speeds = sorted(speed(encoder, text.sentences) for _ in range(rounds))
    print(json.dumps({
        "event": "peer", "peer": "nn.LSTM", **best, "gpu": torch.cuda.get_device_name(), "torch": torch.__version__,
        "sentences": len(text.sentences), "tokens": text.words,
        "wordsPerSecond": {"median": speeds[rounds // 2], "lowest": speeds[0], "highest": speeds[-1]},
        "memory": torch.cuda.max_memory_reserved(),
    }), flush=True)


if __name__ == "__main__":
    main(arguments.text, arguments.rounds)
