"""What an index segment holds: rows, their vectors as codes, and the postings of their words.

A segment is written once and read by the index; a row is one chunk of one version. Rows stand by access class, then
by document, so that what a caller may read lies together. A block is a run of rows that had one access class when the
segment was written; it has postings of its own, so that a search reads those of the blocks it may read and no other.

A word stands in a block's postings as the first 64 bits of its digest: blocks share no list of words that a search
would have to read, and among a million words two share a digest with a chance of about 3 in 100 million.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from muniment.foundation.errors import Tampered
from muniment.foundation.segments import Rows, SegmentFile
from muniment.knowledge.retrieval import wording
from muniment.knowledge.retrieval.codes import Codes, Floats, encode

KIND = "index"
FORMAT = 3
EXACT = "exact"
FIELDS = ("title", "heading", "body")
MAX_BLOCK = 1 << 16
"""Rows of a block: an offset in it has 16 bits."""
_MOST = np.iinfo(np.uint8).max
_LONGEST = np.iinfo(np.uint16).max

Arrays = dict[str, npt.NDArray[Any]]
Integers = npt.NDArray[np.int64]


Words = tuple[Sequence[int], ...]
"""The keys of a chunk's terms, one after the other, by field."""


@dataclass(frozen=True, slots=True)
class IndexRow:
    """A chunk to be indexed."""

    document: str
    version: int
    ordinal: int
    access_class: int
    title: str
    heading: str
    body: str
    words: Words | None = None
    """What `words` gives for its texts, where it has been computed: that takes longer than all the rest."""


@dataclass(frozen=True, slots=True)
class Postings:
    """The words of each block.

    Block b has the words `keys[key_starts[b]:key_starts[b + 1]]`, ascending; word i stands in the rows
    `rows[starts[i]:starts[i + 1]]` of its block, counted from the block's first row.
    """

    key_starts: Integers
    buckets: npt.NDArray[np.int32]
    """Shape (blocks, 2^n + 1): how many of a block's words lie below each value of a key's highest n bits."""
    keys: npt.NDArray[np.uint64]
    starts: Integers
    rows: npt.NDArray[np.uint16]
    counts: npt.NDArray[np.uint8]
    """Shape (postings, fields): how often the word stands in each field of the row, up to 255."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment in memory; an extent is the run of rows of one version."""

    file: SegmentFile
    documents: tuple[str, ...]
    """By extent."""
    versions: npt.NDArray[np.int32]
    """By extent."""
    extent_starts: Integers
    """First row of each extent; one more entry closes the last. So for blocks."""
    block_starts: Integers
    block_extents: Integers
    """First extent of each block; one more entry closes the last."""
    block_classes: Integers
    """Access class when written."""
    ordinals: npt.NDArray[np.int32]
    lengths: npt.NDArray[np.uint16]
    """Shape (rows, fields), in terms."""
    length_sums: Integers
    """Shape (rows + 1, fields): the lengths of all rows before."""
    block_lengths: Integers
    """Shape (blocks, fields): the lengths of all rows of each block."""
    postings: Postings
    codes: Codes | None
    widest: Floats
    """Shape (blocks, 2): the largest `lost` and `length` of each block's codes."""
    model: str
    """Digest of the model that made the vectors, or empty."""
    wording: str
    positions: Mapping[str, int]
    """Extent of each document."""

    @property
    def rows(self) -> int:
        """Return the number of rows."""
        return len(self.ordinals)

    def exact(self, rows: Integers, out: Floats | None = None) -> Floats:
        """Return the vectors of these rows as they were embedded, in `out` where it is given."""
        return self.file.rows(EXACT, rows, out)


@dataclass(frozen=True, slots=True)
class Summary:
    """Which versions a segment holds, and what made it."""

    versions: tuple[tuple[str, int], ...]
    """Document and version, by extent."""
    model: str
    wording: str


@lru_cache(maxsize=200_000)
def key(term: str) -> int:
    """Return the number under which a term stands in postings."""
    return int.from_bytes(hashlib.blake2b(term.encode(), digest_size=8).digest(), "big")


def embedding_text(title: str, heading: str, body: str) -> str:
    """Return what is embedded for a chunk: its title and heading above its text."""
    return "\n".join(part for part in (title, heading if heading != title else "", body) if part)


