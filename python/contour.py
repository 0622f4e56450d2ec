"""Contour's files as NumPy arrays, and its encoders as PyTorch modules.

    import contour

    for words in contour.Tokens("news.tok"): ...                  # what tokenize writes
    contour.Vocabulary("vocab.shard")["the"]                      # what build-vocab writes: how often
    contour.Table("table.shard")["the"]                           # what embed-oov writes: the vector of any word
    contour.Model("model.safetensors")["forward.layer1.bias"]     # what train writes: weights by name
    for words, vectors in contour.Vectors("vectors.shard"): ...   # what encode writes: (tokens, layers, width)

    encoder = contour.Encoder("model.safetensors", table="table.shard")
    encoded = encoder([["the", "cat", "sleeps"], ["money"]])      # encoded.layers: (layers, sentences, tokens, width)
    mix = contour.ScalarMix(len(encoded.layers))

NumPy is all that must be installed. With the package lz4 shards are read many times as fast; `Encoder` and `ScalarMix` need
PyTorch, which is imported when one of them is first asked for. Files are mapped, and read when what is in them is asked for.
What cannot be read raises `ContourError`, which names the file, the place in it and what is wrong.
"""
from __future__ import annotations

import bisect
import collections
import functools
import json
import math
import mmap
import os
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Union

import numpy as np

try:
    import lz4.frame as _lz4
except ImportError:
    _lz4 = None
if TYPE_CHECKING:
    import torch

__version__ = "0.1.0"
__all__ = ["ContourError", "Merges", "Model", "Sentence", "Shard", "Table", "Tokens", "Vectors", "Vocabulary"]

Path = Union[str, "os.PathLike[str]"]


class ContourError(ValueError):
    """A file that is not what it should be, or files that do not fit each other: file, place, cause."""

    def __init__(self, path: Path, place: str, cause: str) -> None:
        super().__init__(f"{os.fspath(path)}: {place + ': ' if place else ''}{cause}")


