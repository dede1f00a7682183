"""Searches of one library by readers, from their rights to ten rows, as every engine has to answer them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from benchmarks import home
from benchmarks.workload import FOLDER
from muniment import app
from muniment.knowledge.retrieval import wording
from muniment.knowledge.retrieval.engine import Asked, Engine
from muniment.knowledge.retrieval.rank import Hit, RankingSettings
from muniment.knowledge.retrieval.visibility import Visibility, visible

K = 10
_DENSE, _LEXICAL = RankingSettings("dense"), RankingSettings("lexical")
_NO_WORDS = wording.question("?")

Vector = npt.NDArray[np.float32]


class Searches:
    """An index engine and the rights of some readers, as of one snapshot."""

    def __init__(
        self, workspace: app.Workspace, connection: sa.Connection, engine: Engine | None = None
    ) -> None:
        """The engine is the workspace's own unless another is given."""
        self._workspace = workspace
        self._connection = connection
        self._model = home.model(workspace)
        self._rights: dict[str, Visibility] = {}
        self._engine = engine or workspace.engine
        started = time.perf_counter()
        self.words(home.NOBODY, ["w1"])
        self.opened = time.perf_counter() - started
        """Seconds until the first search was answered."""

    def look_up(self, reader: str) -> None:
        """Read a reader's rights anew, as each request does."""
        self._rights[reader] = visible(self._connection, self._workspace.principal(reader))

    def vector(self, reader: str, vector: Vector) -> Sequence[Hit]:
        """Return the ten rows nearest to a vector."""
        return self._ranked(reader, Asked(_NO_WORDS, vector, self._model, K, _DENSE))

    def words(self, reader: str, words: Sequence[str]) -> Sequence[Hit]:
        """Return the ten rows that words fit best."""
        asked = wording.question(" ".join(words))
        return self._ranked(reader, Asked(asked, None, self._model, K, _LEXICAL))

    def _ranked(self, reader: str, asked: Asked) -> Sequence[Hit]:
        if reader not in self._rights:
            self.look_up(reader)
        return self._engine.rank(self._connection, self._rights[reader], asked).hits


def numbered(hits: Sequence[Hit], folders: Mapping[str, int]) -> list[int]:
    """Return the numbers of rows as the workload counts them."""
    return [folders[hit.document] * FOLDER + hit.ordinal for hit in hits]