def contents(rows: Sequence[IndexRow], vectors: Floats | None, model: str) -> tuple[Arrays, dict[str, Rows]]:
    """Return the arrays of a segment, those to be kept whole and those by row.

    `vectors` has one row per row, made by the model of digest `model`. Raises BadInput for one that is not finite.
    """
    if vectors is not None and len(vectors) != len(rows):
        raise ValueError(f"{len(vectors)} vectors for {len(rows)} rows")
    places = [(row.access_class, row.document, row.ordinal) for row in rows]
    order = sorted(range(len(rows)), key=places.__getitem__)
    placed = [rows[at] for at in order]
    ends = extents(placed)
    if len({row.document for row in rows}) != len(ends) - 1 or not rows:
        raise ValueError("a segment holds one version of each document, in one access class")
    heads = [placed[start] for start in ends[:-1]]
    starts = blocks([head.access_class for head in heads], ends)
    keys, token_rows, fields = tokens(placed)
    one_each = np.eye(len(FIELDS), dtype=np.uint8)[fields]
    arrays = frame(
        documents=[head.document for head in heads],
        versions=np.array([head.version for head in heads], np.int32),
        extent_starts=np.array(ends, np.int64),
        blocks=starts,
        classes=[heads[at].access_class for at in starts[:-1]],
        ordinals=np.array([row.ordinal for row in placed], np.int32),
        lengths=lengths(token_rows, fields, len(placed)),
        model=model if vectors is not None else "",
    )
    arrays |= posting_arrays([grouped(keys, token_rows, one_each, arrays["block_starts"])])
    if vectors is None:
        return arrays, {}
    moved = np.ascontiguousarray(vectors[order], np.float32)
    return {**arrays, **code_arrays(encode(moved))}, {EXACT: Rows(len(moved), moved.shape[1], "<f4", [moved])}


def frame(
    *,
    documents: Sequence[str],
    versions: npt.NDArray[np.int32],
    extent_starts: Integers,
    blocks: Sequence[int],
    classes: Sequence[int],
    ordinals: npt.NDArray[np.int32],
    lengths: npt.NDArray[np.uint16],
    model: str,
) -> Arrays:
    """Return the arrays that say which rows there are; `blocks` and `classes` as `blocks` gives them."""
    return {
        "format": np.array([FORMAT], np.int32),
        "documents": _pack(documents),
        "versions": versions,
        "extent_starts": extent_starts,
        "block_starts": extent_starts[list(blocks)],
        "block_extents": np.array(blocks, np.int64),
        "block_classes": np.array(classes, np.int64),
        "ordinals": ordinals,
        "lengths": lengths,
        "model": _pack([model]),
        "wording": _pack([wording.VERSION]),
    }


def code_arrays(codes: Codes) -> Arrays:
    """Return the arrays of codes."""
    return {"codes": codes.codes, "scale": codes.scale, "lost": codes.lost, "length": codes.length}


SUMMARY = ("format", "documents", "versions", "model", "wording")
"""Arrays that `summary` needs: a few bytes a document."""


def summary(file: SegmentFile) -> Summary:
    """Return what a file opened with at least the arrays SUMMARY holds; raises Tampered for another format."""
    found = _of_this_format(file)
    versions = zip(_unpack(found["documents"]), found["versions"].tolist(), strict=True)
    return Summary(tuple(versions), _unpack(found["model"])[0], _unpack(found["wording"])[0])


def _of_this_format(file: SegmentFile) -> Mapping[str, npt.NDArray[Any]]:
    found: Mapping[str, npt.NDArray[Any]] = file.arrays
    if "format" not in found or int(found["format"][0]) != FORMAT:
        raise Tampered(
            f"Index segment {file.name} has a format that this version does not read.",
            fix="Run `muniment index repair`.",
        )
    return found


def load(file: SegmentFile) -> Segment:
    """Return the segment of a file; raises Tampered for another format."""
    found = _of_this_format(file)
    documents = _unpack(found["documents"])
    codes = Codes(found["codes"], found["scale"], found["lost"], found["length"]) if file.has(EXACT) else None
    sums = _running(found["lengths"])
    return Segment(
        file=file,
        documents=documents,
        versions=found["versions"],
        extent_starts=found["extent_starts"],
        block_starts=found["block_starts"],
        block_extents=found["block_extents"],
        block_classes=found["block_classes"],
        ordinals=found["ordinals"],
        lengths=found["lengths"],
        length_sums=sums,
        block_lengths=np.diff(sums[found["block_starts"]], axis=0),
        postings=Postings(
            found["key_starts"],
            found["key_buckets"],
            found["keys"],
            found["posting_starts"],
            found["posting_rows"],
            found["posting_counts"],
        ),
        codes=codes,
        widest=_widest(codes, found["block_starts"][:-1]),
        model=_unpack(found["model"])[0],
        wording=_unpack(found["wording"])[0],
        positions={document: at for at, document in enumerate(documents)},
    )


def _widest(codes: Codes | None, starts: Integers) -> Floats:
    if codes is None:
        return np.zeros((len(starts), 2), np.float32)
    return np.stack([np.maximum.reduceat(one, starts) for one in (codes.lost, codes.length)], axis=1)


def _running(lengths: npt.NDArray[np.uint16]) -> Integers:
    sums = np.zeros((len(lengths) + 1, len(FIELDS)), np.int64)
    np.cumsum(lengths, axis=0, out=sums[1:])
    return sums


def extents(placed: Sequence[IndexRow]) -> list[int]:
    """Return the first row of each document, and the number of rows, from rows in their order."""
    starts = [
        at
        for at, row in enumerate(placed)
        if not at
        or (row.document, row.version, row.access_class)
        != (placed[at - 1].document, placed[at - 1].version, placed[at - 1].access_class)
    ]
    return [*starts, len(placed)]


