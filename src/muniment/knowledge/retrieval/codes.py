"""Vectors as one byte a dimension, with what is lost by that known exactly enough to prove a result.

A vector x is rotated by a fixed orthogonal matrix R and written as R x = s a + r with whole numbers a in -127..127.
Of r only the length is kept. For a question q, R q = p = t b + u c + w with whole numbers b and c. Then

    |q.x - s t (a.b)|             <= |p| |r| + |u c + w| |s a|     (one level of the question)
    |q.x - s (t (a.b) + u (a.c))| <= |p| |r| + |w| |s a|           (two levels)

by the Cauchy-Schwarz inequality. The rotation spreads the few large coordinates that embeddings of text have, which
makes |r| about half of what it is without.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from muniment.foundation.errors import BadInput
from muniment.knowledge.retrieval import compiled

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.int8]
_Length = TypeVar("_Length", float, Doubles)

_STEPS = 127
_ROUNDING = 2e-6
"""More than what float32 arithmetic and another machine's rotation can add, relative to the lengths involved."""
_AT_ONCE = 4096
_TURNS = 3


@dataclass(frozen=True, slots=True)
class Codes:
    """Encoded vectors, by row."""

    codes: Bytes
    """Shape (rows, dimensions)."""
    scale: Floats
    lost: Floats
    """Length of what the code leaves out, rounded up."""
    length: Floats
    """Length of what the code says, rounded up."""


@dataclass(frozen=True, slots=True)
class Question:
    """An encoded question: its vector, and two levels of codes with the length of what each leaves out."""

    exact: Doubles
    length: float
    coarse: Bytes
    """Shape (1, dimensions)."""
    coarse_scale: float
    coarse_lost: float
    fine: Bytes
    fine_scale: float
    fine_lost: float


@dataclass(frozen=True, slots=True)
class Turn:
    """A fixed orthogonal map as a few steps: in each some signs change, then a stretch is mixed.

    Mixing is the Walsh-Hadamard transform of a power of two of coordinates, so a vector is turned in some thousand
    additions and next to no memory, where a matrix would be read whole (Ailon and Chazelle 2009, section 3).
    """

    signs: Doubles
    """Shape (steps, dimensions)."""
    firsts: npt.NDArray[np.int64]
    """Where the stretch of each step begins."""
    size: int
    """Length of each stretch; those of two steps side by side cover all coordinates."""


@lru_cache(maxsize=4)
def turn(dimensions: int) -> Turn:
    """Return the map for vectors of this size."""
    size = 1 << (dimensions.bit_length() - 1)
    # Raw bits, since only those are promised never to change; distributions drawn from them may.
    raw = np.random.PCG64(20_240_917).random_raw(_TURNS * dimensions)
    signs = np.where(raw >> np.uint64(63), 1.0, -1.0).reshape(_TURNS, dimensions)
    firsts = np.array([0 if step % 2 == 0 else dimensions - size for step in range(_TURNS)], np.int64)
    for array in (signs, firsts):
        array.flags.writeable = False
    return Turn(signs, firsts, size)


def turned(vectors: Doubles) -> Doubles:
    """Return vectors, shape (rows, dimensions), after the map; a step gives the bits that `loops.levels` gives."""
    rows, dimensions = vectors.shape
    by = turn(dimensions)
    found = vectors.copy()
    for signs, first in zip(by.signs, by.firsts.tolist(), strict=True):
        found *= signs
        mixed = found[:, first : first + by.size]
        near = 1
        while near < by.size:
            pairs = mixed.reshape(rows, -1, 2, near)
            one, other = pairs[:, :, 0], pairs[:, :, 1]
            mixed = np.stack([one + other, one - other], axis=2).reshape(rows, by.size)
            near *= 2
        found[:, first : first + by.size] = mixed * (1 / math.sqrt(by.size))
    return found


@lru_cache(maxsize=4)
def rotation(dimensions: int) -> Doubles:
    """Return the map as an orthogonal matrix, for many vectors at once."""
    found = turned(np.eye(dimensions)).T.copy()
    found.flags.writeable = False
    return found


