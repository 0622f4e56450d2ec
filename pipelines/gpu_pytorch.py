#!/usr/bin/env python3
"""ELMo-C at the reference size in PyTorch on a GPU, as speed-of-training peers for `bench train --device cuda`.

    pipelines/gpu_pytorch.py BATCH [SECONDS]

Two networks of one direction each: a linear layer over vectors of 300 numbers, nn.LSTM with a projection (two layers), a linear
layer, and the cosine loss, in bfloat16 by autocast, with fused Adam and clipping; once as it is, and once by torch.compile.
Steps of 20 words on random vectors that lie on the GPU. Prints a line of JSON for each.
"""
import argparse
import json
import time

# Before PyTorch, which help can do without.
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("batch", type=int)
parser.add_argument("seconds", nargs="?", type=float, default=5)
arguments = parser.parse_args()

import torch  # noqa: E402

CELL, PROJECTION, SIZE, WORDS, STEPS = 4096, 512, 300, 20_000, 20


class Direction(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.input = torch.nn.Linear(SIZE, PROJECTION)
        self.recurrent = torch.nn.LSTM(PROJECTION, CELL, num_layers=2, proj_size=PROJECTION)
        self.output = torch.nn.Linear(PROJECTION, SIZE)

    def forward(self, vectors, targets, state):
        states, state = self.recurrent(self.input(vectors), state)
        loss = 1 - torch.nn.functional.cosine_similarity(self.output(states).float(), targets, dim=-1)
        return loss.mean(), state


def measure(name, batch, seconds, compiled):
    torch.manual_seed(1)
    table = torch.nn.functional.normalize(torch.randn(WORDS, SIZE, device="cuda"), dim=1)
    networks = [Direction().cuda() for _ in range(2)]
    optimizers = [torch.optim.Adam(network.parameters(), lr=1e-3, fused=True) for network in networks]
    states = [
        (torch.zeros(2, batch, PROJECTION, device="cuda"), torch.zeros(2, batch, CELL, device="cuda")) for _ in networks
    ]
    run = [torch.compile(network) if compiled else network for network in networks]

    def step():
        losses = []
        for index, network in enumerate(networks):
            inputs = table[torch.randint(0, WORDS, (STEPS, batch), device="cuda")]
            targets = table[torch.randint(0, WORDS, (STEPS, batch), device="cuda")]
            with torch.autocast("cuda", dtype=torch.bfloat16):
                loss, state = run[index](inputs, targets, states[index])
            states[index] = tuple(part.detach() for part in state)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizers[index].step()
            optimizers[index].zero_grad(set_to_none=False)
            losses.append(loss.detach())
        return sum(loss.item() for loss in losses)

    for _ in range(5):
        step()
    speeds = []
    for _ in range(5):
        torch.cuda.synchronize()
        start, steps = time.time(), 0
        while time.time() - start < seconds / 5:
            step()
            steps += 1
        torch.cuda.synchronize()
        speeds.append(steps * STEPS * batch / (time.time() - start))
    speeds.sort()
    print(json.dumps({
        "event": "peer", "peer": name, "batch": batch, "gpu": torch.cuda.get_device_name(), "torch": torch.__version__,
        "wordsPerSecond": {"median": speeds[2], "lowest": speeds[0], "highest": speeds[-1]},
        "memory": torch.cuda.max_memory_reserved(),
    }), flush=True)


if __name__ == "__main__":
    size, duration = arguments.batch, arguments.seconds
    measure("nn.LSTM", size, duration, False)
    try:
        measure("nn.LSTM, torch.compile", size, duration, True)
    except Exception as error:
        print(json.dumps({"event": "peer", "peer": "nn.LSTM, torch.compile", "batch": size, "failed": str(error)[:200]}))
