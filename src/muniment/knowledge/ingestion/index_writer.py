"""The port through which ingestion keeps an index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import sqlalchemy as sa

from muniment.governance.audit.entry import Actor
from muniment.inference.embedding import Vectors
from muniment.knowledge.retrieval.segment import IndexRow


class IndexWriter(Protocol):
    """Writes what the engine of the same workspace ranks; only while nobody else ingests."""

    def add(
        self, connection: sa.Connection, rows: Sequence[IndexRow], vectors: Vectors | None, model: str
    ) -> None:
        """Index the chunks of new versions inside the transaction that stores these; it commits or goes with it.

        `vectors` has one row per row, made by the model of digest `model`. Raises BadInput for one not finite.
        """
        ...

    def settle(self, by: Actor) -> None:
        """Keep the index in shape after a batch has been committed."""
        ...

    def finish(self, by: Actor) -> None:
        """Remove what nothing needs, and index again what is stale, missing or damaged."""
        ...

    def examine(self) -> str:
        """Return in words that the index is whole; raises Tampered where it is not."""
        ...
