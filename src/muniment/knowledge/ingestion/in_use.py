"""The embedding model that an index in use is kept with."""

from __future__ import annotations

import sqlalchemy as sa

from muniment.foundation.clock import timestamp
from muniment.inference.embedding import Embedder, EmbeddingModel, Vectors
from muniment.knowledge import index_model
from muniment.knowledge.ingestion.parts import Parts
from muniment.knowledge.retrieval.question import way_back


def embedder_in_use(parts: Parts, connection: sa.Connection) -> Embedder | None:
    """Return the model that searches use, before there is one that which a workspace begins with.

    None where it is not present: another's vectors would never be compared with its own.
    """
    live = index_model.live(connection)
    return parts.embedders.first if live is None else parts.embedders.get(live.model.digest)


def why_none(parts: Parts, connection: sa.Connection) -> str:
    """Return why new documents get no vectors and what to do about it; empty where they do."""
    live = index_model.live(connection)
    if embedder_in_use(parts, connection) is not None:
        return ""
    if live is None or not parts.embedders.offers:
        return "none: search is by words alone until `muniment models fetch`"
    way = way_back(parts.embedders, live.model)
    return f"none: the embedding model of the index, {live.model.name}, is not present. {way}"


def generation_in_use(parts: Parts, connection: sa.Connection, vectors: Vectors | None, model: str) -> int:
    """Return the generation that new rows of the index in use belong to.

    The first that come with vectors enter their model, of digest `model`, as the one in use.
    """
    if vectors is not None:
        offer = parts.embedders.offer(model)
        entered = EmbeddingModel(model, model, vectors.shape[1]) if offer is None else offer.model
        index_model.enter_first(connection, entered, timestamp(parts.clock.now()))
    return index_model.live_generation(connection)
