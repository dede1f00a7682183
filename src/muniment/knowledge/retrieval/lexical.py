"""BM25 over the rows that may be seen, with every statistic taken over those rows only.

Invariants:
- the number of rows, a term's document frequency and the mean length are those of the selection, so a score cannot
  move when rows change that the caller may not read;
- only postings of blocks with a selected row are read, and a term costs the same whether other blocks hold it or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from muniment.knowledge.retrieval import compiled
from muniment.knowledge.retrieval.compiled import Loops
from muniment.knowledge.retrieval.parallel import portion, together
from muniment.knowledge.retrieval.scan import spread
from muniment.knowledge.retrieval.segment import FIELDS, Integers, Postings, key
from muniment.knowledge.retrieval.view import Selected, Selection

Scores = npt.NDArray[np.float64]
Counts = npt.NDArray[np.unsignedinteger[Any]]
_NONE = np.zeros(0, np.int64)
_CHEAPER = 4
"""A row costs so much less here than in a scan of vectors, for which `together` counts rows."""


@dataclass(frozen=True, slots=True)
class LexicalSettings:
    """BM25's constants, and how many times an occurrence counts by field."""

    k1: float = 0.9
    b: float = 0.4
    title: float = 2.0
    heading: float = 1.0
    body: float = 1.0

    @property
    def weights(self) -> npt.NDArray[np.float64]:
        """Return the field weights in the order of `segment.FIELDS`."""
        return np.array([self.title, self.heading, self.body], np.float64)

    @property
    def name(self) -> str:
        """Return the settings as lineage records them."""
        fields = f"{self.title:g},{self.heading:g},{self.body:g}"
        return f"bm25 k1={self.k1:g} b={self.b:g} title,heading,body={fields}"


@dataclass(frozen=True, slots=True)
class _Found:
    """Where one term stands in one part: places, rows and posting numbers, side by side."""

    places: Integers
    rows: Integers
    postings: Integers


def score(selection: Selection, terms: Sequence[str], settings: LexicalSettings) -> Scores:
    """Return the BM25 score of every place of the selection; 0 without a term."""
    total = np.zeros(selection.size, np.float64)
    if not selection.size or not terms:
        return total
    weights = settings.weights
    mean = mean_length(_length_sums(selection), selection.size, weights)
    loops = compiled.ready()
    if loops is not None:
        _score(loops, selection, terms, settings, mean, total)
        return total
    found = [(part, _find(part, terms)) for part in selection.parts]
    for at in range(len(terms)):
        count = sum(len(hits[at].places) for _, hits in found)
        idf = rarity(selection.size, count)
        for part, hits in found:
            hit, segment = hits[at], part.segment
            counts = np.take(segment.postings.counts, hit.postings, axis=0)
            lengths = np.take(segment.lengths, hit.rows, axis=0)
            total[hit.places] += gains(counts, lengths, idf, mean, settings)
    return total


def _score(
    loops: Loops,
    selection: Selection,
    terms: Sequence[str],
    settings: LexicalSettings,
    mean: float,
    total: Scores,
) -> None:
    """Add the BM25 score of every place to `total`, by compiled loops."""
    wanted = np.array([key(term) for term in terms], np.uint64)
    words = np.empty((len(terms), len(selection.blocks)), np.int64)
    pieces = selection.pieces(portion(selection.size))
    counts = np.zeros((len(pieces), len(terms)), np.int64)
    together(
        (
            partial(_look_up, loops, selection, piece, wanted, words, mine)
            for piece, mine in zip(pieces, counts, strict=True)
        ),
        selection.size // _CHEAPER,
    )
    idf = np.array([rarity(selection.size, count) for count in counts.sum(axis=0).tolist()])
    given = (idf, settings.weights, float(settings.k1), float(settings.b), mean, total)
    together(
        (partial(_add, loops, selection, piece, words, given) for piece in pieces),
        selection.size // _CHEAPER,
    )


def _look_up(
    loops: Loops,
    selection: Selection,
    piece: tuple[int, int, int],
    wanted: npt.NDArray[np.uint64],
    words: Integers,
    counts: Integers,
) -> None:
    segment, first_run, last_run = piece
    layout = selection.layout
    held, before = layout.segments[segment].postings, int(layout.blocks[segment])
    loops.find(
        *(first_run, last_run, before, selection.blocks),
        *(held.key_starts, held.buckets, held.keys, held.starts, wanted, words),
    )
    loops.count(
        *(first_run, last_run, selection.blocks, selection.runs.starts, selection.runs.ends),
        *(layout.block_starts, held.starts, held.rows, words, counts),
    )


def _add(
    loops: Loops,
    selection: Selection,
    piece: tuple[int, int, int],
    words: Integers,
    given: tuple[object, ...],
) -> None:
    segment, first_run, last_run = piece
    layout = selection.layout
    held = layout.segments[segment]
    loops.add(
        *(first_run, last_run, int(layout.rows[segment]), selection.blocks, selection.runs.starts),
        *(selection.runs.ends, selection.places, layout.block_starts, held.postings.starts),
        *(held.postings.rows, held.postings.counts, held.lengths, words, *given),
    )