def blocks(classes: Sequence[int], extents: Sequence[int]) -> list[int]:
    """Return the first extent of each block, and the number of extents, from class and first row of each extent."""
    starts: list[int] = []
    for at, number in enumerate(classes):
        new = not starts or number != classes[at - 1]
        if new or extents[at + 1] - extents[starts[-1]] > MAX_BLOCK:
            starts.append(at)
    return [*starts, len(classes)]


def words(title: str, heading: str, body: str) -> Words:
    """Return the keys of the terms of a chunk."""
    return tuple([key(term) for term in wording.terms(text)] for text in (title, heading, body))


def tokens(rows: Sequence[IndexRow]) -> tuple[npt.NDArray[np.uint64], Integers, npt.NDArray[np.uint8]]:
    """Return key, row and field of every term, one after the other."""
    keys: list[int] = []
    sizes: list[int] = []
    for row in rows:
        for found in row.words or words(row.title, row.heading, row.body):
            keys += found
            sizes.append(len(found))
    places = np.repeat(np.arange(len(sizes)), sizes)
    return np.array(keys, np.uint64), places // len(FIELDS), (places % len(FIELDS)).astype(np.uint8)


def lengths(token_rows: Integers, fields: npt.NDArray[np.uint8], rows: int) -> npt.NDArray[np.uint16]:
    """Return how many terms each field of each row has; shape (rows, fields)."""
    counts = np.bincount(token_rows * len(FIELDS) + fields, minlength=rows * len(FIELDS))
    return np.minimum(counts, _LONGEST).astype(np.uint16).reshape(-1, len(FIELDS))


@dataclass(frozen=True, slots=True)
class Grouped:
    """Postings of some blocks in their order: keys per block, postings per key, and the postings."""

    block_keys: Integers
    keys: npt.NDArray[np.uint64]
    sizes: Integers
    rows: npt.NDArray[np.uint16]
    counts: npt.NDArray[np.uint8]


def grouped(
    keys: npt.NDArray[np.uint64], rows: Integers, counts: npt.NDArray[np.integer[Any]], block_starts: Integers
) -> Grouped:
    """Return postings in order from occurrences in any: `counts` by field, added up where key and row are equal.

    `block_starts` holds the first row of each block and the end of the last; all rows lie between.
    """
    block = np.searchsorted(block_starts, rows, side="right") - 1
    order = np.lexsort((rows, keys, block))
    keys, rows, block = keys[order], rows[order], block[order]
    new_key = np.ones(len(keys), np.bool_)
    new_key[1:] = (keys[1:] != keys[:-1]) | (block[1:] != block[:-1])
    new_row = new_key.copy()
    new_row[1:] |= rows[1:] != rows[:-1]
    first = np.flatnonzero(new_row)
    added = np.add.reduceat(counts[order], first, axis=0, dtype=np.int64) if len(first) else counts[:0]
    heads = np.flatnonzero(new_key[first])
    return Grouped(
        block_keys=np.bincount(block[first[heads]], minlength=len(block_starts) - 1).astype(np.int64),
        keys=keys[first[heads]],
        sizes=np.diff(np.append(heads, len(first))),
        rows=(rows[first] - block_starts[block[first]]).astype(np.uint16),
        counts=np.minimum(added, _MOST).astype(np.uint8),
    )


def posting_arrays(pieces: Sequence[Grouped]) -> Arrays:
    """Return the postings of pieces that follow each other as the arrays of a segment."""
    block_keys = np.concatenate([piece.block_keys for piece in pieces])
    keys = np.concatenate([piece.keys for piece in pieces])
    return {
        "key_starts": _starts(block_keys),
        "key_buckets": _buckets(keys, block_keys),
        "keys": keys,
        "posting_starts": _starts(np.concatenate([piece.sizes for piece in pieces])),
        "posting_rows": np.concatenate([piece.rows for piece in pieces]),
        "posting_counts": np.concatenate([piece.counts for piece in pieces]),
    }


def _buckets(keys: npt.NDArray[np.uint64], block_keys: Integers) -> npt.NDArray[np.int32]:
    """Return the table that leads to a key among those of its block in one step; about four keys share a bucket."""
    bits = max(0, int(len(keys) / max(1, len(block_keys)) / 4).bit_length() - 1)
    high = keys >> np.uint64(64 - bits) if bits else np.zeros(len(keys), np.uint64)
    place = (np.repeat(np.arange(len(block_keys)), block_keys) << bits) + high.astype(np.int64)
    counts = np.bincount(place, minlength=len(block_keys) << bits).reshape(len(block_keys), 1 << bits)
    table = np.zeros((len(block_keys), (1 << bits) + 1), np.int32)
    np.cumsum(counts, axis=1, out=table[:, 1:])
    return table


def _starts(sizes: Integers) -> Integers:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes, dtype=np.int64)])


def _pack(texts: Sequence[str]) -> npt.NDArray[np.uint8]:
    """Return texts as bytes, each closed by a line feed; none holds one: ids and terms have no space."""
    return np.frombuffer("".join(text + "\n" for text in texts).encode(), np.uint8)


def _unpack(packed: npt.NDArray[Any]) -> tuple[str, ...]:
    return tuple(packed.tobytes().decode().split("\n")[:-1])
