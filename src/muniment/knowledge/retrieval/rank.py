"""The order of the rows that a caller may see, for one query.

Everything here is computed from authorised rows alone: candidates, statistics, the stretch of scores and the cut.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from muniment.knowledge.retrieval import certify, fuse, lexical
from muniment.knowledge.retrieval.certify import Scale
from muniment.knowledge.retrieval.codes import Doubles, Floats
from muniment.knowledge.retrieval.fuse import FusionSettings
from muniment.knowledge.retrieval.lexical import LexicalSettings
from muniment.knowledge.retrieval.segment import Integers
from muniment.knowledge.retrieval.vectors import Cosines
from muniment.knowledge.retrieval.view import Selection
from muniment.knowledge.retrieval.wording import Query

Legs = Literal["hybrid", "lexical", "dense"]


@dataclass(frozen=True, slots=True)
class RankingSettings:
    """Which legs take part, and how they are weighed."""

    legs: Legs = "hybrid"
    lexical: LexicalSettings = field(default_factory=LexicalSettings)
    fusion: FusionSettings = field(default_factory=FusionSettings)


@dataclass(frozen=True, slots=True)
class Hit:
    """A row that was found."""

    document: str
    version: int
    ordinal: int
    score: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """Rows, best first."""

    hits: tuple[Hit, ...]
    dense: bool
    """Whether vectors took part."""
    partly_lexical: bool
    """Whether some authorised rows have no vector."""
    incomplete: bool = False
    """Whether authorised documents took no part, since what the index holds of them is damaged."""


def rank(
    selection: Selection,
    query: Query,
    vector: Floats | None,
    model: str,
    limit: int,
    settings: RankingSettings,
) -> Ranking:
    """Return the best `limit` rows of the selection; a row that matches nothing is left out.

    Equal scores stand in the order of document id and chunk. `model` is the digest of what made `vector`.
    """
    wanted = _asked_for(selection, query)
    cosines = Cosines(selection, vector, model) if vector is not None and settings.legs != "lexical" else None
    partly = vector is not None and not (cosines is not None and bool(cosines.has.all()))
    if cosines is None or not cosines.has.any():
        words = lexical.score(selection, query.terms, settings.lexical)
        places, scores = _highest(words, wanted, limit)
        return Ranking(_hits(selection, places, scores, limit), False, partly and bool(selection.size))
    if settings.legs == "dense":
        places, scores = _nearest(cosines, wanted, limit)
    else:
        words = lexical.score(selection, query.terms, settings.lexical)
        places, scores = _fused(cosines, words, wanted, limit, settings.fusion)
    return Ranking(_hits(selection, places, scores, limit), True, partly)


def _highest(words: Doubles, wanted: npt.NDArray[np.bool_] | None, limit: int) -> tuple[Integers, Doubles]:
    places = np.flatnonzero(words > 0 if wanted is None else (words > 0) & wanted)
    scores = words[places]
    if len(places) > limit:
        edge = np.partition(scores, len(scores) - limit)[len(scores) - limit]
        near = scores >= edge - 10.0**-certify.DIGITS
        places, scores = places[near], scores[near]
    return places, scores


def _nearest(cosines: Cosines, wanted: npt.NDArray[np.bool_] | None, limit: int) -> tuple[Integers, Doubles]:
    if not cosines.has.all():
        cosines.settle(certify.extremes(cosines, cosines.has)[0])
    return certify.best(cosines, limit, among=wanted)


def _fused(
    cosines: Cosines,
    words: Doubles,
    wanted: npt.NDArray[np.bool_] | None,
    limit: int,
    settings: FusionSettings,
) -> tuple[Integers, Doubles]:
    low, high = certify.extremes(cosines, None if cosines.has.all() else cosines.has)
    cosines.settle(low)
    added = (1 - settings.dense) * fuse.stretched(words)
    weight = settings.dense / (high - low) if high > low else 0.0
    return certify.best(cosines, limit, Scale(weight, low), added, wanted)


def _hits(selection: Selection, places: Integers, scores: Doubles, limit: int) -> tuple[Hit, ...]:
    order = np.argsort(places)
    places, scores = places[order], np.round(scores[order], certify.DIGITS)
    found: list[Hit] = []
    for part, at, rows in selection.rows(places):
        segment = part.part.segment
        extents = np.searchsorted(segment.extent_starts, rows, side="right") - 1
        found += [
            Hit(
                segment.documents[extent],
                int(segment.versions[extent]),
                int(segment.ordinals[row]),
                float(score),
            )
            for extent, row, score in zip(extents.tolist(), rows.tolist(), scores[at].tolist(), strict=True)
        ]
    return tuple(sorted(found, key=lambda hit: (-hit.score, hit.document, hit.ordinal))[:limit])


def _asked_for(selection: Selection, query: Query) -> npt.NDArray[np.bool_] | None:
    """Return which places hold every term of every phrase and no excluded term; None where all are asked for."""
    if not query.phrases and not query.excluded:
        return None
    wanted = np.ones(selection.size, np.bool_)
    for phrase in query.phrases:
        wanted &= lexical.holding(selection, phrase)
    for term in query.excluded:
        wanted &= ~lexical.holding(selection, (term,))
    return wanted