class _File:
    """The bytes of a file, which the system reads when they are looked at. A copy or a pickle is the file opened again."""

    def __init__(self, path: Path) -> None:
        self.path = os.fspath(path)
        with open(self.path, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                raise ContourError(self.path, "", "is empty, or no plain file")
            self.data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

    def __reduce__(self) -> tuple:
        return _File, (self.path,)

    def number(self, at: int) -> int:
        """The u32 at a place; an error where the file ends before it does."""
        if at + 4 > len(self.data):
            raise ContourError(self.path, f"byte {len(self.data)}", "the shard is cut short")
        return int.from_bytes(self.data[at:at + 4], "little")


# Checksums: XXH32 of LZ4, where the package lz4 does not compute it, and XXH64, by which Contour names content.

_M32, _M64 = (1 << 32) - 1, (1 << 64) - 1
_P32 = (2654435761, 2246822519, 3266489917, 668265263, 374761393)
_P64 = (11400714785074694791, 14029467366897019727, 1609587929392839161, 9650029242287828579, 2870177450012600261)


def _lanes(data: Any, size: int, state: list[int], primes: tuple[int, ...]) -> list[int]:
    """Runs the whole stripes of `data`, four numbers of `size` bytes each, through the four sums of XXH32 or XXH64."""
    mask = _M32 if size == 4 else _M64
    up, down = (13, 19) if size == 4 else (31, 33)
    one, numbers = primes[0], np.frombuffer(data, f"<u{size}", len(data) // (4 * size) * 4)
    a, b, c, d = state
    for start in range(0, len(numbers), 1 << 16):
        # The products wrap around, as they should.
        products = (numbers[start:start + (1 << 16)] * numbers.dtype.type(primes[1])).reshape(-1, 4).tolist()
        for p, q, r, s in products:
            a, b, c, d = a + p & mask, b + q & mask, c + r & mask, d + s & mask
            a, b = (a << up | a >> down) * one & mask, (b << up | b >> down) * one & mask
            c, d = (c << up | c >> down) * one & mask, (d << up | d >> down) * one & mask
    return [a, b, c, d]


def _xxh32(data: Any) -> int:
    """XXH32, seed 0."""
    def turn(value: int, by: int) -> int:
        value &= _M32
        return (value << by | value >> 32 - by) & _M32
    p1, p2, p3, p4, p5 = _P32
    data, done = memoryview(data), len(data) // 16 * 16
    value = p5
    if done:
        a, b, c, d = _lanes(data[:done], 4, [p1 + p2 & _M32, p2, 0, -p1 & _M32], _P32)
        value = turn(a, 1) + turn(b, 7) + turn(c, 12) + turn(d, 18)
    value = value + len(data) & _M32
    while done + 4 <= len(data):
        value = turn(value + int.from_bytes(data[done:done + 4], "little") * p3, 17) * p4 & _M32
        done += 4
    for byte in data[done:]:
        value = turn(value + byte * p5, 11) * p1 & _M32
    value = (value ^ value >> 15) * p2 & _M32
    value = (value ^ value >> 13) * p3 & _M32
    return value ^ value >> 16


class _XXH64:
    """XXH64, seed 0, of what comes in pieces."""

    def __init__(self) -> None:
        self.state = [_P64[0] + _P64[1] & _M64, _P64[1], 0, -_P64[0] & _M64]
        self.rest, self.length = b"", 0

    def update(self, data: Any) -> _XXH64:
        data = memoryview(data).cast("B")
        self.length += len(data)
        if self.rest:
            missing = 32 - len(self.rest)
            self.rest += bytes(data[:missing])
            data = data[missing:]
            if len(self.rest) < 32:
                return self
            self.state = _lanes(self.rest, 8, self.state, _P64)
        done = len(data) // 32 * 32
        self.state, self.rest = _lanes(data[:done], 8, self.state, _P64), bytes(data[done:])
        return self

    def digest(self) -> int:
        def turn(value: int, by: int) -> int:
            value &= _M64
            return (value << by | value >> 64 - by) & _M64
        p1, p2, p3, p4, p5 = _P64
        value = p5
        if self.length >= 32:
            a, b, c, d = self.state
            value = turn(a, 1) + turn(b, 7) + turn(c, 12) + turn(d, 18)
            for lane in self.state:
                value = ((value ^ turn(lane * p2, 31) * p1 & _M64) * p1 + p4) & _M64
        value, rest, done = value + self.length & _M64, self.rest, 0
        while done + 8 <= len(rest):
            lane = turn(int.from_bytes(rest[done:done + 8], "little") * p2, 31) * p1 & _M64
            value, done = (turn(value ^ lane, 27) * p1 + p4) & _M64, done + 8
        if done + 4 <= len(rest):
            lane = int.from_bytes(rest[done:done + 4], "little") * p1 & _M64
            value, done = (turn(value ^ lane, 23) * p2 + p3) & _M64, done + 4
        for byte in rest[done:]:
            value = turn(value ^ byte * p5 & _M64, 11) * p1 & _M64
        value = (value ^ value >> 33) * p2 & _M64
        value = (value ^ value >> 29) * p3 & _M64
        return value ^ value >> 32


# LZ4 frames.

_FRAME = bytes.fromhex("04224d187c")
_MOST_CONTENT = 256 << 20
# The header of a frame whose blocks have checksums, and nothing else has.
_BLOCK_FRAME = _FRAME[:4] + b"\x70\x70" + bytes([_xxh32(b"\x70\x70") >> 8 & 255])


def _decompress_block(data: bytes) -> bytes:
    """The content of an LZ4 block, without the package lz4. Raises IndexError for a damaged one."""
    out, at, end = bytearray(), 0, len(data)
    while True:
        token = data[at]
        at, length = at + 1, token >> 4
        if length == 15:
            while data[at] == 255:
                length, at = length + 255, at + 1
            length, at = length + data[at], at + 1
        out += data[at:at + length]
        at += length
        if at >= end:
            return bytes(out)
        offset, length, at = data[at] | data[at + 1] << 8, token & 15, at + 2
        if length == 15:
            while data[at] == 255:
                length, at = length + 255, at + 1
            length, at = length + data[at], at + 1
        length, start = length + 4, len(out) - offset
        if start < 0 or offset == 0:
            raise IndexError
        copy = out[start:start + length]
        out += copy if offset >= length else (copy * (length // offset + 1))[:length]


class _Frame:
    """An LZ4 frame of a shard, found and not yet decompressed: `size` is that of its content."""

    def __init__(self, file: _File, start: int) -> None:
        self.file, self.start = file, start
        head = file.data[start:start + 15]
        if head[:5] != _FRAME[:len(head)] or len(head) < 5:
            raise self.error("the shard is damaged" if start else "is no shard of Contour's")
        if len(head) < 15:
            raise self.error("the shard is cut short")
        self.size = int.from_bytes(head[6:14], "little")
        if _xxh32(head[4:14]) >> 8 & 255 != head[14] or self.size > _MOST_CONTENT:
            raise self.error("the shard is damaged (a frame's header)")

    def error(self, cause: str) -> ContourError:
        return ContourError(self.file.path, f"byte {self.start}", cause)

    @functools.cached_property
    def end(self) -> int:
        """The place behind the frame."""
        at = self.start + 15
        while size := self.file.number(at):
            at += (size & 0x7FFFFFFF) + 8
        self.file.number(at + 4)
        return at + 8

    def block(self, at: int) -> bytes:
        """The content of the LZ4 block at a place, its checksum verified."""
        size = self.file.number(at) & 0x7FFFFFFF
        self.file.number(at + 4 + size)
        try:
            if _lz4:
                return _lz4.decompress(b"".join([_BLOCK_FRAME, self.file.data[at:at + 8 + size], bytes(4)]))
            raw = self.file.data[at + 4:at + 4 + size]
            if _xxh32(raw) != self.file.number(at + 4 + size):
                raise IndexError
            return bytes(raw) if self.file.number(at) >> 31 else _decompress_block(bytes(raw))
        except (RuntimeError, IndexError):
            raise self.error(f"the shard is damaged (the LZ4 block at byte {at})") from None

    def content(self) -> bytes:
        """The content, the checksums of its blocks verified."""
        if _lz4:
            try:
                content = _lz4.decompress(self.file.data[self.start:self.end])
            except RuntimeError:
                raise self.error("the shard is damaged (an LZ4 frame)") from None
        else:
            at, blocks = self.start + 15, []
            self.file.number(self.end - 4)
            while size := self.file.number(at):
                blocks.append(self.block(at))
                at += (size & 0x7FFFFFFF) + 8
            # Every block was checked: the sum over all of them says nothing more, and takes Python as long again.
            content = b"".join(blocks)
        if len(content) != self.size:
            raise self.error("the shard is damaged (content of another size than announced)")
        return content


# Shards: docs/format.md has every byte.

_TYPES = {"u8": "u1", "u32": "<u4", "u64": "<u8", "f16": "<f2", "f32": "<f4"}
# The columns of each kind; and of its totals those that count elements of a column.
_COLUMNS = {
    "tokens": ("new-word-lengths u32", "new-word-bytes u8", "sentence-lengths u32", "ids u32"),
    "vocabulary": ("counts u64", "word-lengths u32", "word-bytes u8"),
    "table": ("word-lengths u32", "word-bytes u8", "counts u64", "sources u8", "rows f32", "tensor-name u8", "tensor-shape u64",
              "tensor-offset u64", "tensor-values f32"),
    "vectors": ("sentence-lengths u32", "word-lengths u32", "word-bytes u8", "values f32"),
}
_TOTALS = {
    "tokens": {"sentences": "sentence-lengths", "tokens": "ids", "words": "new-word-lengths"},
    "vocabulary": {"words": "word-lengths"},
    "table": {"words": "word-lengths"},
    "vectors": {"sentences": "sentence-lengths", "tokens": "word-lengths"},
}


class _Block(NamedTuple):
    """A block of a shard: its frame, the number of its part, the fields of the part's header, the types of its columns, and the
    columns by name."""
    frame: _Frame
    part: int
    fields: dict[str, str]
    types: list[tuple[str, str]]
    columns: dict[str, np.ndarray]


class Shard:
    """What the kinds of shards have in common.

    Checked are LZ4's checksums, the number of each block, the ends of the parts and the totals there; not the digest over a part,
    which `lz4 -t` and the tools check.
    """

    kind = ""

    def __init__(self, path: Path) -> None:
        self.path = os.fspath(path)
        self._file = _File(path)
        #: The fields of the first part's header: the options that shaped the content, and digests of what it was made from.
        self.fields: dict[str, str] = {}
        self.fields, _ = self._header(_Frame(self._file, 0))

    def __repr__(self) -> str:
        return f"contour.{type(self).__name__}({self.path!r})"

    def __deepcopy__(self, memo: dict) -> Shard:
        # Nothing changes what was read.
        return self

    def __getstate__(self) -> dict[str, Any]:
        # A table's generator is made again where it is needed.
        return {name: value for name, value in self.__dict__.items() if name != "_generator"}

    def _header(self, frame: _Frame) -> tuple[dict[str, str], list[tuple[str, str]]]:
        """The fields of a part's header, and its columns with their types."""
        lines = frame.content().decode(errors="replace").split("\n")
        if lines[0] != "contour shard 1" or lines[-2:] != ["", ""]:
            raise frame.error("is no shard of Contour's, or of a later version")
        pairs = [line.partition(" ")[::2] for line in lines[1:-2]]
        fields = {name: value for name, value in pairs if name != "column"}
        if fields.get("kind") != self.kind:
            raise frame.error(f"is a shard of {fields.get('kind')}, not of {self.kind}")
        columns = [value for name, value in pairs if name == "column"]
        known = _COLUMNS[self.kind]
        if [column.replace(" f16", " f32") for column in columns] != list(known):
            raise frame.error(f"its columns are {', '.join(columns)}, and must be {', '.join(known)}")
        for name in ("layers", "width", "dimension"):
            if name in fields and not (fields[name].isdecimal() and int(fields[name]) > 0):
                raise frame.error(f"the field {name} is {fields[name]}, and must be a number above 0")
        return fields, [tuple(column.split(" ")) for column in columns]

    def _columns(self, frame: _Frame, content: bytes, columns: Sequence[tuple[str, str]], at: int = 16) -> dict[str, np.ndarray]:
        """The columns of a block's content from place `at` on; views of it."""
        found = {}
        for name, element in columns:
            count, kind = int.from_bytes(content[at:at + 8], "little"), np.dtype(_TYPES[element])
            if at + 8 + count * kind.itemsize > len(content):
                raise frame.error(f"the shard is damaged (the column {name})")
            found[name] = np.frombuffer(content, kind, count, at + 8)
            at += 8 + (count * kind.itemsize + 7) // 8 * 8
        if at != len(content) and len(columns) == len(_COLUMNS[self.kind]):
            raise frame.error("the shard is damaged (the size of a block)")
        return found

    def _prefix(self, frame: _Frame, content: bytes, number: int, size: int) -> bool:
        """Checks the first bytes of a block or an end, which has the next number; true for a block."""
        if len(content) < 16 or content[:4] not in (b"blok", b"end\n") or struct.unpack_from("<IQ", content, 4) != (number, size - 16):
            raise frame.error("the shard is damaged: a block is missing, repeated or not where it belongs")
        return content[:4] == b"blok"

    def _end(self, frame: _Frame, content: bytes, blocks: int, counted: Mapping[str, int]) -> dict[str, str]:
        """The totals of a part's end, which must be those that were counted."""
        totals = dict(line.partition(" ")[::2] for line in content[16:].decode(errors="replace").split("\n") if line)
        for name, value in {**counted, "blocks": blocks}.items():
            if totals.get(name) != str(value):
                raise frame.error(f"the shard's end has the total '{name} {totals.get(name)}', and its blocks have {value}")
        return totals

    def _blocks(self, start: int = 0) -> Iterator[_Block]:
        """All blocks, their content read and checked."""
        at, part, columns = start, -1, None
        counted: collections.Counter[str] = collections.Counter()
        blocks, fields = 0, self.fields
        while at < len(self._file.data):
            frame = _Frame(self._file, at)
            at = frame.end
            if columns is None:
                fields, columns = self._header(frame)
                part, blocks, counted = part + 1, 0, collections.Counter(dict.fromkeys(_TOTALS[self.kind], 0))
                continue
            content = frame.content()
            if self._prefix(frame, content, blocks, frame.size):
                block = self._columns(frame, content, columns)
                for name, column in _TOTALS[self.kind].items():
                    counted[name] += len(block[column])
                blocks += 1
                yield _Block(frame, part, fields, columns, block)
            else:
                self._end(frame, content, blocks, counted)
                columns = None
        if columns is not None:
            raise ContourError(self.path, f"byte {at}", "the shard is cut short: it has no end mark")

    @functools.cached_property
    def totals(self) -> dict[str, int]:
        """The totals that the ends of all parts say together, such as `sentences` and `tokens`; no block is read for them."""
        at, sums, isOpen = 0, collections.Counter(), False
        while at < len(self._file.data):
            frame = _Frame(self._file, at)
            at, content = frame.end, frame.content() if isOpen and frame.size < 1 << 14 else b""
            isOpen = isOpen or not content
            if content[:4] == b"end\n":
                lines = (line.partition(" ")[::2] for line in content[16:].decode(errors="replace").split("\n"))
                sums.update({name: int(value) for name, value in lines if name in ("sentences", "tokens", "words")})
                isOpen = False
        if isOpen:
            raise ContourError(self.path, f"byte {at}", "the shard is cut short: it has no end mark")
        return dict(sums)

    def _words(self, frame: _Frame, lengths: np.ndarray, letters: np.ndarray) -> list[str]:
        """The words of a column of lengths and a column of their UTF-8."""
        text, ends = letters.tobytes(), np.cumsum(lengths, dtype=np.int64).tolist()
        if (ends[-1] if ends else 0) != len(text):
            raise frame.error("the shard is damaged (the lengths of words)")
        try:
            return [text[end - length:end].decode() for length, end in zip(lengths.tolist(), ends)]
        except UnicodeDecodeError:
            raise frame.error("the shard is damaged (a word is not UTF-8)") from None


class TokenBlock(NamedTuple):
    """Sentences of a token shard as numbers: sentence by sentence `lengths[i]` of `ids`, which are places in `words`."""
    words: list[str]
    lengths: np.ndarray
    ids: np.ndarray


class Tokens(Shard):
    """The sentences of a token shard (tokenize), in their order; every iteration reads the file anew, block by block.

        for words in contour.Tokens("news.tok"):
            print(len(words), words)

    `len(tokens)` is the number of sentences. Of text that was cut into units (`tokenize --bpe`) a sentence is its units; with
    `whole_words` units are put together to words again, as `encode` reads them.
    """

    kind = "tokens"

    def __init__(self, path: Path, whole_words: bool = False) -> None:
        super().__init__(path)
        self.whole_words = whole_words

    def __len__(self) -> int:
        return self.totals["sentences"]

    def __iter__(self) -> Iterator[list[str]]:
        for words, lengths, ids in self.blocks():
            tokens = list(map(words.__getitem__, ids.tolist()))
            start = 0
            for length in lengths.tolist():
                sentence, start = tokens[start:start + length], start + length
                yield _joined(sentence) if self.whole_words and "bpe" in self.fields else sentence

    def blocks(self) -> Iterator[TokenBlock]:
        """The same as arrays of numbers. `words` grows from block to block, and begins anew where a part does."""
        words: list[str] = []
        part = -1
        for block in self._blocks():
            words, part = (words if block.part == part else []), block.part
            columns = block.columns
            words += self._words(block.frame, columns["new-word-lengths"], columns["new-word-bytes"])
            lengths, ids = columns["sentence-lengths"], columns["ids"]
            if int(lengths.sum(dtype=np.int64)) != len(ids) or len(ids) and int(ids.max()) >= len(words):
                raise block.frame.error("the shard is damaged (the numbers of its words)")
            yield TokenBlock(words, lengths, ids)


def _joined(units: Iterable[str]) -> list[str]:
    """The words that units make together."""
    words, word = [], ""
    for unit in units:
        if unit.endswith("@@"):
            word += unit[:-2]
        else:
            words.append(word + unit)
            word = ""
    return words + [word] * (word != "")


class Vocabulary(Shard, Mapping[str, int]):
    """The words of a vocabulary (build-vocab) and how often each was counted, the most frequent first.

        vocabulary = contour.Vocabulary("vocab.shard")
        print(vocabulary["the"], list(vocabulary)[:10])

    Counts of shards that were joined by `cat` are added up.
    """

    kind = "vocabulary"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._counts: dict[str, int] = {}
        for block in self._blocks():
            words = self._words(block.frame, block.columns["word-lengths"], block.columns["word-bytes"])
            if len(words) != len(block.columns["counts"]):
                raise block.frame.error("the shard is damaged (the counts of words)")
            for word, count in zip(words, block.columns["counts"].tolist()):
                self._counts[word] = self._counts.get(word, 0) + count

    def __getitem__(self, word: str) -> int:
        return self._counts[word]

    def __iter__(self) -> Iterator[str]:
        return iter(self._counts)

    def __len__(self) -> int:
        return len(self._counts)


class Sentence(NamedTuple):
    """A sentence with its vectors, shape (tokens, layers, width)."""
    words: list[str]
    vectors: np.ndarray


class Vectors(Shard, Sequence[Sentence]):
    """The sentences of a vector shard (encode) with their vectors, in the order of the text.

        vectors = contour.Vectors("vectors.shard")
        for words, values in vectors:        # block by block: memory is that of one block
            print(words, values.shape)
        words, values = vectors[17]          # reads all blocks once to find where sentences begin, later one block

    Vectors are float32 or float16, as they were stored, and read-only. An empty line is a sentence without words. With
    `encode --pool` a sentence has one vector for each layer, and one "word", its text.
    """

    kind = "vectors"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            #: Vectors of a token, and numbers of a vector.
            self.layers, self.width = int(self.fields["layers"]), int(self.fields["width"])
        except KeyError as error:
            raise ContourError(path, "header", f"lacks the field {error.args[0]}") from None
        self._cached: tuple[int, list[Sentence]] = -1, []

    def __len__(self) -> int:
        return self.totals["sentences"]

    def __iter__(self) -> Iterator[Sentence]:
        return self._sentences(self._blocks())

    def __getitem__(self, index: int) -> Sentence:  # type: ignore[override]
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]  # type: ignore[return-value]
        index = index + len(self) if index < 0 else index
        if not 0 <= index < len(self):
            raise IndexError(f"{self.path}: has {len(self)} sentences, and no number {index}")
        place = bisect.bisect_right(self._index[1], index) - 1
        if self._cached[0] != place:
            found, firsts, skipped = self._index
            count = (firsts[place + 1] if place + 1 < len(firsts) else len(self)) - firsts[place]
            blocks = (self._again(*block) for block in found[place:])
            sentences = self._sentences(blocks, skipped[place], complete=False)
            self._cached = place, [next(sentences) for _ in range(count)]
        return self._cached[1][index - self._index[1][place]]

    @functools.cached_property
    def _index(self) -> tuple[list[tuple], list[int], list[int]]:
        """For each block what `_again` needs, the number of the first sentence that begins in it, and how many of its vectors are of
        a sentence before."""
        found, firsts, skipped = [], [], []
        sentences = begun = valued = 0
        for block in self._blocks():
            tokens = len(block.columns["values"]) // (self.layers * self.width)
            found.append((block.frame.start, block.part, block.fields, block.types))
            firsts.append(sentences)
            skipped.append(min(begun - valued, tokens))
            sentences += len(block.columns["sentence-lengths"])
            begun, valued = begun + len(block.columns["word-lengths"]), valued + tokens
        return found, firsts, skipped

    def _again(self, start: int, part: int, fields: dict[str, str], types: list[tuple[str, str]]) -> _Block:
        """A block that was read before."""
        frame = _Frame(self._file, start)
        return _Block(frame, part, fields, types, self._columns(frame, frame.content(), types))

    def _sentences(self, blocks: Iterable[_Block], skipped: int = 0, complete: bool = True) -> Iterator[Sentence]:
        """The sentences that begin in blocks, without the first `skipped` vectors, which are of a sentence before."""
        waiting: collections.deque[list[str]] = collections.deque()
        pieces: list[np.ndarray] = []
        have = 0
        for block in blocks:
            words = self._words(block.frame, block.columns["word-lengths"], block.columns["word-bytes"])
            start = 0
            for length in block.columns["sentence-lengths"].tolist():
                waiting.append(words[start:start + length])
                start += length
            if block.fields.get("layers") != self.fields["layers"] or block.fields.get("width") != self.fields["width"]:
                raise block.frame.error("joined shards have vectors of different shapes")
            if start != len(words) or len(block.columns["values"]) % (self.layers * self.width):
                raise block.frame.error("the shard is damaged (the lengths of sentences)")
            values = block.columns["values"].reshape(-1, self.layers, self.width)[skipped:]
            at, skipped = 0, 0
            while waiting:
                missing = len(waiting[0]) - have
                piece = values[at:at + missing]
                at += len(piece)
                if len(piece) < missing:
                    pieces.append(piece)
                    have += len(piece)
                    break
                yield Sentence(waiting.popleft(), np.concatenate([*pieces, piece]) if pieces else piece)
                pieces, have = [], 0
            if at != len(values):
                raise block.frame.error("the shard is damaged (more vectors than words)")
        if waiting and complete:
            raise ContourError(self.path, "", f"the vectors of its last sentence are missing, of {len(waiting[0])} words")


# Embedding tables.

class _Rows:
    """Rows of a table that lie in its file as they are, in LZ4 blocks of `together` rows; a block is checked when the first of its
    rows is asked for."""

    def __init__(self, frame: _Frame, at: int, first: int, count: int, together: int, dimension: int, kind: str) -> None:
        self.frame, self.at, self.first, self.count = frame, at, first, count
        self.together, self.dimension, self.type = together, dimension, np.dtype(kind)
        self.bytes = dimension * self.type.itemsize
        self.sound = bytearray(-(-count // together))

    @property
    def end(self) -> int:
        """The place behind the blocks of rows."""
        return self.at + self.count * self.bytes + 8 * len(self.sound)

    def __getitem__(self, row: int) -> np.ndarray:
        return self.block(row // self.together)[row % self.together]

    def block(self, number: int) -> np.ndarray:
        at, count = self.at + number * (self.together * self.bytes + 8), min(self.together, self.count - number * self.together)
        if not self.sound[number]:
            if self.frame.file.number(at) != count * self.bytes | 1 << 31:
                raise self.frame.error("the shard is damaged (the places of rows)")
            self.frame.block(at)
            self.sound[number] = 1
        return np.frombuffer(self.frame.file.data, self.type, count * self.dimension, at + 4).reshape(count, self.dimension)

    def all(self) -> Iterator[np.ndarray]:
        return map(self.block, range(len(self.sound)))


class _MemoryRows:
    """Rows of a table that were in compressed blocks."""

    def __init__(self, first: int, rows: np.ndarray) -> None:
        self.first, self.rows = first, rows

    def __getitem__(self, row: int) -> np.ndarray:
        return self.rows[row]

    def all(self) -> Iterator[np.ndarray]:
        return iter([self.rows])


#: Where the vector of a word in a table comes from, by the numbers of `Table.sources`.
SOURCES = ("pre-trained", "n-grams", "MIMICK", "mark", "none", "random")


class Table(Shard):
    """An embedding table (embed-oov): a vector for each of its words, and for further words by its generator, from their spelling.

        table = contour.Table("table.shard")
        table["cat"], table["cats-and-dogs"]      # (dimension,); KeyError if nothing can be made of a word
        "cat" in table                            # whether it is one of the table's own words
        table.vectors(["the", "cat"])             # (2, dimension); zeros where there is no vector

    Opening reads words and counts; rows stay in the file until they are asked for, and so do the generator's tensors. Vectors are
    float32. Of joined tables the first vector of a word counts, and the first table's generator.
    """

    kind = "table"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            #: Numbers of a vector.
            self.dimension = int(self.fields["dimension"])
        except KeyError:
            raise ContourError(path, "header", "lacks the field dimension") from None
        #: The digest by which a model knows the table that it was trained with.
        self.digest = ""
        self._runs: list[Any] = []
        self._unread: list[tuple[_Frame, list[tuple[str, str]]]] = []
        self._pieces: dict[str, list[np.ndarray]] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._made: dict[str, np.ndarray | None] = {}
        words: list[str] = []
        counts, sources = [], []
        for frame, own in self._items():
            words += self._words(frame, own["word-lengths"], own["word-bytes"])
            counts.append(own["counts"])
            sources.append(own["sources"])
        # The row of each word: the first that it has.
        self._numbers: dict[str, int] = {}
        for number, word in enumerate(words):
            self._numbers.setdefault(word, number)
        rows = list(self._numbers.values())
        #: The words in the order of the vocabulary, how often each was counted there, and the numbers of their `SOURCES`.
        self.words = words if len(rows) == len(words) else list(self._numbers)
        self.counts = np.concatenate(counts or [np.zeros(0, "<u8")])[rows]
        self.sources = np.concatenate(sources or [np.zeros(0, "u1")])[rows]
        self._firsts = [run.first for run in self._runs]

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self._numbers

    def __getitem__(self, word: str) -> np.ndarray:
        """The vector of any word, (dimension,). Raises KeyError if the table lacks it and its generator can make none."""
        number = self._numbers.get(word)
        if number is not None:
            run = self._runs[bisect.bisect_right(self._firsts, number) - 1]
            return run[number - run.first].astype(np.float32)
        if word not in self._made:
            if len(self._made) == 1 << 16:
                self._made.clear()
            self._made[word] = self._generator(word) if self._generator else None
        vector = self._made[word]
        if vector is None:
            raise KeyError(word)
        return vector

    def vectors(self, words: Sequence[str]) -> np.ndarray:
        """The vectors of words, (words, dimension); zeros for those that have none."""
        result = np.zeros((len(words), self.dimension), np.float32)
        for row, word in enumerate(words):
            try:
                result[row] = self[word]
            except KeyError:
                pass
        return result

    def unit_vectors(self, words: Sequence[str], centred: bool = True) -> np.ndarray:
        """What a model reads for words, (words, dimension): unit vectors, with `centred` less the table's mean and unit vectors again.
        Zeros stay zeros."""
        vectors = _unit(self.vectors(words))
        return np.where(vectors.any(1, keepdims=True), _unit(vectors - self.mean), 0) if centred else vectors

    def matrix(self) -> np.ndarray:
        """All vectors in memory, (words, dimension), in the order of `words`."""
        blocks = [np.asarray(block, np.float32) for run in self._runs for block in run.all()]
        rows = np.concatenate([np.zeros((0, self.dimension), np.float32), *blocks])
        return rows if len(rows) == len(self.words) else rows[list(self._numbers.values())]

    @functools.cached_property
    def mean(self) -> np.ndarray:
        """The mean of the words' unit vectors, (dimension,)."""
        return self._tensor("mean", self.dimension)

    def _items(self) -> Iterator[tuple[_Frame, dict[str, np.ndarray]]]:
        """Steps through the file: the columns of words, whose rows are put to `_runs`; what else there is goes to `_unread`."""
        at, part, rows, columns, fields = 0, -1, 0, None, self.fields
        blocks = counted = 0
        while at < len(self._file.data):
            frame = _Frame(self._file, at)
            if columns is None:
                fields, columns = self._header(frame)
                if fields.get("dimension") != self.fields["dimension"]:
                    raise frame.error("joined tables have vectors of different sizes")
                part, blocks, counted, at = part + 1, 0, 0, frame.end
                continue
            own = self._stored(frame, fields, columns, rows, blocks)
            content = b"" if own else frame.content() if frame.size < 1 << 20 or "rows-together" not in fields else None
            at, is_end = frame.end, False
            if content and not self._prefix(frame, content, blocks, frame.size):
                totals = self._end(frame, content, blocks, {"words": counted})
                self.digest = self.digest or totals.get("digest", "")
                columns = None
                continue
            blocks += 1
            block = own or content and self._columns(frame, content, columns)
            if block and len(block["word-lengths"]):
                if not own:
                    if len(block["rows"]) != len(block["word-lengths"]) * self.dimension:
                        raise frame.error("the shard is damaged (words and rows do not fit together)")
                    self._runs.append(_MemoryRows(rows, block["rows"].reshape(-1, self.dimension)))
                if not len(block["word-lengths"]) == len(block["counts"]) == len(block["sources"]):
                    raise frame.error("the shard is damaged (words and counts do not fit together)")
                rows, counted = rows + len(block["word-lengths"]), counted + len(block["word-lengths"])
                yield frame, block
            elif part == 0:
                self._unread.append((frame, columns))
        if columns is not None:
            raise ContourError(self.path, f"byte {at}", "the shard is cut short: it has no end mark")

    def _stored(
        self, frame: _Frame, fields: Mapping[str, str], columns: list[tuple[str, str]], first: int, number: int
    ) -> dict[str, np.ndarray] | None:
        """The columns of words of a frame whose rows lie as they are; None for other frames."""
        at, size = frame.start + 15, self._file.number(frame.start + 15)
        if "rows-together" not in fields or not size >> 31 or self._file.data[at + 4:at + 8] != b"blok":
            return None
        if int.from_bytes(self._file.data[at + 20:at + 28], "little") == 0:
            return None
        content = frame.block(at)
        self._prefix(frame, content, number, frame.size)
        before = [name for name, _ in columns].index("rows")
        block = self._columns(frame, content[:-8], columns[:before])
        together, count = int(fields["rows-together"]), len(block["word-lengths"])
        if int.from_bytes(content[-8:], "little") != count * self.dimension or together < 1:
            raise frame.error("the shard is damaged (words and rows do not fit together)")
        rows = _Rows(frame, at + 8 + len(content), first, count, together, self.dimension, _TYPES[columns[before][1]])
        # Behind them come a block with what is left of the content, an end mark and a checksum.
        rest = frame.size - len(content) - count * rows.bytes
        if not 0 < rest < 40 or self._file.number(rows.end) != rest | 1 << 31 or self._file.number(rows.end + 8 + rest):
            raise frame.error("the shard is damaged (the places of rows)")
        frame.end = rows.end + 8 + rest + 8
        self._file.number(frame.end - 4)
        self._runs.append(rows)
        return block

    def _tensor(self, name: str, *shape: int) -> np.ndarray:
        """A tensor of the first table, which must be there and, where a shape is given, have it. Large ones are read when a name is
        not among the small ones."""
        for most in (1 << 20, _MOST_CONTENT):
            waiting, self._unread = self._unread, []
            for frame, columns in waiting:
                if frame.size > most:
                    self._unread.append((frame, columns))
                    continue
                block = self._columns(frame, frame.content(), columns)
                key = block["tensor-name"].tobytes().decode(errors="replace")
                pieces = self._pieces.setdefault(key, [])
                own = tuple(block["tensor-shape"].tolist())
                if self._shapes.setdefault(key, own) != own or block["tensor-offset"].tolist() != [sum(map(len, pieces))]:
                    raise frame.error(f"the pieces of the tensor {key} are missing, repeated or out of order")
                pieces.append(block["tensor-values"])
            pieces, own = self._pieces.get(name, []), self._shapes.get(name, (-1,))
            if sum(map(len, pieces)) == math.prod(own) and (not shape or own == shape):
                # In one piece for the next time.
                self._pieces[name] = [pieces[0] if len(pieces) == 1 else np.concatenate(pieces)]
                return self._pieces[name][0].reshape(own)
        raise ContourError(self.path, f"tensor {name}", "is missing, not whole or of the wrong shape")

    @functools.cached_property
    def _generator(self) -> Callable[[str], np.ndarray | None] | None:
        """What makes the vector of a word from its spelling, changed as the rows were; None in a table without."""
        kind = self.fields.get("generator", "none")
        if kind == "none":
            return None
        if kind not in _GENERATORS:
            raise ContourError(self.path, "header", f"the generator {kind} is not known to this version")
        make = _GENERATORS[kind](self)
        count = int(self.fields.get("remove-directions", "0"))
        offset = self._tensor("transform.offset", self.dimension) if self.fields.get("centre") == "true" else None
        directions = self._tensor("transform.directions", count, self.dimension) if count else None
        normalises = self.fields.get("normalise") == "true"

        def generate(word: str) -> np.ndarray | None:
            vector = make(word)
            if vector is None:
                return None
            vector = vector if offset is None else vector - offset
            vector = vector if directions is None else vector - (directions @ vector) @ directions
            return _unit(vector[None])[0] if normalises else vector.astype(np.float32)
        return generate


def _unit(rows: np.ndarray) -> np.ndarray:
    """Unit vectors in the place of rows; zeros stay zeros."""
    norms = np.sqrt(np.square(rows, dtype=np.float64).sum(1, keepdims=True))
    return (rows * (1 / np.where(norms > 0, norms, 1)).astype(np.float32)).astype(np.float32)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * x))


class _NGrams:
    """fastText's vectors for words outside its dictionary: the mean of the rows of their character n-grams."""

    def __init__(self, table: Table) -> None:
        try:
            self.least, self.most, self.buckets, count, entries = map(int, table.fields.get("ngrams", "").split(" "))
        except ValueError:
            raise ContourError(table.path, "header", "the field ngrams must be five numbers") from None
        self.chunk = max(1, (1 << 22) // table.dimension)
        sizes = [min(self.chunk, count - first) for first in range(0, count, self.chunk)]
        self.rows = [table._tensor(f"ngrams.rows.{number}", size, table.dimension) for number, size in enumerate(sizes)]
        self.index = None
        if entries >= 0:
            halves = table._tensor("ngrams.pruned", entries, 4).astype(np.int64)
            self.index = dict(zip((halves[:, 0] << 16 | halves[:, 1]).tolist(), (halves[:, 2] << 16 | halves[:, 3]).tolist()))
        if max(self.index.values(), default=-1) >= count if self.index is not None else count < self.buckets:
            raise ContourError(table.path, "tensor ngrams.rows", "has fewer rows than the n-grams need")

    def __call__(self, word: str) -> np.ndarray | None:
        places = [place for place in map(self.place, self.hashes(word)) if place is not None]
        if not places:
            return None
        vector = np.sum([self.rows[place // self.chunk][place % self.chunk] for place in places], 0) * np.float32(1 / len(places))
        return vector if np.isfinite(vector).all() and vector.any() else None

    def place(self, bucket: int) -> int | None:
        return bucket if self.index is None else self.index.get(bucket)

    def hashes(self, word: str) -> Iterator[int]:
        """The buckets of a word's n-grams: FNV-1a of 32 bits, each byte with its sign, as fastText has it."""
        marked = [character.encode() for character in f"<{word}>"]
        for start in range(len(marked)) if word != "</s>" and self.buckets > 0 else []:
            value = 2166136261
            for end in range(start, min(len(marked), start + self.most)):
                for byte in marked[end]:
                    value = (value ^ (byte | 0xFFFFFF00 if byte > 127 else byte)) * 16777619 & _M32
                if end - start + 1 >= self.least and not (start == end and start in (0, len(marked) - 1)):
                    yield value % self.buckets


class _Mimick:
    """The character model MIMICK (Pinter, Guthrie and Eisenstein 2017), or convolutions in the place of its LSTM."""

    longest_word = 40

    def __init__(self, table: Table) -> None:
        self.kind, *sizes = table.fields.get("mimick", "").split(" ")
        self.tensor: Callable[[str], np.ndarray] = lambda name: table._tensor(f"mimick.{name}")
        self.numbers = {chr(int(scalar)): number + 1 for number, scalar in enumerate(self.tensor("characters"))}
        self.scale, self.norm, self.is_direction = self.tensor("standard").tolist()
        if self.kind == "convolution" and len(sizes) > 3:
            self.highways = int(sizes[2])
            self.widths = [int(size.split("x")[0]) for size in sizes[3:]]
        elif self.kind != "lstm":
            raise ContourError(table.path, "header", f"the character model {self.kind} is not known to this version")

    def __call__(self, word: str) -> np.ndarray | None:
        if not word:
            return None
        letters = self.tensor("embedding")[[self.numbers.get(character, 0) for character in word[:self.longest_word]]]
        features = self.convolve(letters) if self.kind == "convolution" else self.read(letters)
        values = features @ self.tensor("output.weight") + self.tensor("output.bias")
        length = float(np.linalg.norm(values))
        factor = math.sqrt(len(values)) / length if self.is_direction and length > 0 else 1
        return ((values * np.float32(factor / self.scale) + self.tensor("mean")) * np.float32(self.norm)).astype(np.float32)

    def read(self, letters: np.ndarray) -> np.ndarray:
        """An LSTM reads the letters from either side."""
        ends = []
        for name, order in (("forward", letters), ("backward", letters[::-1])):
            weight, bias = self.tensor(f"reader.{name}.recurrent.weight"), self.tensor(f"reader.{name}.bias")
            output = cell = np.zeros(len(weight), np.float32)
            for gates in order @ self.tensor(f"reader.{name}.input.weight") + bias:
                i, f, g, o = np.split(gates + output @ weight, 4)
                cell = _sigmoid(f) * cell + _sigmoid(i) * np.tanh(g)
                output = _sigmoid(o) * np.tanh(cell)
            ends.append(output)
        return np.tanh(np.concatenate(ends) @ self.tensor("reader.layer.weight") + self.tensor("reader.layer.bias"))

    def convolve(self, letters: np.ndarray) -> np.ndarray:
        """Filters over the letters, each at its largest place, and highway layers. A word that is shorter than a filter ends in
        zeros."""
        features = []
        for width in self.widths:
            padded = np.concatenate([letters, np.zeros((max(0, width - len(letters)), letters.shape[1]), np.float32)])
            windows = np.lib.stride_tricks.sliding_window_view(padded, width, 0).swapaxes(1, 2).reshape(-1, width * letters.shape[1])
            answers = windows @ self.tensor(f"reader.width{width}.weight") + self.tensor(f"reader.width{width}.bias")
            features.append(np.maximum(answers.max(0), 0))
        value = np.concatenate(features)
        for number in range(self.highways):
            transform, gate = (value @ self.tensor(f"reader.highway{number}.{part}.weight")
                               + self.tensor(f"reader.highway{number}.{part}.bias") for part in ("transform", "gate"))
            value = _sigmoid(gate) * np.maximum(transform, 0) + (1 - _sigmoid(gate)) * value
        return value


class _RandomVectors:
    """A random direction for each word, drawn from the seed and the word alone: xoshiro256**, Box and Muller."""

    def __init__(self, table: Table) -> None:
        if not table.fields.get("random-seed", "").isdecimal():
            raise ContourError(table.path, "header", "the table's random vectors have no seed")
        self.dimension = table.dimension
        self.parent = self.mix(int(table.fields["random-seed"]))
        for byte in b"random vectors":
            self.parent = self.mix(self.parent ^ byte)

    @staticmethod
    def mix(value: int) -> int:
        value = value + 0x9E3779B97F4A7C15 & _M64
        value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & _M64
        value = (value ^ value >> 27) * 0x94D049BB133111EB & _M64
        return value ^ value >> 31

    def numbers(self, key: int) -> Iterator[int]:
        a, b, c, d = (self.mix(key + number * 0x9E3779B97F4A7C15 & _M64) for number in range(4))
        while True:
            product = b * 5 & _M64
            yield (product << 7 | product >> 57) * 9 & _M64
            c, d = c ^ a, d ^ b
            a, b, c, d = a ^ d, b ^ c, c ^ (b << 17 & _M64), (d << 45 | d >> 19) & _M64

    def __call__(self, word: str) -> np.ndarray:
        first = next(self.numbers(self.parent))
        numbers = self.numbers(self.mix(first ^ _XXH64().update(word.encode()).digest()))
        uniform = np.array([(next(numbers) >> 11) * 2.0**-53 for _ in range(2 * self.dimension)]).reshape(-1, 2)
        normal = np.sqrt(-2 * np.log(1 - uniform[:, 0])) * np.cos(2 * math.pi * uniform[:, 1])
        return _unit(normal[None].astype(np.float32))[0]


_GENERATORS: dict[str, Callable[[Table], Callable[[str], np.ndarray | None]]] = {
    "ngrams": _NGrams, "mimick": _Mimick, "random": _RandomVectors}


class Merges:
    """The merges of byte pair encoding (build-vocab --bpe), which cut words into units.

        contour.Merges("codes").units("unheard")      # ['un@@', 'hear@@', 'd']
    """

    def __init__(self, path: Path) -> None:
        self.path = os.fspath(path)
        with open(path, "rb") as file:
            text = file.read()
        lines = text.decode(errors="replace").split("\n")
        if lines[0] != "#version: 0.2" or lines[-1]:
            raise ContourError(path, "line 1", "is no file of merges, as build-vocab --bpe writes it, or cut short")
        self._ranks: dict[tuple[str, ...], int] = {}
        for number, line in enumerate(lines[1:-1]):
            pair = tuple(line.split(" "))
            if len(pair) != 2 or not all(pair):
                raise ContourError(path, f"line {number + 2}", "is not two symbols with a space between them")
            self._ranks.setdefault(pair, number)
        #: The digest by which a model knows the merges that its training text was cut by.
        self.digest = f"{_XXH64().update(text).digest():016x}"

    def units(self, word: str) -> list[str]:
        """The units of a word; all but the last end with `@@`."""
        symbols = [*word[:-1], word[-1:] + "</w>"]
        while len(symbols) > 1:
            pairs = list(zip(symbols, symbols[1:]))
            best = min(pairs, key=lambda pair: self._ranks.get(pair, math.inf))
            if best not in self._ranks:
                break
            merged: list[str] = []
            at = 0
            while at < len(symbols):
                take = 2 if tuple(symbols[at:at + 2]) == best else 1
                merged.append("".join(symbols[at:at + take]))
                at += take
            symbols = merged
        symbols[-1] = symbols[-1].removesuffix("</w>")
        if symbols[-1].endswith("@@"):
            symbols[-1:] = [symbols[-1][:-1], "@"]
        return [symbol + "@@" for symbol in symbols[:-1]] + symbols[-1:]


# Models.

_TENSOR_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I8": "i1", "U64": "<u8", "U32": "<u4",
                 "U8": "u1"}
# What files that are older than a field have for it.
_DEFAULTS: dict[str, Any] = {
    "reading": "both", "objective": "next-word", "input": "embeddings", "inputSize": 0, "vocabularySize": 0, "characterSize": 16,
    "filters": [[width, count] for width, count in zip(range(1, 8), (32, 32, 64, 128, 256, 512, 1024))], "activation": "relu",
    "highways": 2, "longestWord": 50, "markNames": ["<s>", "</s>"], "sharesLayers": False, "centred": True, "tokenizer": "",
    "tableDigest": ""}
_ENCODER_DEFAULTS: dict[str, dict[str, Any]] = {
    "lstm": {"projection": None, "cellClip": None, "projectionClip": None, "dropoutKind": "recurrent"},
    "gru": {}, "qrnn": {"window": 2, "outputGate": True, "zoneout": 0}, "sru": {"projection": None, "highwayBias": 0},
    "transformer": {"activation": "relu", "positions": "sinusoidal", "longest": None, "attentionDropout": 0, "layers": 6}}


class Model(Mapping[str, np.ndarray]):
    """A model (train): its weights by name, and its configuration. A checkpoint is one, too.

        model = contour.Model("model.safetensors")
        model["forward.layer1.recurrent.weight"]      # mapped, read-only
        model.kind, model.options["layers"], model.configuration["tokenizer"]

    Weights multiply from the right (`x @ weight`); the columns of an LSTM's gates are input, forget, candidate, output. The file is
    safetensors, whose digest `train --print` checks.
    """

    def __init__(self, path: Path) -> None:
        self.path = os.fspath(path)
        self._file = _File(path)
        data = self._file.data
        size = int.from_bytes(data[:8], "little")
        if len(data) < 9 or data[8:9] != b"{" or not 2 <= size <= 100_000_000:
            raise ContourError(path, "byte 0", "no safetensors header; this is not a model file")
        if 8 + size > len(data):
            raise ContourError(path, f"byte {len(data)}", f"ends inside the header of {size} bytes; the file is truncated")
        try:
            self._tensors = json.loads(bytes(data[8:8 + size]))
            #: Texts of the file beside the weights.
            self.metadata: dict[str, str] = self._tensors.pop("__metadata__", {})
            configuration = json.loads(self.metadata["contour"])
        except KeyError:
            raise ContourError(path, "", "has no configuration of a contour model in its metadata") from None
        except (ValueError, AttributeError):
            raise ContourError(path, f"bytes 8 to {8 + size}", "the header is damaged") from None
        self._start = 8 + size
        #: The kind of encoder: lstm, gru, qrnn, sru or transformer.
        self.kind: str = ""
        #: The options of that encoder, and everything else that makes a network of the weights.
        self.options: dict[str, Any] = {}
        self.configuration: dict[str, Any] = _DEFAULTS | configuration
        self._configure()

    def _configure(self) -> None:
        fields = self.configuration
        if "cell" in fields:
            # The LSTM was the only encoder when all fields stood side by side.
            names = ("cell", "projection", "layers", "residual", "layerNorm", "cellClip", "projectionClip", "dropout", "dropoutKind")
            shape = {name: fields.pop(name) for name in names if name in fields}
            if fields.pop("hasProjection", True) is False:
                shape.pop("projection", None)
            fields["encoder"] = {"lstm": {"shape": shape}}
            directions = fields.pop("directions", ["forward", "backward"])
            fields["reading"] = directions[0] if len(directions) == 1 else "both"
        try:
            ((self.kind, encoder),) = fields["encoder"].items()
            common = {"layers": 2, "layerNorm": True, "residual": True, "dropout": 0.1}
            self.options = common | _ENCODER_DEFAULTS[self.kind] | encoder["shape"]
            self.options["width" if self.kind == "transformer" else "cell"]
        except (KeyError, ValueError, AttributeError, TypeError):
            raise ContourError(self.path, "metadata contour", "the configuration is damaged or of a later version") from None

    def __repr__(self) -> str:
        return f"contour.Model({self.path!r})"

    def __deepcopy__(self, memo: dict) -> Model:
        return self

    def __getitem__(self, name: str) -> np.ndarray:
        entry = self._tensors[name]
        try:
            kind, shape, (first, last) = np.dtype(_TENSOR_TYPES[entry["dtype"]]), entry["shape"], entry["data_offsets"]
            if last - first != math.prod(shape) * kind.itemsize or first < 0 or self._start + last > len(self._file.data):
                raise ValueError
            return np.frombuffer(self._file.data, kind, math.prod(shape), self._start + first).reshape(shape)
        except (KeyError, ValueError, TypeError):
            cause = "its type, shape or place makes no sense, or the file is truncated"
            raise ContourError(self.path, f"tensor {name}", cause) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    @property
    def directions(self) -> list[str]:
        """The networks that the model has, in the order of their outputs: forward, backward, or bidirectional alone."""
        if self.configuration["objective"] == "masked":
            return ["bidirectional"]
        reading = self.configuration["reading"]
        return ["forward", "backward"] if reading == "both" else [reading]

    @property
    def width(self) -> int:
        """Numbers of a layer's vector, of all directions together."""
        if self.kind == "transformer":
            return self.options["width"] * len(self.directions)
        own = self.kind == "lstm" and self.options["projection"] or self.options["cell"]
        return own * (2 if self.directions == ["bidirectional"] else len(self.directions))

    @property
    def units(self) -> list[str]:
        """The units of a model of subwords in the order of their numbers, the marks first; of other models none."""
        return self.metadata["contour-units"].split(" ") if "contour-units" in self.metadata else []

    def write(self, path: Path, weights: Mapping[str, np.ndarray]) -> None:
        """Writes a model file with other weights of the same names and shapes in the place of some of this one's, such as those that
        were trained on. The file appears whole or not at all."""
        for name, weight in weights.items():
            if name not in self or self[name].shape != weight.shape or self[name].dtype != np.asarray(weight).dtype:
                raise ContourError(self.path, f"tensor {name}", "is not there, or of another shape or type than what is to be written")
        tensors = {name: np.ascontiguousarray(weights.get(name, self[name])) for name in sorted(self, key=str.encode)}
        metadata = {key: self.metadata.get(key, "") for key in sorted({*self.metadata, "contour-digest"}, key=str.encode)}
        digest = _XXH64()
        for key, text in metadata.items():
            digest.update(text.encode() if key != "contour-digest" else b"")
        header: dict[str, Any] = {"__metadata__": metadata}
        offset = 0
        for name, tensor in tensors.items():
            digest.update(tensor.reshape(-1).view("u1"))
            header[name] = {"dtype": self._tensors[name]["dtype"], "shape": list(tensor.shape),
                            "data_offsets": [offset, offset + tensor.nbytes]}
            offset += tensor.nbytes
        metadata["contour-digest"] = f"{digest.digest():016x}"
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        unfinished = f"{os.fspath(path)}.{os.getpid()}.unfinished"
        try:
            with open(unfinished, "wb") as file:
                file.write(len(text).to_bytes(8, "little") + text)
                for tensor in tensors.values():
                    file.write(tensor.reshape(-1).view("u1"))
            os.replace(unfinished, path)
        except BaseException:
            if os.path.exists(unfinished):
                os.remove(unfinished)
            raise


# Encoders in PyTorch. What stands here as a plain class becomes a torch.nn.Module when it is first asked for.

class Encoded(NamedTuple):
    """What an encoder makes of sentences: `layers`, (layers, sentences, tokens, width), the input layer's output first, and `mask`,
    (sentences, tokens), true where there is a token. Behind the end of a sentence vectors are zeros."""
    layers: torch.Tensor
    mask: torch.Tensor

    def sentence(self, number: int) -> torch.Tensor:
        """The vectors of one sentence, (tokens, layers, width), as `encode` writes them."""
        return self.layers[:, number, self.mask[number]].transpose(0, 1)


class _Window(NamedTuple):
    """What a direction reads at once: the numbers of steps, marks among them, and where it has each of the sentence's steps from
    `first` on."""
    steps: list[int]
    places: list[int]


class _Encoder:
    """A model's encoder, as `encode` runs it: words in, the vectors of all layers out. A torch.nn.Module.

        encoder = contour.Encoder("model.safetensors", table="table.shard")
        encoded = encoder([["the", "cat", "sleeps"], ["money"]])
        encoded.layers, encoded.mask      # (layers, sentences, tokens, width), (sentences, tokens)

    Parameters: `model`, the file or a `Model`; `table`, the embedding table of a model that reads vectors, a file or a `Table`, which
    must be the one that the model was trained with unless `other_table`; `merges`, those of a model that reads units, a file or
    `Merges`. A model that reads characters needs neither.

    It begins in evaluation mode. Its weights, but for the table's vectors, are parameters, which can be trained on: in training mode
    dropout is that of the model's pre-training. They have the names of the file, with `forward_` for `forward`. Sentences are
    tokens, as `tokenize` makes them; each begins from the zero state, and no sentence is too long.
    """

    #: Steps of a sentence at most that an encoder without a state reads at once, and units of a word that are read.
    longest_piece = 1024
    begin, end, unknown = 0, 1, 2

    def __init__(self, model: Path | Model, table: Path | Table | None = None, merges: Path | Merges | None = None,
                 other_table: bool = False) -> None:
        super().__init__()
        self.model = model = model if isinstance(model, Model) else Model(model)
        self.configuration, self.options, self.kind = model.configuration, model.options, model.kind
        self.reads, self.directions = model.configuration["input"], model.directions
        self.is_causal = self.directions != ["bidirectional"]
        self.table = table if table is None or isinstance(table, Table) else Table(table)
        self.merges = merges if merges is None or isinstance(merges, Merges) else Merges(merges)
        self._check_inputs(other_table)
        # The vectors of words that were met, and the numbers of their units.
        self._vectors: dict[str, np.ndarray] = {}
        self._cut: dict[str, list[int]] = {}
        self._numbers = {unit: number for number, unit in enumerate(model.units)}
        marks = 1 if self.is_causal else 2
        window = min(self.options.get("longest") or math.inf, self.longest_piece + marks)
        carries_state = self.is_causal and self.kind != "transformer"
        #: Steps of a window at most, marks among them, and those of a word.
        self._window = math.inf if carries_state else window
        self._longest_word = self.longest_piece if carries_state else window - marks
        outputs = tuple(f"{name}.{part}" for name in self.directions for part in ("output.", "mask.")) + ("output.", "training.")
        self._names = {}
        for name in model:
            if not name.startswith(outputs):
                self._names[self._attribute(name)] = name
                self._register(name, torch.tensor(model[name]))
        self._check_weights()
        self.eval()

    @staticmethod
    def _attribute(name: str) -> str:
        """The name of a weight in PyTorch, where a module's `forward` is a method."""
        return ".".join("forward_" if part == "forward" else part for part in name.split("."))

    def _register(self, name: str, weight: torch.Tensor) -> None:
        if weight.dtype != torch.float32:
            raise ContourError(self.model.path, f"tensor {name}", f"is of type {weight.dtype}, and must be float32")
        *path, last = self._attribute(name).split(".")
        node: Any = self
        for part in path:
            if part not in node._modules:
                node.add_module(part, torch.nn.Module())
            node = node._modules[part]
        node.register_parameter(last, torch.nn.Parameter(weight))

    def _check_inputs(self, other_table: bool) -> None:
        needed = {"embeddings": ("table", self.table), "subwords": ("merges", self.merges), "characters": ("", self)}
        if self.reads not in needed:
            raise ContourError(self.model.path, "metadata contour", f"the input {self.reads} is not known to this version")
        name, given = needed[self.reads]
        if given is None:
            raise ContourError(self.model.path, "", f"reads {self.reads}: give {name}=")
        if self.table is not None and self.reads == "embeddings":
            digest, size = self.configuration["tableDigest"], self.configuration["inputSize"]
            if self.table.dimension != size:
                cause = f"has vectors of {self.table.dimension} numbers, and the model was trained on vectors of {size}"
                raise ContourError(self.table.path, "", cause)
            if digest and digest != self.table.digest and not other_table:
                cause = ("is not the table that the model was trained with; if its vectors come from the same source, say "
                         "other_table=True")
                raise ContourError(self.table.path, "", cause)
            for mark in self.configuration["markNames"]:
                if mark not in self.table:
                    raise ContourError(self.table.path, "", f"has no vector for {mark}; embed-oov adds it")
        if self.merges is not None and self.reads == "subwords":
            if f"bpe={self.merges.digest}" not in self.configuration["tokenizer"].split(" "):
                raise ContourError(self.merges.path, "", "are not the merges that the model's training text was cut by")

    def _check_weights(self) -> None:
        """Runs the network once, so that a weight that is missing or of a wrong shape is named here."""
        try:
            with torch.no_grad():
                self([["a", "b"]])
        except AttributeError as error:
            raise ContourError(self.model.path, "", f"lacks a weight that its configuration asks for: {error}") from None
        except RuntimeError as error:
            raise ContourError(self.model.path, "", f"has weights of other shapes than its configuration asks for: {error}") from None

    def extra_repr(self) -> str:
        return f"{self.model.path!r}, {self.kind}, {' and '.join(self.directions)}, reads {self.reads}"

    def save(self, path: Path) -> None:
        """Writes the model with the weights as they are now, for `encode` and all other tools. Its output layers stay as they were."""
        own = {name: parameter for name, parameter in self.named_parameters() if name in self._names}
        self.model.write(path, {self._names[name]: weight.detach().float().cpu().numpy() for name, weight in own.items()})

    def forward(self, sentences: Sequence[Sequence[str]]) -> Encoded:
        """Encodes sentences, each a list of tokens. The vectors of one do not depend on the others, but for rounding."""
        for number, sentence in enumerate(sentences):
            if isinstance(sentence, str):
                raise TypeError(f"sentence {number} is a str, and must be a list of tokens: {sentence[:40]!r}.split()")
        device = next(self.parameters()).device
        steps, counts, words = self._steps(sentences)
        inputs = self._inputs(words, device)
        # The tokens of all sentences one behind the other, and where they go.
        most = max(map(len, sentences), default=0)
        tokens = [number * most + place for number, sentence in enumerate(sentences) for place in range(len(sentence))]
        parts = [self._run(name, own, steps, counts, device) for name, own in zip(self.directions, inputs)]
        flat = torch.cat(parts, 2) if len(parts) > 1 else parts[0]
        places = torch.tensor(tokens, dtype=torch.long, device=device)
        mask = torch.zeros(len(sentences) * most, dtype=torch.bool, device=device).index_fill(0, places, True)
        layers = flat.new_zeros(len(flat), len(sentences) * most, flat.shape[2]).index_copy(1, places, flat)
        return Encoded(layers.view(len(flat), len(sentences), most, flat.shape[2]), mask.view(len(sentences), most))

    # Words to what the encoder reads.

    def _steps(self, sentences: Sequence[Sequence[str]]) -> tuple[list[list[int]], list[list[int]], list[str]]:
        """For each sentence the numbers of its steps, and how many of them each word has; and the words by their numbers: the two
        marks, then distinct ones."""
        if self.reads == "subwords":
            if len(self._cut) > 1 << 18:
                self._cut.clear()
            units = [[self._units(word) for word in sentence] for sentence in sentences]
            return [sum(sentence, []) for sentence in units], [list(map(len, sentence)) for sentence in units], []
        # A mark that stands in the text is the mark.
        numbers = {mark: number for number, mark in enumerate(self.configuration["markNames"])}
        steps = [[numbers.setdefault(word, len(numbers)) for word in sentence] for sentence in sentences]
        return steps, [[1] * len(sentence) for sentence in sentences], list(numbers)

    def _units(self, word: str) -> list[int]:
        if word not in self._cut:
            self._cut[word] = [self._numbers.get(unit, self.unknown) for unit in self.merges.units(word)][:self._longest_word]
        return self._cut[word]

    def _inputs(self, words: list[str], device: torch.device) -> list[torch.Tensor]:
        """The output of each direction's input layer for words by their numbers, (words, width). Directions may share theirs."""
        shared = self.configuration["sharesLayers"]
        nodes = [self._part(name) for name in (["input"] if shared else [f"{name}.input" for name in self.directions])]
        if self.reads == "embeddings":
            vectors = torch.from_numpy(self._embed(words)).to(device, nodes[0].weight.dtype)
            outputs = [_linear(node, vectors) for node in nodes]
        elif self.reads == "characters":
            letters = self._letters(words).to(device)
            outputs = [self._read(node, letters) for node in nodes]
        else:
            outputs = [node.table for node in nodes]
        return outputs * (len(self.directions) // len(outputs))

    def _part(self, name: str) -> Any:
        return self.get_submodule(self._attribute(name))

    def _embed(self, words: list[str]) -> np.ndarray:
        """What a table has for words, (words, dimension)."""
        if len(self._vectors) > 1 << 18:
            self._vectors.clear()
        new = [word for word in words if word not in self._vectors]
        self._vectors.update(zip(new, self.table.unit_vectors(new, self.configuration["centred"])))
        return np.stack([self._vectors[word] for word in words])

    def _letters(self, words: list[str]) -> torch.Tensor:
        """Words as bytes between the marks of bilm-tf's alphabet, (words, characters)."""
        longest, widest = self.configuration["longestWord"], max(width for width, _ in self.configuration["filters"])
        spelled = [list(word.encode()[:longest - 2]) for word in words]
        spelled[:2] = [[256], [257]]
        length = min(longest, max(map(len, spelled)) + 2 + widest)
        return torch.tensor([[258, *word, 259] + [260] * (length - len(word) - 2) for word in spelled])

    def _read(self, node: Any, letters: torch.Tensor) -> torch.Tensor:
        """ELMo's convolutions over the letters of words, highway layers and projection, (words, width)."""
        embedded = node.characters[letters].transpose(1, 2)
        activation = torch.tanh if self.configuration["activation"] == "tanh" else torch.relu
        features = []
        for width, count in self.configuration["filters"]:
            filters = getattr(node, f"width{width}")
            # A filter's weights have its letters one after the other.
            weight = filters.weight.view(count, width, -1).transpose(1, 2)
            features.append(activation(torch.nn.functional.conv1d(embedded, weight, filters.bias).amax(2)))
        value = torch.cat(features, 1)
        for number in range(1, self.configuration["highways"] + 1):
            highway = getattr(node, f"highway{number}")
            gate = torch.sigmoid(_linear(highway.gate, value))
            value = gate * torch.relu(_linear(highway.transform, value)) + (1 - gate) * value
        return _linear(node.projection, value)

    # Windows of sentences, and the vectors of tokens out of them.

    def _run(self, name: str, inputs: torch.Tensor, steps: list[list[int]], counts: list[list[int]],
             device: torch.device) -> torch.Tensor:
        """The vectors of all tokens by one direction, (layers, tokens, width)."""
        windows = [window for own, count in zip(steps, counts) for window in self._windows(name, own, count)]
        length = max((len(window.steps) for window in windows), default=1)
        numbers = torch.tensor([window.steps + [self.begin] * (length - len(window.steps)) for window in windows],
                               dtype=torch.long, device=device).view(len(windows), length)
        lengths = torch.tensor([len(window.steps) for window in windows], dtype=torch.long, device=device)
        places = torch.tensor([row * length + place for row, window in enumerate(windows) for place in window.places],
                              dtype=torch.long, device=device)
        node, features = self._part(name), inputs[numbers]
        if self.options["layerNorm"]:
            features = _norm(node.input.norm, features)
        layers = (self._transform if self.kind == "transformer" else self._recur)(node, features, lengths)
        outputs = torch.stack([layer.flatten(0, 1)[places] for layer in layers])
        if self.reads != "subwords":
            return outputs
        # A word of several units has their mean.
        sizes = torch.tensor([size for count in counts for size in count], dtype=torch.long, device=device)
        owners = torch.arange(len(sizes), device=device).repeat_interleave(sizes)
        sums = outputs.new_zeros(len(layers), len(sizes), outputs.shape[2]).index_add(1, owners, outputs)
        return sums / sizes[:, None]

    def _windows(self, name: str, steps: list[int], counts: list[int]) -> Iterator[_Window]:
        """The windows in which a direction reads a sentence. One that is longer than it sees at once is read in pieces of half a
        window: before each piece stands as much text as there is room for, or on either side of it, if the direction reads both
        ways."""
        opening, closing = (self.end, self.begin) if name == "backward" else (self.begin, self.end)
        both = 0 if self.is_causal else 1
        # Where each word begins.
        starts = [0]
        for count in counts:
            starts.append(starts[-1] + count)
        words, room = len(counts), self._window - 1 - both
        most = max(1, self._window // 2 - 1) if len(steps) > room else max(1, len(steps))
        first = 0
        while first < words:
            last = first + 1
            while last < words and starts[last + 1] - starts[first] <= most:
                last += 1
            low, high, length = first, last, starts[last] - starts[first]
            if len(steps) > room and name == "forward":
                # No more before a short last piece than before others.
                length = max(length, most)
            grows = len(steps) > room
            while grows:
                grows = False
                if name != "backward" and low > 0 and length + counts[low - 1] <= room:
                    low, length, grows = low - 1, length + counts[low - 1], True
                if name != "forward" and high < words and length + counts[high] <= room:
                    high, length, grows = high + 1, length + counts[high], True
            opens = high == words if name == "backward" else low == 0
            own = steps[starts[low]:starts[high]]
            places = range(starts[first] - starts[low], starts[last] - starts[low])
            if name == "backward":
                own, places = own[::-1], [len(own) - 1 - place for place in places]
            ends = [closing] if both and high == words else []
            yield _Window([opening] * opens + own + ends, [place + opens for place in places])
            first = last

    # The networks: (sequences, steps, width) in, a list of the same for each layer out.

    def _drop(self, x: torch.Tensor, rate: float) -> torch.Tensor:
        return torch.nn.functional.dropout(x, rate, self.training)

    def _recur(self, node: Any, features: torch.Tensor, lengths: torch.Tensor) -> list[torch.Tensor]:
        """Recurrent layers, each with its input added to its output where the model has it so."""
        options = self.options
        layer = {"lstm": self._lstm, "gru": self._gru, "qrnn": self._qrnn, "sru": self._sru}[self.kind]
        between = options["dropout"] if self.kind != "lstm" or options["dropoutKind"] == "non-recurrent" else 0
        steps = torch.arange(features.shape[1], device=features.device)
        # Each sequence turned round, what is behind its end left where it is.
        turned = torch.where(steps < lengths[:, None], lengths[:, None] - 1 - steps, steps)[..., None]
        outputs = [features]
        for number in range(1, options["layers"] + 1):
            below, own = self._drop(outputs[-1], between), getattr(node, f"layer{number}")
            if self.is_causal:
                output = layer(own, below)
            else:
                # A half of the layer reads from the end.
                back = layer(own.backward, below.gather(1, turned.expand_as(below)))
                output = torch.cat([layer(own.forward_, below), back.gather(1, turned.expand_as(back))], 2)
            has_residual = options["residual"] and number > 1 and self.kind != "sru"
            outputs.append(output + below if has_residual else output)
        outputs[-1] = self._drop(outputs[-1], between)
        return outputs

    def _lstm(self, node: Any, x: torch.Tensor) -> torch.Tensor:
        options = self.options
        gates = (x @ node.input.weight + node.bias).transpose(0, 1)
        output = x.new_zeros(x.shape[0], node.recurrent.weight.shape[0])
        memory = x.new_zeros(x.shape[0], options["cell"])
        mask = self._drop(torch.ones_like(output), options["dropout"] if options["dropoutKind"] == "recurrent" else 0)
        outputs = []
        for step in gates.unbind(0):
            i, f, g, o = torch.addmm(step, output, node.recurrent.weight).chunk(4, 1)
            memory = torch.sigmoid(f) * memory + torch.sigmoid(i) * torch.tanh(g)
            if options["cellClip"]:
                memory = memory.clamp(-options["cellClip"], options["cellClip"])
            output = torch.sigmoid(o) * torch.tanh(memory)
            if options["projection"]:
                output = output @ node.projection.weight
                if options["projectionClip"]:
                    output = output.clamp(-options["projectionClip"], options["projectionClip"])
            output = (_norm(node.norm, output) if options["layerNorm"] else output) * mask
            outputs.append(output)
        return torch.stack(outputs, 1)

    def _gru(self, node: Any, x: torch.Tensor) -> torch.Tensor:
        cell = self.options["cell"]
        gates = (x @ node.input.weight + node.bias).transpose(0, 1)
        bias = torch.cat([node.candidate.bias.new_zeros(2 * cell), node.candidate.bias])
        output, outputs = x.new_zeros(x.shape[0], cell), []
        for step in gates.unbind(0):
            products = torch.addmm(bias, output, node.recurrent.weight)
            reset, update = torch.sigmoid(step[:, :2 * cell] + products[:, :2 * cell]).chunk(2, 1)
            candidate = torch.tanh(step[:, 2 * cell:] + reset * products[:, 2 * cell:])
            output = candidate + update * (output - candidate)
            outputs.append(output)
        return torch.stack(outputs, 1)

    def _qrnn(self, node: Any, x: torch.Tensor) -> torch.Tensor:
        options = self.options
        gates = x @ node.input.weight + node.bias
        if options["window"] == 2:
            gates = gates + torch.nn.functional.pad(x, (0, 0, 1, 0))[:, :-1] @ node.previous.weight
        candidate, forget, *rest = gates.chunk(3 if options["outputGate"] else 2, 2)
        # Of 1 - f the share that counts beside zoneout; in training some cells keep their value instead.
        taken = self._drop((1 - options["zoneout"]) * torch.sigmoid(-forget), options["zoneout"])
        candidate, cell, cells = torch.tanh(candidate), x.new_zeros(x.shape[0], options["cell"]), []
        for step in range(x.shape[1]):
            cell = cell + taken[:, step] * (candidate[:, step] - cell)
            cells.append(cell)
        output = torch.stack(cells, 1)
        return output * torch.sigmoid(rest[0]) if rest else output

    def _sru(self, node: Any, x: torch.Tensor) -> torch.Tensor:
        options = self.options
        products = (x @ node.projection.weight if options["projection"] else x) @ node.input.weight
        candidate, forget, reset = products.chunk(3, 2)
        (of_forget, of_reset), (forget_bias, reset_bias) = node.state.weight.chunk(2), node.bias.chunk(2)
        cell, before, cells = x.new_zeros(x.shape[0], options["cell"]), [], []
        for step in range(x.shape[1]):
            before.append(cell)
            gate = torch.sigmoid(forget[:, step] + of_forget * cell + forget_bias)
            cell = candidate[:, step] + gate * (cell - candidate[:, step])
            cells.append(cell)
        gate, cells = torch.sigmoid(reset + of_reset * torch.stack(before, 1) + reset_bias), torch.stack(cells, 1)
        scale = math.sqrt(1 + 2 * math.exp(options["highwayBias"]))
        return gate * cells + (1 - gate) * scale * x if options["residual"] else gate * cells

    def _transform(self, node: Any, features: torch.Tensor, lengths: torch.Tensor) -> list[torch.Tensor]:
        """A Transformer with the norm before each part, and one more above the last layer."""
        options, (_, steps, width) = self.options, features.shape
        if options["positions"] == "learned":
            positions = node.positions[:steps]
        else:
            column = torch.arange(width, dtype=torch.float64)
            angle = torch.arange(steps, dtype=torch.float64)[:, None] * torch.exp(-math.log(10000) * (column // 2 * 2) / width)
            positions = torch.where(column % 2 == 0, angle.sin(), angle.cos()).to(features)
        own = None if self.is_causal else (torch.arange(steps, device=features.device) < lengths[:, None])[:, None, None]
        outputs = [features]
        x = self._drop(features + positions, options["dropout"])
        for number in range(1, options["layers"] + 1):
            layer = getattr(node, f"layer{number}")
            x = x + self._drop(self._attend(layer.attention, _norm(layer.attention.norm, x), own), options["dropout"])
            part = getattr(layer, "feed-forward")
            hidden = _linear(part.hidden, _norm(part.norm, x))
            gelu = options["activation"] == "gelu"
            hidden = torch.nn.functional.gelu(hidden, approximate="tanh") if gelu else torch.relu(hidden)
            x = x + self._drop(_linear(part.output, hidden), options["dropout"])
            outputs.append(x)
        outputs[-1] = _norm(node.norm, outputs[-1])
        return outputs

    def _attend(self, node: Any, x: torch.Tensor, own: torch.Tensor | None) -> torch.Tensor:
        """Attention of several heads. In the columns of the input's weight query, key and value of the first head come first."""
        batch, steps, width = x.shape
        heads = self.options["heads"]
        parts = _linear(node.input, x).view(batch, steps, heads, 3, width // heads)
        query, key, value = (part.transpose(1, 2) for part in parts.unbind(3))
        attended = torch.nn.functional.scaled_dot_product_attention(
            query, key, value, attn_mask=own, is_causal=self.is_causal,
            dropout_p=self.options["attentionDropout"] if self.training else 0.0)
        return _linear(node.output, attended.transpose(1, 2).reshape(batch, steps, width))


def _linear(node: Any, x: torch.Tensor) -> torch.Tensor:
    return x @ node.weight + node.bias


def _norm(node: Any, x: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.layer_norm(x, x.shape[-1:], node.gain, node.bias, 1e-5)


class _ScalarMix:
    """The mix of an encoder's layers that a task learns (Peters et al. 2018, equation 1): gamma x sum of softmax(weights)_l h_l. A
    torch.nn.Module.

        mix = contour.ScalarMix(len(encoded.layers))
        mix(encoded.layers)              # (sentences, tokens, width)
        mix.save("mix.json")             # for encode --mix mix.json

    It begins as the mean of the layers.
    """

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.weights = torch.nn.Parameter(torch.zeros(layers))
        self.gamma = torch.nn.Parameter(torch.ones(()))

    def forward(self, layers: torch.Tensor | Sequence[torch.Tensor]) -> torch.Tensor:
        """Layers, (layers, …) or a list of tensors of one shape, to their mix, (…)."""
        layers = layers if isinstance(layers, torch.Tensor) else torch.stack(list(layers))
        return self.gamma * torch.tensordot(torch.softmax(self.weights, 0), layers, 1)

    def save(self, path: Path) -> None:
        """Writes the weights as `encode --mix` reads them."""
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"weights": self.weights.tolist(), "gamma": self.gamma.item()}, file)
            file.write("\n")


def __getattr__(name: str) -> Any:
    """Makes `Encoder` and `ScalarMix`: to import torch takes seconds, which those who only read files need not wait."""
    plain = {"Encoder": _Encoder, "ScalarMix": _ScalarMix}
    if name not in plain:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        import torch
    except ImportError as error:
        raise ImportError(f"contour.{name} needs PyTorch, which is not installed: pip install torch") from error
    own = globals()
    own["torch"] = torch
    for public, base in plain.items():
        own[public] = type(public, (base, torch.nn.Module), {"__module__": __name__, "__doc__": base.__doc__})
    return own[name]