def rarity(size: int, count: int) -> float:
    """Return what one of `size` rows is worth for holding a term that `count` of them hold."""
    return float(np.log(1 + (size - count + 0.5) / (count + 0.5)))


def mean_length(sums: Integers, size: int, weights: Scores) -> float:
    """Return the mean weighted length of `size` rows whose fields have these lengths together."""
    return float(sums.astype(np.float64) @ weights) / size or 1.0


def gains(counts: Counts, lengths: Counts, idf: float, mean: float, settings: LexicalSettings) -> Scores:
    """Return what a term adds to rows that hold it so often, by field, and have these lengths."""
    often = _weighed(counts, settings.weights)
    norm = settings.k1 * (1 - settings.b + settings.b * _weighed(lengths, settings.weights) / mean)
    return idf * often * (settings.k1 + 1) / (often + norm)


def holding(selection: Selection, terms: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return which places hold every one of `terms`."""
    held = np.ones(selection.size, np.bool_)
    found = [_find(part, terms) for part in selection.parts]
    for at in range(len(terms)):
        here = np.zeros(selection.size, np.bool_)
        for hits in found:
            here[hits[at].places] = True
        held &= here
    return held


def _weighed(fields: Counts, weights: Scores) -> Scores:
    """Return the weighted sum along each row; column by column, since a product would first copy everything."""
    total = fields[:, 0] * weights[0]
    for at in range(1, len(weights)):
        total += fields[:, at] * weights[at]
    return total


def _length_sums(selection: Selection) -> Integers:
    if selection.whole:
        return selection.layout.block_lengths.take(selection.blocks, axis=1).sum(axis=1)
    total = np.zeros(len(FIELDS), np.int64)
    for part in selection.parts:
        lengths = part.segment.length_sums
        total += (lengths[part.runs.ends] - lengths[part.runs.starts]).sum(axis=0)
    return total


def _find(part: Selected, terms: Sequence[str]) -> list[_Found]:
    """Return where each term stands among the selected rows of a part."""
    if not len(part.blocks):
        return [_Found(_NONE, _NONE, _NONE)] * len(terms)
    segment = part.segment
    # Runs of a block follow each other, so its first run and their number say which are its.
    first = np.flatnonzero(np.append(True, part.blocks[1:] != part.blocks[:-1]))
    blocks = part.blocks[first]
    wanted = np.array([key(term) for term in terms], np.uint64)
    words = _lookup(segment.postings, blocks, wanted)
    return [_hits(part, first, blocks, one) for one in words]


def _lookup(postings: Postings, blocks: Integers, wanted: npt.NDArray[np.uint64]) -> Integers:
    """Return the place of each wanted key in each block's list, -1 where it is not; shape (wanted, blocks)."""
    keys, key = postings.keys, wanted[:, None]
    bits = (postings.buckets.shape[1] - 1).bit_length() - 1
    bucket = (wanted >> np.uint64(64 - bits)).astype(np.int64) if bits else np.zeros(len(wanted), np.int64)
    start = postings.key_starts[blocks]
    low = start + postings.buckets[blocks[None, :], bucket[:, None]]
    high = start + postings.buckets[blocks[None, :], bucket[:, None] + 1]
    end, last = high, np.maximum(high - 1, start)
    for _ in range(int((high - low).max(initial=0)).bit_length()):
        middle = (low + high) >> 1
        less = (keys[np.minimum(middle, last)] < key) & (low < high)
        low = np.where(less, middle + 1, low)
        high = np.where(less, high, middle)
    there = (low < end) & (keys[np.minimum(low, last)] == key)
    return np.where(there, low, -1)


def _hits(part: Selected, first: Integers, blocks: Integers, words: Integers) -> _Found:
    """Return where the word stands, given its number in each of the blocks."""
    segment = part.segment
    has = np.flatnonzero(words >= 0)
    word = words[has]
    starts = segment.postings.starts[word]
    sizes = segment.postings.starts[word + 1] - starts
    postings = spread(starts, sizes)
    rows = np.repeat(segment.block_starts[blocks[has]], sizes) + segment.postings.rows[postings]
    run = first[has]
    whole = part.runs.starts[run] == segment.block_starts[blocks[has]]
    whole &= part.runs.ends[run] == segment.block_starts[blocks[has] + 1]
    if whole.all():
        return _Found(np.repeat(part.places[run], sizes) + segment.postings.rows[postings], rows, postings)
    run = np.searchsorted(part.runs.starts, rows, side="right") - 1
    inside = (run >= 0) & (rows < part.runs.ends[run])
    rows, run, postings = rows[inside], run[inside], postings[inside]
    return _Found(part.places[run] + rows - part.runs.starts[run], rows, postings)
