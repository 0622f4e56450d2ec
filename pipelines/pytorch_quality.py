#!/usr/bin/env python3
"""Trains Contour's encoder in PyTorch on Contour's own files, and scores it as `train` does: how well does the same
model, trained by PyTorch for the same number of steps, predict, and after how many seconds?

    pytorch_quality.py --table table.shard --held-out held-out.tok --start start.safetensors --steps 1000 \\
        --log pytorch.jsonl corpus.tok

Options and log are those of `train`; sizes come from the model file with which training starts (`--start`: what
`train --steps 1 --rate 1e-30` writes has the weights that `train` starts with). The order of the text is the same too;
only the draws of the dropout differ. `seconds` in the log are those of training steps: not of evaluations, of reading
and arranging the text, or of compiling. `--formulation` and `--directions-at-once` say how PyTorch is run;
`pytorch_train.py --trial` finds what is fastest.
"""
import argparse
import json
import resource
import sys
import time

import numpy
import torch
from torch.nn import functional

import contour_shards
from contour_text import endless, streams
from pytorch_model import FORMULATIONS, EncoderTraining, Sizes, add_options, prepare_thread

DIRECTIONS = ["forward", "backward"]
MARK, NO_VECTOR = 3, 4


class Text:
    """The table's vectors, and text as their row numbers."""

    def __init__(self, path):
        self.table = contour_shards.Table(path)
        self.vectors = torch.from_numpy(self.table.targets())
        self.usable = (self.table.sources != NO_VECTOR) & self.table.rows.any(axis=1)
        # Marks are no words, unless the text has them.
        self.words = self.usable & ((self.table.sources != MARK) | (self.table.counts > 0))
        self.begin, self.end = self.table.row(b"<s>"), self.table.row(b"</s>")

    def streams(self, sentences, batch, window, windows=None):
        return streams(sentences, batch, window, self.begin, self.end, windows)

    def candidates(self, count, direction, sentence_count):
        """Row numbers of the most frequent words, the mark that ends sentences among them, and the logs of their
        frequencies."""
        mark = self.end if direction == "forward" else self.begin
        counts = self.table.counts.astype(numpy.int64)
        counts[mark] = sentence_count
        rows = numpy.array([row for row in range(len(counts))
                            if row == mark or row not in (self.begin, self.end) and self.words[row]])
        rows = rows[numpy.argsort(-counts[rows], kind="stable")][:count]
        counts = numpy.maximum(counts[rows], 1)
        return torch.from_numpy(rows), torch.from_numpy(numpy.log(counts / counts.sum()).astype(numpy.float32))


