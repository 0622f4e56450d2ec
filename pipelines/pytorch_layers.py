#!/usr/bin/env python3
"""Times PyTorch's output layers, ELMo's character CNN and recurrent layers: gradients of inputs and weights, no optimiser.

    pytorch_layers.py LAYER CLASSES [--rows 2560] [--width 512] [--threads 2] [--runs 5] [--words FILE]
    pytorch_layers.py qrnn|sru 0 [--batch 128] [--recurrence] ...

LAYER is softmax, sampled-softmax, adaptive-softmax or characters (CLASSES are then distinct words of FILE). Prints the seconds of
each run, after one that is not counted, on one line. Each is the fastest formulation that was found:

softmax: autograd over F.linear and cross_entropy in row chunks, and the same by hand with the softmax in place and addmm_ into
gradients that are there. Both are measured, and the better one is printed.
sampled-softmax: rows gathered once, their gradients dense and small, scattered by index_add_; expected counts and accidental
hits as in TensorFlow. Sparse nn.Embedding gradients were slower.
adaptive-softmax: nn.AdaptiveLogSoftmaxWithLoss.
characters: nn.Conv1d over words padded to the longest of the batch and the widest filter, not to fifty characters, which takes
twice the time; the gates of a highway layer are one product.
qrnn, sru: a layer as wide as its input over windows of rows / batch steps, the gates of all steps by one product for each input
that they see, and the loop over the steps by torch.compile, twice as fast as without it; with --recurrence that loop alone,
forth and back.
"""
import argparse
import math
import time

import torch
import torch.nn.functional as F

parser = argparse.ArgumentParser()
parser.add_argument("layer")
parser.add_argument("classes", type=int)
parser.add_argument("--rows", type=int, default=2560)
parser.add_argument("--width", type=int, default=512)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--runs", type=int, default=5)
parser.add_argument("--negatives", type=int, default=8192)
parser.add_argument("--logits-memory", type=int, default=512 << 20, help="bytes")
parser.add_argument("--words")
parser.add_argument("--batch", type=int, default=128, help="sequences of a recurrent layer")
parser.add_argument("--recurrence", action="store_true", help="the loop of a recurrent layer alone")
options = parser.parse_args()
torch.set_num_threads(options.threads)
torch.manual_seed(1)
rows, width, classes = options.rows, options.width, options.classes


def timed(step):
    """Seconds of each run."""
    step()
    seconds = []
    for _ in range(options.runs):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return seconds


def targets():
    """Classes by Zipf's law, as the log-uniform sampler draws them."""
    return (torch.exp(torch.rand(rows) * math.log(classes + 1)) - 1).long().clamp(0, classes - 1)


