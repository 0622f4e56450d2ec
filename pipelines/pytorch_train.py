#!/usr/bin/env python3
"""Words a second of the ELMo-C encoder in PyTorch, on random words: the peer of `bench train`.

    pytorch_train.py --cell 1024 --projection 256 --batch 64 --window 20 --dimension 300 --seconds 20

prints them for Contour's network; `--formulation spared` for the plain LSTM, which does less (pytorch_model.py). Of
either, all ways to run it that PyTorch has are tried first, and the fastest is measured: eager or nn.LSTM, or under
torch.compile; the directions one after the other on all threads, or at once on a part of them each. `--formulation
same-eager` and so on leave no choice of the first, `--directions-at-once yes` or `no` none of the second. With
`--trial` the fastest way is printed, as these two options, and nothing measured.
"""
import argparse
import itertools
import sys
import time

import torch
from torch.nn import functional

from pytorch_model import FORMULATIONS, EncoderTraining, Sizes, add_options, prepare_thread

# Random words are drawn from so many vectors: more than fit in a cache, as in a vocabulary.
TABLE_ROWS = 20_000


class SyntheticTraining:
    """Training steps on random words, as `bench train` takes them."""

    def __init__(self, formulation, at_once, options):
        self.name = formulation + (", directions at once" if at_once else "")
        self.formulation, self.at_once = formulation, at_once
        self.batch, self.window = options.batch, options.window
        self.training = EncoderTraining(
            Sizes(options.dimension, options.cell, options.projection), formulation, options.batch, options.directions,
            options.threads, at_once)
        self.table = functional.normalize(torch.randn(TABLE_ROWS, options.dimension), dim=-1)
        self.generators = [torch.Generator().manual_seed(seed) for seed in range(options.directions)]

    def words(self, generator):
        return self.table[torch.randint(0, TABLE_ROWS, (self.window, self.batch), generator=generator)]

    def windows(self):
        def random_window(generator):
            return lambda: (self.words(generator), self.words(generator), None)
        return [random_window(generator) for generator in self.generators]

    def warm_up(self):
        self.training.warm_up(self.windows())

    def step(self):
        self.training.step(self.windows(), 1e-3)

    def words_per_second(self, seconds, least_steps=2):
        """A word is counted once, whether one direction or both are trained on it."""
        steps, start = 0, time.perf_counter()
        while steps < least_steps or time.perf_counter() - start < seconds:
            self.step()
            steps += 1
        return steps * self.batch * self.window / (time.perf_counter() - start)


def warmed_up(formulation, at_once, options):
    """Ready to be measured, or None where torch.compile does not work: it needs a C++ compiler."""
    training = SyntheticTraining(formulation, at_once, options)
    try:
        training.warm_up()
    except Exception as error:
        if not formulation.endswith("compiled"):
            raise
        print(f"torch.compile does not work here: {str(error).splitlines()[0]}", file=sys.stderr)
        return None
    return training


def fastest(formulation, options):
    """The fastest way to run a formulation, found by turns; what each reached goes to stderr."""
    ways = [False, True] if options.directions > 1 and options.threads > 1 else [False]
    if options.directions_at_once:
        ways = [options.directions_at_once == "yes"]
    choices = itertools.product(FORMULATIONS.get(formulation, [formulation]), ways)
    trainings = [training for choice in choices if (training := warmed_up(*choice, options))]
    if len(trainings) == 1:
        return trainings[0]
    speeds = {training: 0.0 for training in trainings}
    for _ in range(3):
        for training in trainings:
            speeds[training] = max(speeds[training], training.words_per_second(2, least_steps=1))
    for training, speed in speeds.items():
        print(f"trial of {training.name}: {speed:.0f} words/s", file=sys.stderr)
    return max(speeds, key=speeds.get)


def serve(trainings, seconds):
    """Measures once for every formulation that is named on standard input, so that other programs' runs go between."""
    for name, training in trainings.items():
        print(f"{name}: {training.name}", flush=True)
    for line in sys.stdin:
        print(f"{trainings[line.strip()].words_per_second(seconds):.1f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cell", type=int, default=1024)
    parser.add_argument("--projection", type=int, default=256)
    parser.add_argument("--dimension", type=int, default=300, help="width of the words' vectors")
    add_options(parser)
    parser.add_argument("--seconds", type=float, default=20, help="measure for about so long, and at least two steps")
    parser.add_argument("--directions-at-once", choices=["yes", "no"])
    parser.add_argument("--trial", action="store_true")
    parser.add_argument("--formulation", default="same", choices=[*FORMULATIONS, *sum(FORMULATIONS.values(), [])])
    parser.add_argument("--serve", action="store_true",
                        help="prepare `same` and `spared`, then measure the one that each line on standard input names")
    options = parser.parse_args()
    prepare_thread(options.threads)
    torch.manual_seed(1)
    if options.serve:
        serve({name: fastest(name, options) for name in FORMULATIONS}, options.seconds)
        return
    training = fastest(options.formulation, options)
    if options.trial:
        print(f"--formulation {training.formulation} --directions-at-once {'yes' if training.at_once else 'no'}")
    else:
        print(f"{training.name}: {training.training.parameter_count:,} weights", file=sys.stderr)
        print(f"{training.words_per_second(options.seconds):.1f}")


if __name__ == "__main__":
    main()
