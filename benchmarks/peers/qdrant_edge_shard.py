"""Qdrant Edge: one shard, searched exactly and by its graph with ACORN, behind a filter on an indexed keyword."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

from benchmarks.peers.port import Corpus, Engine, Groups, Vector

TITLE = "Qdrant Edge"
KIND = "vectors"
NEEDS = ("qdrant_edge",)
MOST, WHY_MOST = 200_000, "its graph takes minutes for each 100,000 rows"
_FOLDERS = 40


@contextmanager
def built(corpus: Corpus) -> Generator[list[Engine]]:
    """Give both engines, on one shard in the corpus's scratch folder."""
    import qdrant_edge as qdrant

    folder = corpus.scratch / "qdrant"
    folder.mkdir()
    graph = qdrant.HnswIndexConfig(m=16, ef_construct=100, full_scan_threshold=10_000)
    shard = qdrant.EdgeShard.create(
        str(folder),
        qdrant.EdgeConfig(
            vectors=qdrant.EdgeVectorParams(
                size=corpus.vectors.shape[1], distance=qdrant.Distance.Dot, hnsw_config=graph
            ),
            optimizers=qdrant.EdgeOptimizersConfig(
                indexing_threshold=10_000, default_segment_number=1, max_segment_size=2_000_000
            ),
        ),
    )
    shard.update(qdrant.UpdateOperation.create_field_index("groups", qdrant.PayloadSchemaType.Keyword))
    for start in range(0, len(corpus.access), _FOLDERS):
        points: list[Any] = []
        for at, access in enumerate(corpus.access[start : start + _FOLDERS], start):
            groups = {"groups": [f"g{group}" for group in access]}
            rows = range(at * corpus.folder_rows, (at + 1) * corpus.folder_rows)
            points += [qdrant.Point(row, corpus.vectors[row].tolist(), groups) for row in rows]
        shard.update(qdrant.UpdateOperation.upsert_points(points))
    shard.flush()
    shard.optimize()

    def searching(how: Any) -> Callable[[Groups, Vector], Sequence[int]]:
        def search(groups: Groups, vector: Vector) -> Sequence[int]:
            held = qdrant.MatchAny([f"g{group}" for group in groups])
            request = qdrant.SearchRequest(
                query=qdrant.Query.Nearest(vector.tolist()),
                limit=10,
                filter=qdrant.Filter(must=[qdrant.FieldCondition("groups", match=held)]),
                params=how,
            )
            return [int(point.id) for point in shard.search(request)]

        return search

    exact = searching(qdrant.SearchParams(exact=True))
    acorn = searching(qdrant.SearchParams(hnsw_ef=64, acorn=qdrant.AcornSearchParams(True, 1.0)))
    try:
        yield [
            Engine("Qdrant Edge exact", "one for each segment, of which there is one", exact),
            Engine("Qdrant Edge ACORN, ef 64", "one for each segment, of which there is one", acorn),
        ]
    finally:
        shard.close()
