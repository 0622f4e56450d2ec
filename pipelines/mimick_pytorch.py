#!/usr/bin/env python3
"""MIMICK (Pinter, Guthrie and Eisenstein 2017) in PyTorch, as `embed-oov` fits it: the peer of
mimick-against-pytorch.sh. Needs torch and numpy.

    mimick_pytorch.py make words.txt known.vec secret.vec    vectors that follow from spelling, and noise
    mimick_pytorch.py fit known.vec secret.vec               fits; prints seconds an epoch and the cosine
    mimick_pytorch.py score known.vec secret.vec made.vec    the cosine of made vectors

The cosine is the mean over the secret words, of unit vectors less the known words' mean.
"""
import argparse
import math
import time
import zlib

import numpy

LONGEST_WORD = 40


def make(options):
    """Every twenty-first word is secret."""
    random = numpy.random.default_rng(1)
    rows = random.standard_normal((1 << 16, options.dimension)).astype(numpy.float32)
    common = random.standard_normal(options.dimension).astype(numpy.float32)
    with open(options.words, encoding="utf-8") as file:
        words = [line.rstrip("\n") for line in file]
    parts = [word for index, word in enumerate(words) if index % 21 != 20], words[20::21]
    for part, path in zip(parts, (options.known, options.secret)):
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"{len(part)} {options.dimension}\n")
            for word in part:
                marked = "<" + word + ">"
                grams = [marked[start:start + size] for size in (2, 3, 4) for start in range(len(marked) - size + 1)]
                meaning = rows[[zlib.crc32(gram.encode()) & 0xFFFF for gram in grams]].sum(0) / math.sqrt(len(grams))
                noise = random.standard_normal(options.dimension).astype(numpy.float32)
                vector = meaning + 0.5 * noise + 0.5 * common
                file.write(word + " " + " ".join(f"{number:.4f}" for number in vector) + "\n")


def read(path):
    with open(path, encoding="utf-8") as file:
        count, dimension = map(int, file.readline().split())
        words, vectors = [], numpy.empty((count, dimension), numpy.float32)
        for index, line in enumerate(file):
            word, numbers = line.split(" ", 1)
            words.append(word)
            vectors[index] = numpy.fromstring(numbers, numpy.float32, sep=" ")
    return words, vectors


def unit(vectors):
    return vectors / numpy.maximum(numpy.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def cosine(made, true, mean):
    return float((unit(unit(made) - mean) * unit(unit(true) - mean)).sum(1).mean())


def score(options):
    mean = unit(read(options.known)[1]).mean(0)
    words, true = read(options.secret)
    made_words, made = read(options.made)
    places = {word: place for place, word in enumerate(made_words)}
    print(cosine(made[[places[word] for word in words]], true, mean))


def fit(options):
    import torch
    from torch import nn

    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    words, vectors = read(options.known)
    mean = unit(vectors).mean(0)
    targets = unit(vectors) - mean
    targets /= math.sqrt((targets ** 2).mean())
    characters = {}
    for word in words:
        for character in word[:LONGEST_WORD]:
            characters.setdefault(character, len(characters) + 1)

    class Mimick(nn.Module):
        def __init__(self, dimension):
            super().__init__()
            self.embedding = nn.Embedding(len(characters) + 1, 20)
            self.lstm = nn.LSTM(20, 50, bidirectional=True)
            self.layer = nn.Linear(100, dimension)
            self.output = nn.Linear(dimension, dimension)

        def forward(self, numbers):
            states = self.lstm(self.embedding(numbers))[1][0]
            return self.output(torch.tanh(self.layer(torch.cat([states[0], states[1]], 1))))

    # A twentieth is held out, to see the loss on it after each epoch, as embed-oov does.
    by_length, held_out = {}, {}
    for index, word in enumerate(words):
        part = held_out if index % 20 == 19 else by_length
        part.setdefault(min(len(word), LONGEST_WORD), []).append(index)
    # Words of one length together: dense batches without padding, the fastest form for nn.LSTM.
    def spell(groups):
        return {
            length: torch.tensor([[characters[c] for c in words[index][:LONGEST_WORD]] for index in indices])
            for length, indices in groups.items()}

    numbers, held_numbers = spell(by_length), spell(held_out)
    places = {length: torch.tensor(indices) for length, indices in by_length.items()}
    targets = torch.from_numpy(targets)
    model = Mimick(vectors.shape[1])
    optimizer = torch.optim.Adam(model.parameters(), lr=options.rate, fused=True)
    batches_each = sum(-(-len(indices) // options.batch) for indices in by_length.values())

    def rate(step):
        return min(1, (step + 1) / 100) * (0.05 + 0.95 * 0.5 * (
            1 + math.cos(math.pi * min(1, step / (batches_each * options.epochs)))))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    start = time.perf_counter()
    for _ in range(options.epochs):
        batches = [
            (length, part) for length, indices in places.items()
            for part in torch.randperm(len(indices)).split(options.batch)]
        for index in torch.randperm(len(batches)).tolist():
            length, part = batches[index]
            inputs = numbers[length][part].t()
            inputs = inputs.masked_fill(torch.rand(inputs.shape) < 0.01, 0)
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(inputs), targets[places[length][part]])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5)
            optimizer.step()
            schedule.step()
        with torch.no_grad():
            for length, spellings in held_numbers.items():
                loss = nn.functional.mse_loss(model(spellings.t()), targets[held_out[length]])
    seconds = (time.perf_counter() - start) / options.epochs

    secret, true = read(options.secret)
    made = numpy.empty_like(true)
    with torch.no_grad():
        for index, word in enumerate(secret):
            spelling = torch.tensor([[characters.get(c, 0)] for c in word[:LONGEST_WORD]])
            made[index] = model(spelling)[0].numpy()
    made = made / math.sqrt((vectors.shape[1]) / (1 - (mean ** 2).sum())) + mean
    print(seconds, cosine(made, true, mean))


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
commands = parser.add_subparsers(required=True)
command = commands.add_parser("make")
command.set_defaults(run=make)
command.add_argument("--dimension", type=int, default=300)
command.add_argument("words")
command.add_argument("known")
command.add_argument("secret")
command = commands.add_parser("fit")
command.set_defaults(run=fit)
command.add_argument("--epochs", type=int, default=6)
command.add_argument("--threads", type=int, default=2)
command.add_argument("--batch", type=int, default=256)
command.add_argument("--rate", type=float, default=0.01)
command.add_argument("known")
command.add_argument("secret")
command = commands.add_parser("score")
command.set_defaults(run=score)
command.add_argument("known")
command.add_argument("secret")
command.add_argument("made")
options = parser.parse_args()
options.run(options)
