"""Reads what passes between Contour's tools into NumPy arrays: shards (docs/format.md) and model files (safetensors).

    from contour_shards import Table, sentences
    table = Table("table.shard")
    for lengths, rows in sentences("corpus.tok", table.row): ...

Needs numpy and lz4. Errors are ValueErrors that name the file.
"""
import json
import struct

import lz4.frame
import numpy

TYPES = {"u8": "<u1", "u32": "<u4", "u64": "<u8", "f16": "<f2", "f32": "<f4"}


def blocks(path, kind):
    """Yields (number of the part, fields of its header, the block's columns by name as arrays)."""
    try:
        with lz4.frame.open(path) as file:
            data = file.read()  # All frames; raises if one is cut short or damaged.
    except (RuntimeError, EOFError) as error:
        raise ValueError(f"{path}: is no shard, or damaged: {error}") from error
    position = part = 0
    while position < len(data):
        end = data.find(b"\n\n", position)
        lines = data[position:end].decode().split("\n")
        if lines[0] != "contour shard 1" or f"kind {kind}" not in lines:
            raise ValueError(f"{path}: is no {kind} shard of version 1")
        columns = [line.split()[1:] for line in lines if line.startswith("column ")]
        fields = dict(line.split(" ", 1) for line in lines if " " in line and not line.startswith("column "))
        position = end + 2
        while True:
            head = data[position:position + 16]
            if len(head) == 16:
                magic, _, size = struct.unpack("<4sIQ", head)
                start, position = position + 16, position + 16 + size
            if len(head) < 16 or position > len(data):
                raise ValueError(f"{path}: is truncated: its end is missing")
            if magic == b"end\n":
                break
            block = {}
            for name, element in columns:
                count, = struct.unpack_from("<Q", data, start)
                block[name] = numpy.frombuffer(data, TYPES[element], count, start + 8)
                start += 8 + (block[name].nbytes + 7) // 8 * 8
            yield part, fields, block
        part += 1


def words(block, lengths, spelling):
    """The words, as bytes, of a column of lengths and a column of their UTF-8."""
    text, ends = block[spelling].tobytes(), numpy.cumsum(block[lengths], dtype=numpy.int64)
    return [text[end - length:end] for end, length in zip(ends.tolist(), block[lengths].tolist())]


def sentences(path, row):
    """Yields, for each block of a token shard, the sentences' lengths and their tokens, one after the other, as row
    numbers; `row` gives the row number of a word (bytes)."""
    current, rows = -1, []
    for part, _, block in blocks(path, "tokens"):
        if part != current:
            current, rows = part, []
        rows += [row(word) for word in words(block, "new-word-lengths", "new-word-bytes")]
        yield block["sentence-lengths"].astype(numpy.int64), numpy.array(rows, numpy.int32)[block["ids"]]


class Table:
    """An embedding table: `rows` [words, dimension], `counts`, `sources` (4: a row of zeros), the mean of the words'
    unit vectors, and the row number of every word."""

    def __init__(self, path):
        self.path = path
        spelling, rows, counts, sources, mean = [], [], [], [], []
        for part, fields, block in blocks(path, "table"):
            dimension = int(fields["dimension"])
            if len(block["tensor-name"]) == 0:
                spelling += words(block, "word-lengths", "word-bytes")
                rows.append(block["rows"].astype("<f4", copy=False).reshape(-1, dimension))
                counts.append(block["counts"])
                sources.append(block["sources"])
            elif block["tensor-name"].tobytes() == b"mean" and part == 0:
                mean.append(block["tensor-values"])
        self.rows, self.mean = numpy.concatenate(rows), numpy.concatenate(mean)
        self.counts, self.sources = numpy.concatenate(counts), numpy.concatenate(sources)
        self.numbers = {}
        for number, word in enumerate(spelling):
            self.numbers.setdefault(word, number)
        if len(self.numbers) < len(spelling):
            raise ValueError(f"{path}: is joined of several tables with the same words")

    def row(self, word):
        if word not in self.numbers:
            raise ValueError(f"{self.path}: lacks the word {word.decode()!r}; it must hold all words of the text")
        return self.numbers[word]

    def targets(self):
        """Inputs and targets of training (EmbeddingTable.normalise): the unit vectors less their mean, made unit
        vectors again; zeros stay zeros."""
        unit = normalised(self.rows)
        centred = normalised(unit - self.mean)
        return numpy.where(unit.any(axis=1, keepdims=True), centred, unit)


def normalised(rows):
    norms = numpy.sqrt(numpy.square(rows, dtype=numpy.float64).sum(axis=1, keepdims=True))
    return rows * (1 / numpy.where(norms > 0, norms, 1)).astype(numpy.float32)


def model_header(path):
    """The header of a model file, and its data."""
    with open(path, "rb") as file:
        content = file.read()
    size = int.from_bytes(content[:8], "little")
    try:
        return json.loads(content[8:8 + size]), memoryview(content)[8 + size:]
    except ValueError as error:
        raise ValueError(f"{path}: is no safetensors file") from error


def configuration(path):
    """The configuration of a model file's network, without what follows from its absence, the encoder's options among the others:
    `family` names the encoder, and `projection` is the width of its layers. Where an option of the encoder has the name of
    another, it is in `shape` only."""
    header, _ = model_header(path)
    fields = json.loads(header["__metadata__"]["contour"])
    if isinstance(fields.get("encoder"), dict):
        ((fields["family"], encoder),) = fields["encoder"].items()
        fields["shape"] = encoder["shape"]
        fields = {**encoder["shape"], **fields}
        if "width" in fields:
            fields.setdefault("projection", fields["width"])
    if "reading" in fields:
        directions = ["forward", "backward"] if fields["reading"] == "both" else [fields["reading"]]
        fields["directions"] = ["bidirectional"] if fields.get("objective") == "masked" else directions
    return fields


def weights(path):
    """The tensors of a model file by their names."""
    header, data = model_header(path)
    header.pop("__metadata__", None)
    return {name: numpy.frombuffer(data[slice(*tensor["data_offsets"])], "<f4").reshape(tensor["shape"])
            for name, tensor in header.items()}