def softmax():
    states, wanted = torch.rand(rows, width) - 0.5, targets()
    weight, bias = torch.randn(classes, width) / width**0.5, torch.zeros(classes)
    weight_gradient, bias_gradient = torch.zeros_like(weight), torch.zeros_like(bias)
    states_gradient = torch.empty_like(states)
    chunk = max(32, min(rows, options.logits_memory // (4 * classes)))

    def by_hand():
        for start in range(0, rows, chunk):
            part, goal = states[start:start + chunk], wanted[start:start + chunk]
            logits = torch.addmm(bias, part, weight.t())
            logits.sub_(torch.logsumexp(logits, 1, keepdim=True)).exp_()
            logits[torch.arange(len(goal)), goal] -= 1
            logits.mul_(1 / rows)
            weight_gradient.addmm_(logits.t(), part)
            bias_gradient.add_(logits.sum(0))
            torch.mm(logits, weight, out=states_gradient[start:start + chunk])

    hand = timed(by_hand)
    # Its gradients are the parameters' own, so that they are added in place as well.
    weight.requires_grad_().grad = weight_gradient
    bias.requires_grad_().grad = bias_gradient
    states.requires_grad_()

    def autograd():
        states.grad = None
        for start in range(0, rows, chunk):
            logits = F.linear(states[start:start + chunk], weight, bias)
            (F.cross_entropy(logits, wanted[start:start + chunk], reduction="sum") / rows).backward()

    return min(hand, timed(autograd), key=lambda runs: sorted(runs)[len(runs) // 2])


def sampled_softmax():
    states, wanted = torch.rand(rows, width) - 0.5, targets()
    weight, bias = torch.randn(classes, width) / width**0.5, torch.zeros(classes)
    logarithm = math.log(classes + 1)

    def probability(numbers):
        numbers = numbers.double()
        return torch.log((numbers + 2) / (numbers + 1)) / logarithm

    def draw():
        """Distinct classes, and how many draws they took."""
        drawn, tries = torch.empty(0, dtype=torch.long), 0
        while True:
            more = (torch.exp(torch.rand(2 * options.negatives, dtype=torch.double) * logarithm) - 1).long().clamp(0, classes - 1)
            both = torch.cat([drawn, more])
            distinct = torch.unique(both)
            if len(distinct) >= options.negatives:
                # About the draw at which there were enough.
                share = (options.negatives - len(torch.unique(drawn))) / max(1, len(distinct) - len(torch.unique(drawn)))
                return distinct[torch.randperm(len(distinct))[:options.negatives]], tries + int(share * len(more))
            drawn, tries = both, tries + len(more)

    def step():
        drawn, tries = draw()
        expected = lambda numbers: -torch.expm1(tries * torch.log1p(-probability(numbers)))
        inputs = states.detach().requires_grad_()
        drawn_weight, wanted_weight = weight[drawn].requires_grad_(), weight[wanted].requires_grad_()
        drawn_bias, wanted_bias = bias[drawn].requires_grad_(), bias[wanted].requires_grad_()
        logits = torch.addmm(drawn_bias - expected(drawn).log().float(), inputs, drawn_weight.t())
        own = (inputs * wanted_weight).sum(1) + wanted_bias - expected(wanted).log().float()
        place = torch.full((classes,), -1)
        place[drawn] = torch.arange(len(drawn))
        hits = place[wanted]
        found = (hits >= 0).nonzero().squeeze(1)
        logits = logits.index_put((found, hits[found]), torch.tensor(-1e30))
        loss = (torch.logaddexp(torch.logsumexp(logits, 1), own) - own).mean()
        loss.backward()
        # Gradients of the rows that were touched: what a sparse optimiser would take.
        touched, inverse = torch.unique(torch.cat([drawn, wanted]), return_inverse=True)
        gradient = torch.zeros(len(touched), width)
        gradient.index_add_(0, inverse, torch.cat([drawn_weight.grad, wanted_weight.grad]))

    return timed(step)


def adaptive_softmax():
    states, wanted = torch.rand(rows, width) - 0.5, targets()
    cutoffs = [40000, 200000] if classes >= 400000 else [max(1, classes // 20), max(2, classes // 4)]
    layer = torch.nn.AdaptiveLogSoftmaxWithLoss(width, classes, cutoffs, div_value=4.0)
    states.requires_grad_()

    def step():
        states.grad = None
        layer(states, wanted).loss.backward()

    return timed(step)


def characters():
    filters = [(1, 32), (2, 32), (3, 64), (4, 128), (5, 256), (6, 512), (7, 1024)]
    words = open(options.words, encoding="utf-8").read().split("\n")[:classes]
    spelled = [[258] + list(word.encode()[:48]) + [259] for word in words]
    longest = min(50, max(map(len, spelled)) + 7)
    numbers = torch.tensor([word + [260] * (longest - len(word)) for word in spelled])
    table = torch.nn.Embedding(261, 16)
    convolutions = torch.nn.ModuleList(torch.nn.Conv1d(16, count, size) for size, count in filters)
    features = sum(count for _, count in filters)
    highways = torch.nn.ModuleList(torch.nn.Linear(features, 2 * features) for _ in range(2))
    projection = torch.nn.Linear(features, width)
    slopes = torch.rand(len(words), width) - 0.5

    def step():
        letters = table(numbers).transpose(1, 2)
        value = torch.cat([F.relu(layer(letters).amax(2)) for layer in convolutions], 1)
        for layer in highways:
            transformed, gate = layer(value).chunk(2, 1)
            gate = torch.sigmoid(gate)
            value = gate * F.relu(transformed) + (1 - gate) * value
        (projection(value) * slopes).sum().backward()

    return timed(step)


def qrnn_loop(gates, cell):
    candidate, forget, output = gates.chunk(3, 2)
    candidate, forget, output = torch.tanh(candidate), torch.sigmoid(forget), torch.sigmoid(output)
    cells = []
    for step, kept in zip(candidate.unbind(0), forget.unbind(0)):
        cell = kept * cell + (1 - kept) * step
        cells.append(cell)
    return output * torch.stack(cells)


def sru_loop(gates, inputs, weights, biases, cell):
    outputs = []
    for step, x in zip(gates.unbind(0), inputs.unbind(0)):
        candidate, forget, reset = step.chunk(3, 1)
        forget = torch.sigmoid(forget + weights[0] * cell + biases[0])
        reset = torch.sigmoid(reset + weights[1] * cell + biases[1])
        cell = forget * cell + (1 - forget) * candidate
        outputs.append(reset * cell + (1 - reset) * 3**0.5 * x)
    return torch.stack(outputs)


def recurrent(loop, window):
    """A layer whose gates see `window` inputs, and whose steps `loop` goes through."""
    steps, batch = rows // options.batch, options.batch
    loop = torch.compile(loop)
    inputs, slopes = torch.rand(steps, batch, width) - 0.5, torch.rand(steps, batch, width) - 0.5
    before, cell = torch.zeros(1, batch, width), torch.zeros(batch, width)
    weights = [(torch.randn(width, 3 * width) / width**0.5).requires_grad_() for _ in range(window)]
    bias = torch.zeros(3 * width, requires_grad=True)
    states = [(torch.randn(2, width) / 2).requires_grad_(), torch.zeros(2, width, requires_grad=True)] if window == 1 else []
    inputs.requires_grad_()
    gates = torch.randn(steps, batch, 3 * width).requires_grad_()
    for parameter in [inputs, gates, bias] + weights + states:
        parameter.grad = torch.zeros_like(parameter)

    def run(gates):
        if not states:
            return loop(gates, cell)
        # A row for each sequence: sums over all of them would part the loops of the steps.
        return loop(gates, inputs, *(state[:, None].expand(2, batch, width) for state in states), cell)

    def whole():
        inputs.grad = None
        flat = inputs.view(rows, width)
        if states:
            products = flat @ weights[0]
        else:
            shifted = torch.cat([before, inputs[:-1]]).view(rows, width)
            products = torch.addmm(torch.addmm(bias, flat, weights[0]), shifted, weights[1])
        run(products.view(steps, batch, 3 * width)).backward(slopes)

    def alone():
        gates.grad = inputs.grad = None
        run(gates).backward(slopes)

    return timed(alone if options.recurrence else whole)


LAYERS = {
    "qrnn": lambda: recurrent(qrnn_loop, 2),
    "sru": lambda: recurrent(sru_loop, 1),
    "softmax": softmax,
    "sampled-softmax": sampled_softmax,
    "adaptive-softmax": adaptive_softmax,
    "characters": characters,
}
print(*(f"{seconds:.5f}" for seconds in LAYERS[options.layer]()))
