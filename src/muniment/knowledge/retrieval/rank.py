"""The order of the rows that a caller may see, for one query.

Everything here is computed from authorised rows alone: candidates, statistics, the stretch of scores and
the cut.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from muniment.knowledge.retrieval import fuse, lexical, vectors
from muniment.knowledge.retrieval.fuse import FusionSettings
from muniment.knowledge.retrieval.index import View
from muniment.knowledge.retrieval.lexical import LexicalSettings
from muniment.knowledge.retrieval.wording import Query

Legs = Literal["hybrid", "lexical", "dense"]

_DIGITS = 7
"""Scores are compared after rounding, so that the last bit of a sum decides nothing."""


@dataclass(frozen=True, slots=True)
class RankingSettings:
    """Which legs take part, and how they are weighed."""

    legs: Legs = "hybrid"
    lexical: LexicalSettings = field(default_factory=LexicalSettings)
    fusion: FusionSettings = field(default_factory=FusionSettings)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Rows of the view, best first, with their scores."""

    rows: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]
    dense: bool
    """Whether vectors took part."""
    partly_lexical: bool
    """Whether some authorised rows have no vector."""


def rank(
    view: View,
    classes: frozenset[int],
    query: Query,
    vector: npt.NDArray[np.float32] | None,
    limit: int,
    settings: RankingSettings,
) -> Ranking:
    """Return the best `limit` rows of documents in `classes`; a row that matches nothing is left out."""
    allowed = view.readable(classes)
    rows = np.flatnonzero(allowed)
    bare = ~view.has_vector[rows]
    dense = vector is not None and settings.legs != "lexical" and not bool(bare.all())
    scores = _scores(view, allowed, rows, query, vector if dense else None, settings)
    wanted = scores > 0 if not dense else np.ones(len(rows), np.bool_)
    wanted &= _asked_for(view, query)[rows]
    rows, scores = rows[wanted], scores[wanted]
    best = vectors.top(scores, limit)
    return Ranking(rows[best], scores[best], dense, vector is not None and bool(bare.any()))


def _scores(
    view: View,
    allowed: npt.NDArray[np.bool_],
    rows: npt.NDArray[np.int64],
    query: Query,
    vector: npt.NDArray[np.float32] | None,
    settings: RankingSettings,
) -> npt.NDArray[np.float64]:
    if vector is None:
        words = lexical.score(view, allowed, rows, query.terms, settings.lexical)
        return np.round(words, _DIGITS)
    meaning = _similarities(view, rows, vector)
    if settings.legs == "dense":
        return np.round(meaning, _DIGITS)
    words = lexical.score(view, allowed, rows, query.terms, settings.lexical)
    return np.round(fuse.fused(meaning, words, settings.fusion), _DIGITS)


def _similarities(
    view: View, rows: npt.NDArray[np.int64], vector: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64]:
    """Return each row's cosine; a row without a vector gets the lowest that is."""
    meaning = vectors.similarities(view.vectors, rows, vector)
    has = view.has_vector[rows]
    meaning[~has] = meaning[has].min()
    return meaning


def _asked_for(view: View, query: Query) -> npt.NDArray[np.bool_]:
    """Return which rows hold every term of every phrase and no excluded term."""
    wanted = np.ones(view.size, np.bool_)
    for phrase in query.phrases:
        wanted &= lexical.holding(view, view.size, phrase)
    for term in query.excluded:
        wanted[view.posting(term)[0]] = False
    return wanted
