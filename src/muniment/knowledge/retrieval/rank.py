"""The order of the rows that a caller may see, for one query.

Everything here is computed from authorised rows alone: candidates, statistics, the stretch of scores and the cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

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

_TIE = 10.0**-certify.DIGITS
"""Scores no further apart may be equal once rounded."""


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
    not_kept: tuple[str, ...] = ()
    """Authorised documents of which the index does not hold the earlier version that was asked for."""


class Similar(certify.Estimated, Protocol):
    """The cosines of one question to every place."""

    @property
    def complete(self) -> bool:
        """Whether every place has a vector of the question's model."""
        ...

    @property
    def has(self) -> npt.NDArray[np.bool_]:
        """Which places have a vector of the question's model."""
        ...

    def settle(self, lowest: float) -> None:
        """Give every place without a vector this cosine."""
        ...


class Rows(Protocol):
    """The rows that one caller may read, by place: what an engine must know of them to rank them."""

    @property
    def size(self) -> int:
        """How many there are."""
        ...

    def cosines(self, vector: Floats, model: str) -> Similar:
        """Return how near each is to a question that the model of this digest made."""
        ...

    def words(self, terms: Sequence[str], settings: LexicalSettings) -> Doubles:
        """Return the BM25 score of each, statistics taken over these rows; 0 without a term."""
        ...

    def holding(self, terms: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Return which hold every one of `terms`."""
        ...

    def named(self, places: Integers) -> list[tuple[str, int, int]]:
        """Return document, version and ordinal of ascending places."""
        ...

    def places(self, hits: Sequence[Hit]) -> Integers:
        """Return where these rows of the same state are."""
        ...


@dataclass(frozen=True, slots=True)
class SelectedRows:
    """Fills `Rows` from segments in memory."""

    selection: Selection

    @property
    def size(self) -> int:
        """Return how many there are."""
        return self.selection.size

    def cosines(self, vector: Floats, model: str) -> Cosines:
        """Return how near each is to a question."""
        return Cosines(self.selection, vector, model)

    def words(self, terms: Sequence[str], settings: LexicalSettings) -> Doubles:
        """Return the BM25 score of each."""
        return lexical.score(self.selection, terms, settings)

    def holding(self, terms: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Return which hold every one of `terms`."""
        return lexical.holding(self.selection, terms)

    def named(self, places: Integers) -> list[tuple[str, int, int]]:
        """Return document, version and ordinal of ascending places."""
        return self.selection.layout.named(self.selection.rows(places))

    def places(self, hits: Sequence[Hit]) -> Integers:
        """Return where these rows are; rows of an extent stand by ordinal."""
        found = np.full(len(hits), -1, np.int64)
        layout = self.selection.layout
        for segment, before in zip(layout.segments, layout.rows, strict=False):
            for at, hit in enumerate(hits):
                extent = segment.positions.get(hit.document)
                if extent is None or segment.versions[extent] != hit.version:
                    continue
                first, last = segment.extent_starts[extent], segment.extent_starts[extent + 1]
                row = before + first + int(np.searchsorted(segment.ordinals[first:last], hit.ordinal))
                found[at] = max(found[at], self.selection.place(row))
        return found


def rank(
    selection: Selection,
    query: Query,
    vector: Floats | None,
    model: str,
    limit: int,
    settings: RankingSettings,
) -> Ranking:
    """Return the best `limit` rows of the selection (see `ranked`)."""
    return ranked(SelectedRows(selection), query, vector, model, limit, settings)


def ranked(
    selection: Rows,
    query: Query,
    vector: Floats | None,
    model: str,
    limit: int,
    settings: RankingSettings,
) -> Ranking:
    """Return the best `limit` of these rows; a row that matches nothing is left out.

    Equal scores stand in the order of document id and chunk. `model` is the digest of what made `vector`.
    """
    wanted = _asked_for(selection, query)
    cosines = selection.cosines(vector, model) if vector is not None and settings.legs != "lexical" else None
    partly = vector is not None and not (cosines is not None and cosines.complete)
    if cosines is None or not selection.size or not (cosines.complete or cosines.has.any()):
        words = selection.words(query.terms, settings.lexical)
        places, scores = _highest(words, wanted, limit)
        return Ranking(_hits(selection, places, scores, limit), False, partly and bool(selection.size))
    if settings.legs == "dense":
        places, scores = _nearest(cosines, wanted, limit)
    else:
        words = selection.words(query.terms, settings.lexical)
        places, scores = _fused(cosines, words, wanted, limit, settings.fusion)
    return Ranking(_hits(selection, places, scores, limit), True, partly)


def _highest(words: Doubles, wanted: npt.NDArray[np.bool_] | None, limit: int) -> tuple[Integers, Doubles]:
    found = words if wanted is None else np.where(wanted, words, 0.0)
    # Almost all is dropped at a value below the edge that costs one pass; 0 is for rows without a term.
    low = certify.reached(found, limit) - _TIE if 0 < limit < len(found) else 0.0
    places = np.flatnonzero(found >= low if low > 0 else found > 0)
    scores = found[places]
    if len(places) > limit:
        edge = np.partition(scores, len(scores) - limit)[len(scores) - limit]
        near = scores >= edge - _TIE
        places, scores = places[near], scores[near]
    return places, scores


def _nearest(cosines: Similar, wanted: npt.NDArray[np.bool_] | None, limit: int) -> tuple[Integers, Doubles]:
    if not cosines.complete:
        cosines.settle(certify.extremes(cosines, cosines.has)[0])
    return certify.best(cosines, limit, among=wanted)


def _fused(
    cosines: Similar,
    words: Doubles,
    wanted: npt.NDArray[np.bool_] | None,
    limit: int,
    settings: FusionSettings,
) -> tuple[Integers, Doubles]:
    low, high = certify.extremes(cosines, None if cosines.complete else cosines.has)
    if not cosines.complete:
        cosines.settle(low)
    added = (1 - settings.dense) * fuse.stretched(words)
    weight = settings.dense / (high - low) if high > low else 0.0
    return certify.best(cosines, limit, Scale(weight, low), added, wanted)


def _hits(selection: Rows, places: Integers, scores: Doubles, limit: int) -> tuple[Hit, ...]:
    """Return the best of ascending places."""
    scores = np.round(scores, certify.DIGITS)
    if 0 < limit < len(scores):
        kept = scores >= np.partition(scores, len(scores) - limit)[len(scores) - limit]
        places, scores = places[kept], scores[kept]
    found = [
        (-score, document, ordinal, version)
        for score, (document, version, ordinal) in zip(scores.tolist(), selection.named(places), strict=True)
    ]
    found.sort()
    return tuple(
        Hit(document, version, ordinal, -score) for score, document, ordinal, version in found[:limit]
    )


def _asked_for(selection: Rows, query: Query) -> npt.NDArray[np.bool_] | None:
    """Return which places hold every term of every phrase and no excluded term; None where all are asked for."""
    if not query.phrases and not query.excluded:
        return None
    wanted = np.ones(selection.size, np.bool_)
    for phrase in query.phrases:
        wanted &= selection.holding(phrase)
    for term in query.excluded:
        wanted &= ~selection.holding((term,))
    return wanted
