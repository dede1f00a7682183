"""A question as a vector of the model that the index in use was made with.

Invariant: what is compared with the rows of a snapshot was made by the model in use in that very snapshot, or there
is no vector and it is said why.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa

from muniment.foundation.revisions import Revisions
from muniment.inference.embedders import Embedders
from muniment.inference.embedding import EmbeddingModel
from muniment.knowledge.index_model import IndexModel, InUse
from muniment.knowledge.retrieval.codes import Floats
from muniment.knowledge.retrieval.failing import working

WORDS_ONLY = "Ranked by words alone: no embedding weights are set up."
NO_VECTOR = "Ranked by words alone: the embedding model gave no usable vector for this question."


@dataclass(frozen=True, slots=True)
class QuestionVector:
    """A question for the rows of one snapshot."""

    vector: Floats | None
    model: EmbeddingModel | None
    """What made it, or would have."""
    note: str = ""
    """Why there is no vector."""

    @property
    def digest(self) -> str:
        """Return the digest of the model that made the vector; empty without one."""
        return self.model.digest if self.model is not None and self.vector is not None else ""


class Questions:
    """Turns questions into vectors; safe to share between threads. Raises PartFailed where the model does not."""

    def __init__(self, embedders: Embedders) -> None:
        self._embedders = embedders
        self._in_use = InUse()

    def ahead(self, text: str) -> QuestionVector | None:
        """Return a question's vector by the model last seen in use, so that no transaction waits for it."""
        last = self._in_use.last
        return None if last is None else self._embedded(text, last)

    def at(
        self, connection: sa.Connection, now: Revisions, text: str, ahead: QuestionVector | None
    ) -> QuestionVector:
        """Return a question's vector by the model in use in this snapshot: `ahead`, where that one made it."""
        live = self._in_use.at(connection, now)
        if ahead is None or ahead.model is None or live is None or ahead.model.digest != live.model.digest:
            return self._embedded(text, live)
        return ahead

    def build(self, connection: sa.Connection, now: Revisions) -> int:
        """Return the number of the build of the index that searches of this snapshot use; 0 before there is one."""
        live = self._in_use.at(connection, now)
        return live.generation if live else 0

    def model(self, connection: sa.Connection, now: Revisions) -> EmbeddingModel | None:
        """Return the model that makes the vectors of questions in this snapshot, None where none can."""
        live = self._in_use.at(connection, now)
        embedder = self._embedders.first if live is None else self._embedders.get(live.model.digest)
        return embedder.model if embedder else None

    def _embedded(self, text: str, live: IndexModel | None) -> QuestionVector:
        with working("embedding model"):
            embedder = self._embedders.first if live is None else self._embedders.get(live.model.digest)
            vector = None if embedder is None else embedder.embed_query(text)
        if embedder is None or vector is None:
            if live is None or not self._embedders.offers:
                return QuestionVector(None, live.model if live else None, WORDS_ONLY)
            return QuestionVector(None, live.model, absent(self._embedders, live.model))
        if not np.isfinite(vector).all():
            return QuestionVector(None, embedder.model, NO_VECTOR)
        return QuestionVector(vector, embedder.model)


def absent(embedders: Embedders, model: EmbeddingModel) -> str:
    """Return the note for searches of an index whose model is not present."""
    return (
        f"Ranked by words alone: the embedding model of the index, {model.name}, is not present. "
        f"{way_back(embedders, model)}"
    )


def way_back(embedders: Embedders, model: EmbeddingModel) -> str:
    """Return what an operator may do where the model in use is not present."""
    known = embedders.offer(model.digest)
    if known is not None:
        return known.fix
    others = [one.model.name for one in embedders.offers if one.is_present()]
    name = others[0] if others else "NAME"
    return f"Put it back into the settings, or run `muniment index reembed {name}`."
