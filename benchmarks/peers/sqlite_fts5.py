"""SQLite FTS5: ranked matches joined to the access list of each chunk's document."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager

from benchmarks.peers.port import Corpus, Engine, Groups

TITLE = "SQLite FTS5, access join"
KIND = "words"
NEEDS = ("sqlite3",)
MOST, WHY_MOST = 2_000_000, "indexing takes minutes for each million rows"

_TABLES = """
pragma journal_mode = wal;
pragma synchronous = normal;
pragma cache_size = -200000;
create table chunk (id integer primary key, document int not null);
create table access (principal int, document int, primary key (principal, document)) without rowid;
create index access_document on access (document);
create virtual table text using fts5 (body, content = '', detail = column);
"""


@contextmanager
def built(corpus: Corpus) -> Generator[list[Engine]]:
    """Give the engine, on a database in the corpus's scratch folder."""
    with closing(sqlite3.connect(corpus.scratch / "fts5.db", isolation_level=None)) as connection:
        connection.executescript(_TABLES)
        connection.execute("begin")
        for number, access in enumerate(corpus.access):
            first = number * corpus.folder_rows
            texts = corpus.texts(number)
            connection.executemany("insert into access values (?, ?)", [(group, number) for group in access])
            rows = range(first, first + len(texts))
            connection.executemany("insert into chunk values (?, ?)", [(row, number) for row in rows])
            connection.executemany(
                "insert into text (rowid, body) values (?, ?)", list(zip(rows, texts, strict=True))
            )
        connection.execute("commit")
        connection.execute("insert into text (text) values ('optimize')")
        connection.execute("analyze")

        def search(groups: Groups, words: Sequence[str]) -> Sequence[int]:
            held = ", ".join(map(str, groups))
            found = connection.execute(
                "select rowid from text where text match ? and exists ("
                "select 1 from chunk join access on access.document = chunk.document "
                f"where chunk.id = text.rowid and access.principal in ({held})) order by rank limit 10",
                (" OR ".join(words),),
            )
            return [row[0] for row in found]

        yield [Engine(TITLE, "one", search)]