class HeldOut:
    """The held-out text, and the scores of a direction on it (Sources/Training/HeldOutText.swift, Ranking.swift)."""

    BLOCK = 512
    FIT_ROWS = 2048

    def __init__(self, text, sentences, options, training_sentences):
        self.text, self.window = text, options.window
        self.batch = min(options.batch, len(sentences))
        self.streams = text.streams(sentences, self.batch, options.window)
        self.candidates = {direction: text.candidates(options.candidates, direction, training_sentences)
                           for direction in DIRECTIONS}

    @torch.no_grad()
    def score(self, model, direction):
        targets = torch.from_numpy(self.streams.targets[direction])
        counted = torch.from_numpy((self.streams.weights == 1) & self.text.usable[self.streams.targets[direction]])
        states, predictions, no_masks = model.zero_states(self.batch), [], [None for _ in model.layers]
        for part in self.streams.windows(self.window):
            vectors = self.text.vectors[torch.from_numpy(self.streams.inputs[direction][part])]
            predicted, states = model.predict(vectors, states, no_masks)
            predictions.append(functional.normalize(predicted, dim=-1))
        predictions, targets = torch.cat(predictions)[counted], targets[counted]
        target_vectors = self.text.vectors[targets]
        loss = 1 - (predictions * target_vectors).sum(1).double().mean().item()
        constant = 1 - target_vectors.double().mean(0).norm().item()
        rows, log_unigram = self.candidates[direction]
        return {"loss": loss, "constantLoss": constant, "candidates": len(rows),
                **self.rank(predictions, targets, rows, log_unigram)}

    def rank(self, predictions, targets, rows, log_unigram):
        """The first half of the positions fits the scale, the second is ranked."""
        candidate = torch.full((len(self.text.vectors),), -1)
        candidate[rows] = torch.arange(len(rows))
        targets = candidate[targets]
        known = targets >= 0
        coverage, predictions, targets = known.double().mean().item(), predictions[known], targets[known]
        half, vectors = len(targets) // 2, self.text.vectors[rows].t()
        fit = min(half, self.FIT_ROWS)
        scale = self.fit_scale(predictions[:fit] @ vectors, targets[:fit], log_unigram)
        predictions, targets = predictions[half:], targets[half:]
        sums = dict.fromkeys(["cosineTop1", "cosineTop10", "top1", "top10", "logProbability"], 0.0)
        for block, target in zip(predictions.split(self.BLOCK), targets.split(self.BLOCK)):
            cosines, place = block @ vectors, target.unsqueeze(1)
            scores = scale * cosines + log_unigram
            for name, values in (("cosineTop", cosines), ("top", scores)):
                better = (values > values.gather(1, place)).sum(1)
                sums[name + "1"] += (better < 1).sum().item()
                sums[name + "10"] += (better < 10).sum().item()
            sums["logProbability"] += scores.double().log_softmax(1).gather(1, place).sum().item()
        means = {name: value / len(targets) for name, value in sums.items()}
        perplexity = numpy.exp(-means.pop("logProbability"))
        order = torch.argsort(-log_unigram, stable=True)
        return {"positions": len(targets), "coverage": coverage, "scale": scale, "perplexity": perplexity, **means,
                "unigramTop1": (targets == order[0]).double().mean().item(),
                "unigramTop10": torch.isin(targets, order[:10]).double().mean().item(),
                "unigramPerplexity": torch.exp(-log_unigram[targets].double().mean()).item()}

    @staticmethod
    def fit_scale(cosines, targets, log_unigram):
        """Newton's method for the scale that makes the targets most probable."""
        scale, own = 5.0, cosines.gather(1, targets.unsqueeze(1)).double().sum()
        for _ in range(20):
            weights = (scale * cosines + log_unigram).softmax(1)
            mean = (weights * cosines).sum(1).double()
            variance = (weights * cosines * cosines).sum(1).double() - mean * mean
            if not variance.sum() > 0:
                break
            step = max(-5.0, min(5.0, ((own - mean.sum()) / variance.sum()).item()))
            scale = max(0.0, scale + step)
            if abs(step) < 1e-3:
                break
        return scale


def start_from(training, weights, path):
    """Gives all directions the weights of a model file; both must have the same ones."""
    names = set()
    for direction, name in zip(training.directions, DIRECTIONS):
        for parameter, value in direction.model.parameters_by_name().items():
            key = f"{name}.{parameter}"
            if key not in weights or weights[key].shape != tuple(value.shape):
                raise ValueError(f"{path}: has no tensor {key} of shape {tuple(value.shape)}")
            with torch.no_grad():
                value.copy_(torch.from_numpy(weights[key].copy()))
            names.add(key)
    if others := set(weights) - names:
        raise ValueError(f"{path}: has tensors that the model in PyTorch has not: {', '.join(sorted(others))}")


