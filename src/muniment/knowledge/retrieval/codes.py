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

import numpy as np
import numpy.typing as npt

from muniment.foundation.errors import BadInput
from muniment.knowledge.retrieval import compiled

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.int8]

_STEPS = 127
_ROUNDING = 2e-6
"""More than what float32 arithmetic and another machine's rotation can add, relative to the lengths involved."""
_AT_ONCE = 4096


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


@lru_cache(maxsize=4)
def rotation(dimensions: int) -> Doubles:
    """Return the fixed orthogonal matrix for vectors of this size; the same numbers everywhere up to rounding."""
    # Raw bits, since only those are promised never to change; distributions drawn from them may.
    raw = np.random.PCG64(20_240_917).random_raw(dimensions * dimensions)
    drawn = (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53 - 0.5
    turned, upper = np.linalg.qr(drawn.reshape(dimensions, dimensions))
    turned *= np.sign(np.diagonal(upper))
    turned.flags.writeable = False
    return turned


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
        turned = vectors[part].astype(np.float64) @ rotation(dimensions).T
        scale = (np.abs(turned).max(axis=1, initial=0.0) / _STEPS).astype(np.float32)
        whole = _whole(turned, scale.astype(np.float64)[:, None])
        said = whole * scale.astype(np.float64)[:, None]
        made.codes[part] = whole
        made.scale[part] = scale
        made.lost[part] = _up(np.linalg.norm(turned - said, axis=1))
        made.length[part] = _up(np.linalg.norm(said, axis=1))
    return made


def ask(vector: Floats) -> Question:
    """Return a question's codes; raises BadInput unless it is finite."""
    exact = exactly(vector)
    turned = rotation(len(vector)) @ exact
    coarse, fine = np.empty((2, 1, len(turned)), np.int8)
    loops = compiled.ready()
    if loops is not None:
        said = np.empty(5)
        loops.levels(turned, _STEPS, coarse[0], fine[0], said)
        length, coarse_scale, coarse_lost, fine_scale, fine_lost = said.tolist()
    else:
        coarse[0], coarse_scale, rest = _level(turned)
        fine[0], fine_scale, last = _level(rest)
        length, coarse_lost, fine_lost = (float(one @ one) for one in (turned, rest, last))
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


def bounds(lost: Doubles, length: Doubles, question: Question, left_out: float) -> Doubles:
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
