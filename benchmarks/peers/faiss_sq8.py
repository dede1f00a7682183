"""FAISS: scalar-quantised flat index, a bitmap of readable rows, and rescoring of the best 100 in float32."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager

import numpy as np

from benchmarks.peers.port import Corpus, Engine, Groups, Vector

TITLE = "FAISS SQ8, bitmap, rescored"
KIND = "vectors"
NEEDS = ("faiss",)
MOST, WHY_MOST = 10_000_000, ""
_AT_ONCE = 50_000
_RESCORED = 100


@contextmanager
def built(corpus: Corpus) -> Generator[list[Engine]]:
    """Give the engine, its index in memory."""
    import faiss

    # A single question is searched by one thread; the others of its pool would only wait for it, on our cores.
    faiss.omp_set_num_threads(1)
    vectors = corpus.vectors
    rows, dimensions = vectors.shape
    index = faiss.IndexScalarQuantizer(dimensions, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
    index.train(np.ascontiguousarray(vectors[:: max(1, rows // _AT_ONCE)]))
    for start in range(0, rows, _AT_ONCE):
        index.add(np.ascontiguousarray(vectors[start : start + _AT_ONCE]))
    reads = np.zeros((corpus.groups, len(corpus.access)), np.bool_)
    for folder, groups in enumerate(corpus.access):
        reads[list(groups), folder] = True

    def search(groups: Groups, vector: Vector) -> Sequence[int]:
        readable = np.repeat(reads[list(groups)].any(axis=0), corpus.folder_rows)
        bits = np.packbits(readable, bitorder="little")
        chosen = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits))
        found = index.search(vector[None], _RESCORED, params=chosen)[1][0]
        found = found[found >= 0]
        return found[np.argsort(-(vectors[found] @ vector), kind="stable")[:10]].tolist()

    yield [Engine(TITLE, "one, as it gives a single question", search)]
