"""The windows that Contour's `train` sees, position by position: sentences in its random order
(Sources/Kernels/Random.swift, Sources/Training/ShuffledSentences.swift) joined into its streams (WindowBatcher.swift).
Needs numpy."""
import dataclasses
import heapq
import itertools

import numpy

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
# Sentences are shuffled within so many tokens.
BUFFER_TOKENS = 4 << 20


def mix(value):
    """SplitMix64's finaliser."""
    bits = (value + GOLDEN) & MASK
    bits = ((bits ^ bits >> 30) * 0xBF58476D1CE4E5B9) & MASK
    bits = ((bits ^ bits >> 27) * 0x94D049BB133111EB) & MASK
    return bits ^ bits >> 31


class Random:
    """xoshiro256**, seeded by a key."""

    def __init__(self, key):
        self.state = [mix((key + number * GOLDEN) & MASK) for number in range(4)]

    @classmethod
    def stream(cls, seed, name, number):
        """A numbered stream of a seed, such as the order of an epoch."""
        key = mix(seed)
        for byte in name.encode():
            key = mix(key ^ byte)
        return cls(mix(cls(key).next() ^ number))

    def next(self):
        a, b, c, d = self.state
        product = (b * 5) & MASK
        result = ((product << 7 | product >> 57) & MASK) * 9 & MASK
        c, d = c ^ a, d ^ b
        self.state = [a ^ d, b ^ c, c ^ (b << 17 & MASK), (d << 45 | d >> 19) & MASK]
        return result

    def below(self, bound):
        while True:
            product = bound * self.next()
            if product & MASK >= ((1 << 64) - bound) % bound:
                return product >> 64

    def shuffle(self, values):
        for last in range(len(values) - 1, 0, -1):
            other = self.below(last + 1)
            values[last], values[other] = values[other], values[last]


def shuffled(blocks, seed, epoch):
    """Yields the sentences of an epoch. `blocks` are (lengths, rows), as contour_shards.sentences gives them."""
    random, buffer, tokens = Random.stream(seed, "sentences", epoch), [], 0
    for lengths, rows in blocks:
        buffer += numpy.split(rows, numpy.cumsum(lengths)[:-1])
        tokens += len(rows)
        if tokens >= BUFFER_TOKENS:
            random.shuffle(buffer)
            yield from buffer
            buffer, tokens = [], 0
    random.shuffle(buffer)
    yield from buffer


def endless(blocks, seed):
    """The sentences of all epochs, one after the other."""
    return itertools.chain.from_iterable(shuffled(blocks, seed, epoch) for epoch in itertools.count())


@dataclasses.dataclass
class Streams:
    """Parallel streams of text as row numbers, arrays [positions, batch]; what a direction reads, and what it predicts.
    `weights` are 0 where a stream has run dry."""
    inputs: dict
    targets: dict
    weights: numpy.ndarray

    def windows(self, window):
        """Yields slices of positions."""
        for start in range(0, len(self.weights), window):
            yield slice(start, start + window)


def streams(sentences, batch, window, begin, end, windows=None):
    """Joins sentences into streams. A sentence takes one position more than words, for the marks `begin` and `end` (row
    numbers); the stream that is through with its sentence first takes the next. Without a number of `windows`, all
    sentences are used, and the last window is filled up."""
    places, free = [], [(0, stream) for stream in range(batch)]
    for sentence in sentences:
        start, stream = heapq.heappop(free)
        if windows is not None and start >= windows * window:
            break
        places.append((start, stream, sentence))
        heapq.heappush(free, (start + len(sentence) + 1, stream))
    if windows is None:
        windows = -(-max(start + len(sentence) + 1 for start, _, sentence in places) // window)
    shape = (windows * window, batch)
    inputs = {"forward": numpy.full(shape, end, numpy.int32), "backward": numpy.full(shape, begin, numpy.int32)}
    targets = {direction: rows.copy() for direction, rows in inputs.items()}
    weights = numpy.zeros(shape, numpy.float32)
    for start, stream, sentence in places:
        part = slice(start, start + len(sentence) + 1)
        count = len(weights[part])
        for direction, words, first, last in [("forward", sentence, begin, end),
                                              ("backward", sentence[::-1], end, begin)]:
            inputs[direction][part, stream] = numpy.concatenate([[first], words])[:count]
            targets[direction][part, stream] = numpy.concatenate([words, [last]])[:count]
        weights[part, stream] = 1
    return Streams(inputs, targets, weights)
