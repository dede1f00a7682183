"""LanceDB's engine: an exact scan behind a filter on an indexed list of groups."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from benchmarks.peers.port import Corpus, Engine, Groups, Vector

TITLE = "LanceDB flat, prefilter"
KIND = "vectors"
NEEDS = ("lance", "pyarrow")
MOST, WHY_MOST = 10_000_000, ""
_FOLDERS = 1000


@contextmanager
def built(corpus: Corpus) -> Generator[list[Engine]]:
    """Give the engine, its tables in the corpus's scratch folder."""
    import lance
    import pyarrow as pa

    dimensions = corpus.vectors.shape[1]
    schema = pa.schema(
        [
            ("row", pa.int64()),
            ("groups", pa.list_(pa.string())),
            ("vector", pa.list_(pa.float32(), dimensions)),
        ]
    )

    def batches() -> Iterator[Any]:
        for start in range(0, len(corpus.access), _FOLDERS):
            access = corpus.access[start : start + _FOLDERS]
            first = start * corpus.folder_rows
            last = first + len(access) * corpus.folder_rows
            groups = [[f"g{group}" for group in one] for one in access for _ in range(corpus.folder_rows)]
            flat = pa.array(np.ascontiguousarray(corpus.vectors[first:last]).reshape(-1))
            columns = [
                pa.array(np.arange(first, last)),
                pa.array(groups, pa.list_(pa.string())),
                pa.FixedSizeListArray.from_arrays(flat, dimensions),
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)

    reader = pa.RecordBatchReader.from_batches(schema, batches())
    stored = lance.write_dataset(reader, str(corpus.scratch / "lance"), schema=schema)
    stored.create_scalar_index("groups", "LABEL_LIST")

    def search(groups: Groups, vector: Vector) -> Sequence[int]:
        held = ", ".join(f"'g{group}'" for group in groups)
        nearest = {"column": "vector", "q": vector, "k": 10, "metric": "dot", "use_index": False}
        found = stored.scanner(
            columns=["row", "_distance"],
            nearest=nearest,
            filter=f"array_has_any(groups, [{held}])",
            prefilter=True,
        ).to_table()
        return found["row"].to_pylist()

    yield [Engine(TITLE, "every core", search)]
