"""Why rows stand where they do, for one query."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from muniment.knowledge.passage import Why
from muniment.knowledge.retrieval.engine import Asked
from muniment.knowledge.retrieval.rank import Hit, Rows


def reasons(rows: Rows, asked: Asked, hits: Sequence[Hit]) -> tuple[Why, ...]:
    """Return why each of these hits among `rows` was found; there must be no other."""
    places = rows.places(hits)
    if (places < 0).any():
        raise ValueError("a hit that is not of these rows")
    terms = asked.query.terms
    words = rows.words(terms, asked.settings.lexical)[places]
    held = [rows.holding((term,))[places] for term in terms]
    cosines = np.full(len(places), np.nan)
    if asked.vector is not None and len(places):
        legs = rows.cosines(asked.vector, asked.model)
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
