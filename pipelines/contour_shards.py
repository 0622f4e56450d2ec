"""What passes between Contour's tools as the arrays that training and encoding in PyTorch want: rows of a table in the place of words.

    from contour_shards import Table, sentences
    table = Table("table.shard")
    for lengths, rows in sentences("corpus.tok", table.row): ...

python/contour.py reads the files; its errors name them.
"""
import pathlib
import sys

import numpy

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "python"))
import contour  # noqa: E402


def sentences(path, row):
    """Yields, for each block of a token shard, the sentences' lengths and their tokens, one after the other, as row
    numbers; `row` gives the row number of a word (bytes)."""
    dictionary, rows = None, []
    for words, lengths, ids in contour.Tokens(path).blocks():
        if words is not dictionary:
            dictionary, rows = words, []
        rows += [row(word.encode()) for word in words[len(rows):]]
        yield lengths.astype(numpy.int64), numpy.array(rows, numpy.int32)[ids]


class Table:
    """An embedding table in memory: `rows` [words, dimension], `counts`, `sources` (4: a row of zeros), the mean of the words'
    unit vectors, and the row number of every word."""

    def __init__(self, path):
        table = contour.Table(path)
        self.path, self.rows, self.mean = path, table.matrix(), table.mean
        self.counts, self.sources = table.counts, table.sources
        self.numbers = {word.encode(): number for number, word in enumerate(table.words)}

    def row(self, word):
        if word not in self.numbers:
            raise contour.ContourError(self.path, "", f"lacks the word {word.decode()!r}; it must hold all words of the text")
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


def configuration(path):
    """The configuration of a model file's network, the encoder's options among the others: `family` names the encoder, and
    `projection` is the width of its layers. Where an option of the encoder has the name of another, it is in `shape` only."""
    model = contour.Model(path)
    fields = {**model.options, **model.configuration}
    fields.update(family=model.kind, shape=model.configuration["encoder"][model.kind]["shape"], directions=model.directions)
    fields["projection"] = fields.get("width") or fields.get("projection") or fields["cell"]
    return fields


def weights(path):
    """The tensors of a model file by their names."""
    return dict(contour.Model(path))
