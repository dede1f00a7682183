"""Serves the kept library of `control` in a process of its own; a question's vector is looked up, not computed.

Run by path, with the folder of the library, its number of chunks, the port to listen on, and how many processes
serve; it starts each of several by the same words and the descriptor on which it hears its orders.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import home
from benchmarks.workload import DIMENSIONS, Workload
from muniment import app
from muniment.inference.embedding import EmbeddingModel, Vectors
from muniment.interfaces.listening import listening
from muniment.interfaces.server import serve
from muniment.interfaces.supervisor import Supervisor, listener
from muniment.interfaces.worker import Line, Orders, work


class LookedUp:
    """Fills `Embedder` with the vectors that the workload asks with, under the name of what made the library's."""

    def __init__(self, digest: str, company: Workload) -> None:
        self.model = EmbeddingModel("looked-up", digest, DIMENSIONS)
        self._vectors = [question.vector for question in company.questions]

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        raise NotImplementedError("nothing is ingested while this server is measured")

    def embed_query(self, text: str) -> Vectors:
        """Return the vector of the question whose number stands last in the text."""
        return self._vectors[int(text.rpartition("q")[2]) % len(self._vectors)]

    def embed_sentences(self, texts: Sequence[str]) -> Vectors:
        return np.stack([self.embed_query(text) for text in texts])


def main(place: Path, rows: int, port: int, workers: int) -> None:
    if workers == 1:
        workspace = _opened(place, rows)
        serve(workspace, listening(workspace, "127.0.0.1"), port)
        return
    # Who measures waits until each has said that it serves.
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    orders = Orders(str(place), None, "127.0.0.1", port, False, {}, workers)
    words = [sys.executable, *sys.argv]
    Supervisor(listener("127.0.0.1", port), orders, lambda descriptor: [*words, str(descriptor)]).run()


def _work(place: Path, rows: int, descriptor: int) -> None:
    line = Line(descriptor)
    work(line, _opened(place, rows, line.orders.number))


def _opened(place: Path, rows: int, worker: int = 0) -> app.Workspace:
    with_model = app.open(place)
    digest = home.model(with_model)
    with_model.close()
    workspace = app.open(place, embedder=lambda: LookedUp(digest, Workload(rows)), worker=worker)
    workspace.prepare()
    return workspace


if __name__ == "__main__":
    folder, chunks, *numbers = sys.argv[1:]
    if len(numbers) == 2:
        main(Path(folder), int(chunks), int(numbers[0]), int(numbers[1]))
    else:
        _work(Path(folder), int(chunks), int(numbers[2]))
