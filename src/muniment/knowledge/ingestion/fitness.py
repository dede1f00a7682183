"""Which documents got vectors that can be searched."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from muniment.inference.embedding import Vectors
from muniment.knowledge.retrieval.segment import IndexRow

UNFIT = (
    "the embedding model gave it a vector that is not finite, so it is found by words alone; "
    "check the weights with `muniment models check`"
)

Batch = tuple[Sequence[IndexRow], Vectors | None]


def by_fitness(rows: Sequence[IndexRow], vectors: Vectors | None) -> list[Batch]:
    """Return rows with their vectors, and apart from them, without any, those of documents with an unfit vector."""
    if vectors is None or np.isfinite(vectors).all():
        return [(rows, vectors)] if rows else []
    bad = {rows[at].document for at in np.flatnonzero(~np.isfinite(vectors).all(axis=1)).tolist()}
    kept = [at for at, row in enumerate(rows) if row.document not in bad]
    apart = [row for row in rows if row.document in bad]
    return [*([([rows[at] for at in kept], vectors[kept])] if kept else []), (apart, None)]
