"""The port through which ingestion keeps an index."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa

from muniment.governance.audit.entry import Actor
from muniment.inference.embedding import Vectors
from muniment.knowledge.index_model import IndexModel
from muniment.knowledge.retrieval.segment import IndexRow


@dataclass(frozen=True, slots=True)
class Coverage:
    """What an index that is being built holds of the live documents."""

    total: int
    """Live documents that have something to be indexed."""
    missing: tuple[str, ...]
    """Those that it does not hold, as they are now."""
    bare: tuple[str, ...]
    """Those that it holds without vectors."""

    @property
    def done(self) -> int:
        """Return how many documents it holds."""
        return self.total - len(self.missing)


class IndexWriter(Protocol):
    """Writes what the engine of the same workspace ranks; only while nobody else ingests.

    An index that is built with another model lies beside the one in use: no search reads it.
    """

    def add(
        self,
        connection: sa.Connection,
        rows: Sequence[IndexRow],
        vectors: Vectors | None,
        model: str,
        build: IndexModel | None = None,
    ) -> None:
        """Index the chunks of new versions inside the transaction that stores these; it commits or goes with it.

        `vectors` has one row per row, made by the model of digest `model`; the first enter it as the one in use.
        With `build`, the rows go into that. Raises BadInput for a vector that is not finite.
        """
        ...

    def settle(self, by: Actor) -> None:
        """Keep the index in shape after a batch has been committed."""
        ...

    def finish(self, by: Actor) -> None:
        """Remove what nothing needs, and index again what is stale, missing or damaged."""
        ...

    def expel(self, documents: Collection[str], by: Actor) -> None:
        """Take all rows of documents that are no more out of the index and off the disk, builds included.

        May be done again. Raises Unavailable while readers hold an older state, which are waited for a while.
        """
        ...

    def coverage(self, connection: sa.Connection, build: IndexModel) -> Coverage:
        """Return what a build holds."""
        ...

    def weed(self, build: IndexModel, by: Actor, whole: bool) -> None:
        """Take out of a build what is damaged or made with other word rules; with `whole`, read it to its end."""
        ...

    def forget(self, connection: sa.Connection, generation: int) -> None:
        """Give up a generation that no search of a later snapshot reads; readers of earlier ones go on.

        What is left of it is removed by `tidy` or `finish`.
        """
        ...

    def tidy(self) -> None:
        """Remove, outside any transaction of the caller, what was given up and nobody can read any more."""
        ...

    def examine(self) -> str:
        """Return in words that the index is whole; raises Tampered where it is not."""
        ...