def learning_rate(step, options):
    """Sources/Training/LearningRate.swift"""
    warmup = min(options.warmup, options.steps // 10)
    if step < warmup:
        return options.rate * (step + 1) / warmup
    return options.rate * 2 ** -((step - warmup) / max(1, options.steps - warmup))


class Log:
    def __init__(self, path):
        self.file = sys.stdout if path == "-" else open(path, "w", encoding="utf-8")

    def write(self, **fields):
        print(json.dumps(fields, sort_keys=True, separators=(",", ":")), file=self.file, flush=True)


def train(training, text, corpus, held_out, options, epoch_positions):
    """All steps, with what `train` logs of them."""
    log, names = Log(options.log), DIRECTIONS[:options.directions]
    weights = {name: corpus.weights * text.usable[corpus.targets[name]] for name in names}
    weights = {name: None if values.all() else torch.from_numpy(values.astype(numpy.float32))
               for name, values in weights.items()}
    inputs = {name: torch.from_numpy(corpus.inputs[name]) for name in names}
    targets = {name: torch.from_numpy(corpus.targets[name]) for name in names}

    def windows(part):
        def window(name):
            return lambda: (text.vectors[inputs[name][part]], text.vectors[targets[name][part]],
                            None if weights[name] is None else weights[name][part])
        return [window(name) for name in names]

    # Before any clock runs.
    training.warm_up(windows(slice(options.window)))
    log_interval = max(1, options.steps // 500)
    evaluation_interval = max(1, -(-options.steps // max(1, options.evaluations)))
    positions, seconds, interval, interval_start = options.batch * options.window, 0.0, [], 0.0
    for number, part in enumerate(corpus.windows(options.window), start=1):
        start = time.perf_counter()
        results = training.step(windows(part), learning_rate(number - 1, options))
        seconds += time.perf_counter() - start
        interval.append(results)
        if len(interval) == log_interval or number == options.steps:
            log.write(
                event="train", step=number, epoch=number * positions / epoch_positions, words=number * positions,
                loss=float(numpy.mean([[loss for loss, _ in result] for result in interval])),
                rate=learning_rate(number - 1, options),
                gradientNorm=max(norm for result in interval for _, norm in result), seconds=seconds,
                wordsPerSecond=len(interval) * positions / (seconds - interval_start),
                memory=1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
            interval, interval_start = [], seconds
        if number == options.steps or options.evaluations > 1 and number % evaluation_interval == 0:
            for direction, name in zip(training.directions, names):
                scores = held_out.score(direction.model, name)
                log.write(event="held-out", step=number, words=number * positions, direction=name, seconds=seconds,
                          **scores)
                print(f"step {number}, held-out {name}: loss {scores['loss']:.4f}, with prior top-10 "
                      f"{100 * scores['top10']:.1f}%, {seconds:.0f} s of training", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tokens", nargs="+", help="token shards")
    parser.add_argument("--table", required=True)
    parser.add_argument("--held-out", required=True, help="a token shard")
    parser.add_argument("--start", required=True, help="a model file with the weights to start from")
    parser.add_argument("--log", default="-")
    add_options(parser)
    parser.add_argument("--formulation", default="same-eager", choices=FORMULATIONS["same"])
    parser.add_argument("--directions-at-once", default="no", choices=["yes", "no"])
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--warmup", type=int, default=200)
    parser.add_argument("--clip", type=float, default=1.0)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=1, help="of the order of the text, as that of `train`")
    parser.add_argument("--evaluations", type=int, default=10)
    parser.add_argument("--held-out-tokens", type=int, default=30_000)
    parser.add_argument("--candidates", type=int, default=10_000)
    options = parser.parse_args()
    prepare_thread(options.threads)

    text, weights = Text(options.table), contour_shards.weights(options.start)
    if "forward.layer1.projection.weight" not in weights:
        raise ValueError(f"{options.start}: is no model of projected LSTM layers")
    sizes = Sizes(text.vectors.shape[1], *weights["forward.layer1.projection.weight"].shape,
                  sum(name.startswith("forward.layer") and name.endswith(".projection.weight") for name in weights))

    blocks = [block for path in options.tokens for block in contour_shards.sentences(path, text.table.row)]
    sentence_count = sum(len(lengths) for lengths, _ in blocks)
    corpus = text.streams(endless(blocks, options.seed), options.batch, options.window, options.steps)
    sentences, tokens = [], 0
    for lengths, rows in contour_shards.sentences(options.held_out, text.table.row):
        if tokens < options.held_out_tokens:
            sentences += numpy.split(rows, numpy.cumsum(lengths)[:-1])
            tokens += len(rows)
    held_out = HeldOut(text, sentences, options, sentence_count)

    training = EncoderTraining(
        sizes, options.formulation, options.batch, options.directions, options.threads,
        at_once=options.directions_at_once == "yes", seed=options.seed, dropout=options.dropout, clip=options.clip or float("inf"))
    start_from(training, weights, options.start)
    print(f"{training.parameter_count:,} weights, {options.formulation}", file=sys.stderr)
    train(training, text, corpus, held_out, options, sum(len(rows) for _, rows in blocks) + sentence_count)


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"pytorch_quality.py: {error}")
