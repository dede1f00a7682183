"""Why rows of the embedded index stand where they do, for one query."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from muniment.knowledge.passage import Why
from muniment.knowledge.retrieval import lexical
from muniment.knowledge.retrieval.engine import Asked
from muniment.knowledge.retrieval.rank import Hit
from muniment.knowledge.retrieval.segment import Integers
from muniment.knowledge.retrieval.vectors import Cosines
from muniment.knowledge.retrieval.view import Selection


def reasons(selection: Selection, asked: Asked, hits: Sequence[Hit]) -> tuple[Why, ...]:
    """Return why each of these hits of this selection was found."""
    places = _places(selection, hits)
    terms = asked.query.terms
    words = lexical.score(selection, terms, asked.settings.lexical)[places]
    held = [lexical.holding(selection, (term,))[places] for term in terms]
    cosines = np.full(len(places), np.nan)
    if asked.vector is not None:
        legs = Cosines(selection, asked.vector, asked.model)
        order = np.argsort(places)
        cosines[order] = legs.exact(places[order])
        cosines[~legs.has[places]] = np.nan
    return tuple(
        Why(
            words=round(float(words[at]), 6),
            cosine=None if np.isnan(cosines[at]) else round(float(cosines[at]), 6),
            terms=tuple(term for term, where in zip(terms, held, strict=True) if where[at]),
        )
        for at in range(len(hits))
    )


def _places(selection: Selection, hits: Sequence[Hit]) -> Integers:
    """Return the place of each hit; rows of an extent stand by ordinal."""
    found = np.full(len(hits), -1, np.int64)
    for part in selection.parts:
        segment = part.part.segment
        for at, hit in enumerate(hits):
            extent = segment.positions.get(hit.document)
            if extent is None or segment.versions[extent] != hit.version:
                continue
            first, last = segment.extent_starts[extent], segment.extent_starts[extent + 1]
            row = first + int(np.searchsorted(segment.ordinals[first:last], hit.ordinal))
            run = int(np.searchsorted(part.runs.starts, row, side="right")) - 1
            if run >= 0 and row < part.runs.ends[run]:
                found[at] = part.places[run] + row - part.runs.starts[run]
    if (found < 0).any():
        raise ValueError("a hit that is not of this selection")
    return found