def encode(vectors: Floats) -> Codes:
    """Return the codes of vectors, shape (rows, dimensions); raises BadInput for one that is not finite."""
    rows, dimensions = vectors.shape
    made = Codes(
        np.empty((rows, dimensions), np.int8),
        np.empty(rows, np.float32),
        np.empty(rows, np.float32),
        np.empty(rows, np.float32),
    )
    require_finite(vectors)
    for start in range(0, rows, _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        moved = vectors[part].astype(np.float64) @ rotation(dimensions).T
        scale = (np.abs(moved).max(axis=1, initial=0.0) / _STEPS).astype(np.float32)
        whole = _whole(moved, scale.astype(np.float64)[:, None])
        said = whole * scale.astype(np.float64)[:, None]
        made.codes[part] = whole
        made.scale[part] = scale
        made.lost[part] = _up(np.linalg.norm(moved - said, axis=1))
        made.length[part] = _up(np.linalg.norm(said, axis=1))
    return made


def ask(vector: Floats) -> Question:
    """Return a question's codes; raises BadInput unless it is finite."""
    exact = exactly(vector)
    coarse, fine = np.empty((2, 1, len(exact)), np.int8)
    loops = compiled.ready()
    if loops is not None:
        by, said = turn(len(exact)), np.empty(5)
        share = 1 / math.sqrt(by.size)
        loops.levels(exact.copy(), by.signs, by.firsts, by.size, share, _STEPS, coarse[0], fine[0], said)
        length, coarse_scale, coarse_lost, fine_scale, fine_lost = said.tolist()
    else:
        moved = turned(exact[None, :])[0]
        coarse[0], coarse_scale, rest = _level(moved)
        fine[0], fine_scale, last = _level(rest)
        length, coarse_lost, fine_lost = (float(one @ one) for one in (moved, rest, last))
    return Question(
        exact=exact,
        length=math.sqrt(length),
        coarse=coarse,
        coarse_scale=coarse_scale,
        coarse_lost=math.sqrt(coarse_lost),
        fine=fine,
        fine_scale=fine_scale,
        fine_lost=math.sqrt(fine_lost),
    )


def exactly(vector: Floats) -> Doubles:
    """Return a question's vector for exact products; raises BadInput unless it is finite."""
    if not np.isfinite(vector).all():
        raise BadInput("The query's vector is not finite.", fix="Fetch the embedding weights again.")
    return vector.astype(np.float64)


def cosines(vectors: Floats, question: Doubles) -> Doubles:
    """Return the exact products, a sum along each row by itself: a row gives the same bits whatever is beside it."""
    return (vectors.astype(np.float64) * question).sum(axis=1)


def require_finite(vectors: Floats) -> None:
    """Raise BadInput for vectors of which one is not finite."""
    if not np.isfinite(vectors).all():
        raise BadInput(
            "An embedding holds a number that is not finite.",
            fix="Fetch the embedding weights again: `muniment models fetch`.",
        )


def bounds(lost: _Length, length: _Length, question: Question, left_out: float) -> _Length:
    """Return how far the estimates of rows with these lengths may be, when the question's codes leave so much out."""
    by_lost, by_length, by_both = bound(question, left_out)
    return by_lost * lost + by_length * length + by_both * (lost + length)


def bound(question: Question, left_out: float) -> tuple[float, float, float]:
    """Return what `lost` of a row, its `length` and their sum count for how far its estimate may be."""
    return question.length, left_out, _ROUNDING * question.length


def _level(vector: Doubles) -> tuple[Bytes, float, Doubles]:
    scale = float(np.abs(vector).max(initial=0.0)) / _STEPS
    # No number is beyond the last step by more than rounding, which rounding to whole steps takes away.
    whole = np.rint(vector / (scale or 1.0))
    return whole.astype(np.int8), scale, vector - whole * scale


def _whole(vector: Doubles, scale: Doubles | np.float64) -> Doubles:
    """Return the nearest whole steps; nothing but zeros has scale 0."""
    return np.clip(np.rint(vector / np.where(scale == 0, 1, scale)), -_STEPS, _STEPS)


def _up(lengths: Doubles) -> Floats:
    return np.nextafter(lengths.astype(np.float32), np.float32(np.inf))
