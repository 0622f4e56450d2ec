#!/usr/bin/env python3
"""The network of `bench task ner` in PyTorch, for tasks-against-pytorch.sh: one pass over the training text with the vectors that
bench has cached, and the seconds that it takes.

    tasks_pytorch.py VECTORS.safetensors TEXT.conll LAYERS WIDTH WORDS THREADS

Prints the seconds of each pass, a line each.
"""
import json
import random
import sys
import time

import numpy as np
import torch
from torch import nn


def read_vectors(path):
    """The rows of a safetensors file with one tensor, mapped."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    (tensor,) = [value for key, value in header.items() if key != "__metadata__"]
    return np.memmap(path, dtype=np.float32, mode="r", offset=8 + length, shape=tuple(tensor["shape"]))


def read_text(path):
    """Sentences of words, and the labels of their words in BIOUL."""
    sentences, words, tags = [], [], []

    def close():
        if words:
            sentences.append((list(words), bioul(tags)))
        words.clear()
        tags.clear()

    for line in open(path, encoding="utf-8"):
        columns = line.split()
        if not columns or columns[0] == "-DOCSTART-":
            close()
            continue
        words.append(columns[0])
        tags.append(columns[-1])
    close()
    return sentences


def bioul(tags):
    """Labels of IOB1 or IOB2 in BIOUL."""
    spans, start = [], None
    for index, tag in enumerate(tags + ["O"]):
        before = tags[index - 1] if index else "O"
        if start is not None and (tag == "O" or tag[0] == "B" or tag[2:] != before[2:]):
            spans.append((start, index, before[2:]))
            start = None
        if tag != "O" and start is None:
            start = index
    labels = ["O"] * len(tags)
    for first, end, kind in spans:
        for index in range(first, end):
            labels[index] = "I-" + kind
        labels[first], labels[end - 1] = "B-" + kind, "L-" + kind
        if end == first + 1:
            labels[first] = "U-" + kind
    return labels


class Tagger(nn.Module):
    def __init__(self, layers, width, words, letters, labels):
        super().__init__()
        self.layers, self.width = layers, width
        self.mix, self.gain = nn.Parameter(torch.zeros(layers)), nn.Parameter(torch.ones(1))
        self.letters = nn.Embedding(letters + 1, 16, padding_idx=0)
        self.filters = nn.Conv1d(16, 128, 3)
        self.lstm = nn.LSTM(width + words + 128, 200, 2, dropout=0.5, bidirectional=True, batch_first=True)
        self.drop = nn.Dropout(0.5)
        self.output = nn.Linear(400, labels)
        self.transitions = nn.Parameter(torch.randn(labels, labels) * 0.1)

    def forward(self, vectors, letters, places, lengths, labels):
        """vectors [batch, steps, columns]; letters [words, longest] of distinct words; places, labels [batch, steps]."""
        deep = vectors[..., : self.layers * self.width].unflatten(-1, (self.layers, self.width))
        mixed = self.gain * torch.einsum("btlw,l->btw", deep, self.mix.softmax(0))
        features = torch.relu(self.filters(self.letters(letters).transpose(1, 2)).amax(2))[places]
        states = self.drop(torch.cat([mixed, vectors[..., self.layers * self.width :], features], -1))
        packed = nn.utils.rnn.pack_padded_sequence(states, lengths, batch_first=True, enforce_sorted=False)
        states, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        scores = self.output(self.drop(states))
        return self.loss(scores, labels, lengths)

    def loss(self, scores, labels, lengths):
        steps = torch.arange(scores.shape[1])
        mask = steps[None] < lengths[:, None]
        own = (scores.gather(2, labels[..., None])[..., 0] * mask).sum()
        own = own + (self.transitions[labels[:, :-1], labels[:, 1:]] * mask[:, 1:]).sum()
        alpha = scores[:, 0]
        for step in range(1, scores.shape[1]):
            after = torch.logsumexp(alpha[:, :, None] + self.transitions[None], 1) + scores[:, step]
            alpha = torch.where(mask[:, step, None], after, alpha)
        return torch.logsumexp(alpha, 1).sum() - own


def main():
    path, text, layers, width, words, threads = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:7])
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    random.seed(1)
    vectors, sentences = read_vectors(path), read_text(text)
    starts = np.cumsum([0] + [len(sentence) for sentence, _ in sentences])
    assert starts[-1] == len(vectors), (starts[-1], len(vectors))
    letters = {letter: place + 1 for place, letter in enumerate(sorted(set("".join(w for s, _ in sentences for w in s))))}
    names = {name: place for place, name in enumerate(sorted({label for _, labels in sentences for label in labels}))}
    model = Tagger(layers, width, words, len(letters), len(names))
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    order = sorted(range(len(sentences)), key=lambda index: len(sentences[index][0]))
    batches = [order[first : first + 64] for first in range(0, len(order), 64)]
    random.shuffle(batches)
    model.train()
    for _ in range(2):
        begin = time.perf_counter()
        for batch in batches:
            lengths = torch.tensor([len(sentences[index][0]) for index in batch])
            longest = int(lengths.max())
            block = np.zeros((len(batch), longest, vectors.shape[1]), np.float32)
            places = np.zeros((len(batch), longest), np.int64)
            labels = np.zeros((len(batch), longest), np.int64)
            distinct = {}
            for row, index in enumerate(batch):
                tokens, own = sentences[index]
                block[row, : len(tokens)] = vectors[starts[index] : starts[index + 1]]
                for step, token in enumerate(tokens):
                    places[row, step] = distinct.setdefault(token, len(distinct))
                    labels[row, step] = names[own[step]]
            spelled = np.zeros((len(distinct), max(3, max(map(len, distinct)))), np.int64)
            for token, place in distinct.items():
                for step, letter in enumerate(token):
                    spelled[place, step] = letters[letter]
            optimizer.zero_grad()
            loss = model(
                torch.from_numpy(block), torch.from_numpy(spelled), torch.from_numpy(places), lengths, torch.from_numpy(labels))
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
        print(time.perf_counter() - begin, flush=True)


main()
