#!/usr/bin/env python3
"""Transformers in PyTorch on a GPU, as speed-of-training peers for `bench train --device cuda --preset transformer-base`.

    pipelines/gpu_pytorch_encoders.py PRESET WORDS [SECONDS]

One direction of the preset (transformer-base, transformer-large or gpt): a linear layer over vectors of 300 numbers, a layer norm,
layers with their norm before each part, a last norm, a linear layer, and the cosine loss. In bfloat16 by autocast, with
scaled_dot_product_attention, fused AdamW and clipping, once as it is, and once by torch.compile. Steps of WORDS words in windows of
128, on random vectors that lie on the GPU. Prints a line of JSON for each.
"""
import argparse
import json
import math
import time

PRESETS = {
    "transformer-base": dict(width=512, heads=8, hidden=2048, layers=6, gelu=False),
    "transformer-large": dict(width=1024, heads=16, hidden=4096, layers=6, gelu=False),
    "gpt": dict(width=768, heads=12, hidden=3072, layers=12, gelu=True),
}

# Before PyTorch, which help can do without.
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("preset", choices=PRESETS)
parser.add_argument("words", type=int)
parser.add_argument("seconds", nargs="?", type=float, default=3)
arguments = parser.parse_args()

import torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

SIZE, WORDS, WINDOW, DROPOUT = 300, 20_000, 128, 0.1


class Layer(nn.Module):
    def __init__(self, width, heads, hidden, gelu):
        super().__init__()
        self.heads, self.gelu = heads, gelu
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.parts, self.mix = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, x):
        batch, steps, width = x.shape
        q, k, v = (part.view(batch, steps, self.heads, -1).transpose(1, 2) for part in self.parts(self.norms[0](x)).chunk(3, dim=-1))
        attended = functional.scaled_dot_product_attention(
            q, k, v, is_causal=True, dropout_p=DROPOUT if self.gelu and self.training else 0.0)
        x = x + self.dropout(self.mix(attended.transpose(1, 2).reshape(batch, steps, width)))
        hidden = self.up(self.norms[1](x))
        hidden = functional.gelu(hidden, approximate="tanh") if self.gelu else functional.relu(hidden)
        return x + self.dropout(self.down(hidden))


class Direction(nn.Module):
    def __init__(self, width, heads, hidden, layers, gelu):
        super().__init__()
        self.input, self.input_norm = nn.Linear(SIZE, width), nn.LayerNorm(width)
        self.layers = nn.ModuleList(Layer(width, heads, hidden, gelu) for _ in range(layers))
        self.norm, self.output = nn.LayerNorm(width), nn.Linear(width, SIZE)
        self.dropout = nn.Dropout(DROPOUT)
        self.learned = nn.Parameter(0.02 * torch.randn(512, width)) if gelu else None
        angles = torch.arange(WINDOW)[:, None] * torch.exp(-math.log(10000) * (torch.arange(width) // 2 * 2) / width)
        self.register_buffer("waves", torch.where(torch.arange(width) % 2 == 0, angles.sin(), angles.cos()))

    def forward(self, vectors, targets):
        positions = self.waves if self.learned is None else self.learned[:WINDOW]
        x = self.dropout(self.input_norm(self.input(vectors)) + positions)
        for layer in self.layers:
            x = layer(x)
        return (1 - functional.cosine_similarity(self.output(self.norm(x)).float(), targets, dim=-1)).mean()


def measure(name, compiled):
    torch.manual_seed(1)
    batch = max(1, arguments.words // WINDOW)
    table = functional.normalize(torch.randn(WORDS, SIZE, device="cuda"), dim=1)
    network = Direction(**PRESETS[arguments.preset]).cuda()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, weight_decay=0, fused=True)
    run = torch.compile(network) if compiled else network

    def step():
        inputs, targets = (table[torch.randint(0, WORDS, (batch, WINDOW), device="cuda")] for _ in range(2))
        with torch.autocast("cuda", dtype=torch.bfloat16):
            loss = run(inputs, targets)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)
        return loss.detach()

    for _ in range(5):
        step()
    speeds = []
    for _ in range(5):
        torch.cuda.synchronize()
        start, steps = time.time(), 0
        while time.time() - start < arguments.seconds / 5:
            step()
            steps += 1
        torch.cuda.synchronize()
        speeds.append(steps * batch * WINDOW / (time.time() - start))
    speeds.sort()
    print(json.dumps({
        "event": "peer", "peer": name, "preset": arguments.preset, "words": arguments.words, "gpu": torch.cuda.get_device_name(),
        "torch": torch.__version__, "wordsPerSecond": {"median": speeds[2], "lowest": speeds[0], "highest": speeds[-1]},
        "memory": torch.cuda.max_memory_reserved(),
    }), flush=True)


if __name__ == "__main__":
    measure("PyTorch", False)
    try:
        measure("PyTorch, torch.compile", True)
    except Exception as error:
        print(json.dumps({"event": "peer", "peer": "PyTorch, torch.compile", "preset": arguments.preset, "failed": str(error)[:200]}))
