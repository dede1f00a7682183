"""The second barrier on Postgres: when the engine asks for too much, the database still gives nothing hidden."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy import exc
from tests.simulators.embedder import HashedEmbedder

from muniment.app import Workspace
from muniment.foundation import postgres as database_module
from muniment.governance.identity.principal import OPERATOR, Principal
from muniment.knowledge import library
from muniment.knowledge.retrieval import postgres as engine
from muniment.knowledge.retrieval import wording
from muniment.knowledge.retrieval.engine import Asked
from muniment.knowledge.retrieval.rank import Ranking, RankingSettings
from muniment.knowledge.retrieval.segment import key
from muniment.knowledge.retrieval.visibility import AccessIndex, Visibility, visible

pytestmark = pytest.mark.parametrize("kept_in", ["postgres"], indirect=True)

BOB = Principal("user", "bob")
PREDICATE = "AND d.access_class = ANY(CAST(:classes AS integer[]))"


@pytest.fixture
def company(make_workspace: Callable[..., Workspace], folder: Path) -> Workspace:
    made = make_workspace(embedder=lambda: HashedEmbedder())
    made.ingest(folder, "docs")
    with made.database.write() as connection:
        kept = "INSERT INTO version_original SELECT document, version, convert_to(text, 'UTF8') FROM document_version"
        connection.execute(sa.text(kept))
        for filled in (
            "INSERT INTO document_flag SELECT id, version, 'boilerplate', 'low', '{}', '' FROM document "
            "ON CONFLICT DO NOTHING",
            "INSERT INTO quarantine SELECT id, content_hash, version, '[]', 'released', '', '', '', '' FROM document",
        ):
            connection.execute(sa.text(filled))
    return made


@contextmanager
def confined(workspace: Workspace, principal: Principal = BOB) -> Iterator[tuple[sa.Connection, Visibility]]:
    with workspace.database.read() as connection:
        yield connection, visible(connection, principal)


def owner_of(table: str) -> str:
    """Return how a row of a table leads to its document."""
    if table == "document":
        return "id"
    return (
        "document"
        if table
        in (
            "document_version",
            "document_label",
            "version_original",
            "document_flag",
            "quarantine",
            "chunk",
            "index_document",
        )
        else "number"
    )


def readable_paths(workspace: Workspace, principal: Principal) -> set[str]:
    with workspace.database.read() as connection:
        rows = connection.execute(sa.text("SELECT id, path, access_class FROM document WHERE state = 'live'"))
        lists = connection.execute(sa.text("SELECT id, allow, deny FROM access_class"))
        held = {"bob": {"user:bob", "group:sales", "group:everyone"}}[principal.name]
        classes = {one.id for one in lists if any(f'"{h}"' in one.allow for h in held)}
        return {row.path for row in rows if row.access_class in classes}


def test_every_table_of_documents_gives_a_caller_only_their_own_rows(company: Workspace) -> None:
    expected = readable_paths(company, BOB)
    assert expected == {"sales/prices.csv", "all/canteen.txt"}
    for table in database_module.GUARDED:
        key = owner_of(table)
        join = {"id": "d.id = t.id", "document": "d.id = t.document", "number": "d.id = i.document"}[key]
        index = "JOIN index_document i ON i.number = t.number" if key == "number" else ""
        paths = sa.text(f"SELECT DISTINCT d.path FROM {table} t {index} JOIN document d ON {join}")
        count = sa.text(f"SELECT count(*) FROM {table}")
        with company.database.read() as connection:
            everything, whole = connection.execute(count).scalar(), set(connection.execute(paths).scalars())
        with confined(company) as (connection, _):
            assert set(connection.execute(paths).scalars()) == expected, table
            assert 0 < connection.execute(count).scalar() < everything, table
        assert "attic/old.md" in whole, table


def test_without_a_caller_there_is_nothing(company: Workspace) -> None:
    reader = company.database.inner.reader  # type: ignore[attr-defined]
    for unset in ("", "SELECT set_config('muniment.classes', '', true)"):
        for table in database_module.GUARDED:
            with company.database.read() as connection:
                connection.execute(sa.text(f'SET LOCAL ROLE "{reader}"'))
                if unset:
                    connection.execute(sa.text(unset))
                assert connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar() == 0


def ranking(workspace: Workspace, principal: Principal) -> Ranking:
    """Return what the engine itself gives, before anybody looks at rights again."""
    query = "on-call weekend crowns canteen key ceremony attic"
    embedder = HashedEmbedder()
    asked = Asked(
        wording.parse(query), embedder.embed_query(query), embedder.model.digest, 50, RankingSettings()
    )
    with confined(workspace, principal) as (connection, sees):
        return workspace.engine.rank(connection, sees, asked)


def test_an_engine_without_its_predicate_still_finds_nothing_hidden(
    company: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ranking(company, BOB)
    assert before.hits
    asked = str(engine._READABLE)
    assert PREDICATE in asked
    everybody = sa.text(asked.replace(PREDICATE, "AND CAST(:classes AS text) IS NOT NULL"))
    monkeypatch.setattr(engine, "_READABLE", everybody)
    assert ranking(company, BOB) == before
    monkeypatch.setattr("muniment.knowledge.retrieval.visibility.confine", lambda *_: None)
    assert len(ranking(company, BOB).hits) == 5, "without the barrier the others would have been found"


def test_an_engine_that_asks_for_every_model_still_sees_only_the_one_in_use(
    make_workspace: Callable[..., Workspace], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = HashedEmbedder(kind="-other")
    company = make_workspace(embedder=lambda: [HashedEmbedder(), other])
    company.ingest(folder, "docs")
    before = ranking(company, BOB)
    build = company.reembed.begin(other.model, OPERATOR)
    assert build is not None
    company.reembed.step(build, other, company.reembed.missing(build).missing, OPERATOR)
    asked = str(engine._READABLE)
    assert engine._LIVE in asked
    monkeypatch.setattr(engine, "_READABLE", sa.text(asked.replace(engine._LIVE, "true")))
    assert ranking(company, BOB) == before and before.hits
    monkeypatch.setattr("muniment.knowledge.retrieval.visibility.confine", lambda *_: None)
    assert ranking(company, BOB) != before, "without the barrier the rows of both would have been ranked"


def test_an_index_of_access_that_opens_everything_still_finds_nothing_hidden(
    company: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ranking(company, BOB)
    monkeypatch.setattr(AccessIndex, "readable", lambda *_: np.ones(1000, np.bool_))
    assert ranking(company, BOB) == before and before.hits
    monkeypatch.setattr("muniment.knowledge.retrieval.visibility.confine", lambda *_: None)
    assert len(ranking(company, BOB).hits) == 5


def test_numbers_of_hidden_documents_open_nothing(company: Workspace) -> None:
    with company.database.read() as connection:
        numbers = list(connection.execute(sa.text("SELECT number FROM index_document")).scalars())
        terms = list(connection.execute(sa.text("SELECT DISTINCT term FROM index_term")).scalars())
    said = {"numbers": engine.array(np.array(numbers)), "terms": engine.array(np.array(terms))}
    vector = engine.vector_text(HashedEmbedder().embed_query("attic"))
    with company.database.read() as connection:
        whole = len(connection.execute(engine._PRODUCTS, {**said, "vector": vector}).one()[0]) // 4
        held = {row.term for row in connection.execute(engine._POSTINGS, said)}
    with confined(company) as (connection, _):
        mine = len(connection.execute(engine._PRODUCTS, {**said, "vector": vector}).one()[0]) // 4
        read = {row.term for row in connection.execute(engine._POSTINGS, said)}
        names = {row.document for row in connection.execute(engine._NAMES, said)}
    assert (mine, len(names)) == (2, 2) and whole == len(numbers)
    assert read < held


@pytest.mark.parametrize(
    "table",
    ["audit_entry", "audit_tree", "audit_checkpoint", "session", "signin_link", "api_key", "signin_attempt"],
)
def test_a_confined_reading_sees_neither_the_log_nor_sessions(company: Workspace, table: str) -> None:
    with confined(company) as (connection, _), pytest.raises(exc.ProgrammingError, match="permission denied"):
        connection.execute(sa.text(f"SELECT count(*) FROM {table}"))


def test_a_confined_reading_may_change_nothing(company: Workspace) -> None:
    rights = sa.text(
        "SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' "
        "AND has_table_privilege(current_user, oid, 'INSERT, UPDATE, DELETE, TRUNCATE')"
    )
    with company.database.read() as connection:
        assert connection.execute(rights).scalar_one() > 20
    with confined(company) as (connection, _):
        assert connection.execute(rights).scalar_one() == 0


def test_what_binds_one_caller_does_not_stay_for_the_next(company: Workspace) -> None:
    for _ in range(3):
        assert {p.path for p in company.search("weekend canteen", "alice", k=9).passages} >= {
            "engineering/oncall.md"
        }
        assert not any(
            "engineering" in p.path for p in company.search("weekend canteen", "bob", k=9).passages
        )
        with company.database.read() as connection:
            assert connection.execute(sa.text("SELECT count(*) FROM document")).scalar_one() == 5
            assert connection.execute(
                sa.text("SELECT current_setting('muniment.classes', true)")
            ).scalar() in (
                None,
                "",
            )


def pages(connection: sa.Connection, asked: sa.TextClause, said: dict[str, str]) -> int:
    """Return how many pages the server touches for a statement, once it has gone that way before."""
    connection.execute(asked, said)
    explain = sa.text(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {asked}")
    plan = connection.execute(explain, said).scalar_one()[0]["Plan"]
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


def test_hidden_rows_are_not_read_at_all(company: Workspace, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "access.toml").write_text('allow = ["user:alice"]\n')

    def touched() -> dict[str, int]:
        found: dict[str, int] = {}
        with confined(company) as (connection, sees):
            classes = np.flatnonzero(company.engine._access.readable(connection, sees))  # type: ignore[attr-defined]
            said = {"classes": engine.array(classes), "model": "sha256:hashed-words-1-64"}
            found["readable"] = pages(connection, engine._READABLE, said)
            numbers = engine.array(engine.read(connection, classes, said["model"])._numbers)
            vector = engine.vector_text(HashedEmbedder().embed_query("walrus"))
            found["vectors"] = pages(connection, engine._PRODUCTS, {"numbers": numbers, "vector": vector})
            for word in ("zebra", "walrus"):
                terms = engine.array(np.array([key(word)], np.uint64).view(np.int64))
                found[word] = pages(connection, engine._POSTINGS, {"numbers": numbers, "terms": terms})
        return found

    before = touched()
    for at in range(60):
        (hidden / f"h{at}.txt").write_text(f"The walrus of paragraph {at}.\n" * 40)
    company.ingest(hidden, "hidden")
    after = touched()
    assert company.search("walrus", "alice").passages
    assert after["walrus"] == after["zebra"] and before["walrus"] == before["zebra"]
    # A larger table may need one more step down each of its indexes, and no more.
    assert all(after[one] <= 2 * before[one] for one in before)


def test_a_clearance_holds_in_the_database_too(company: Workspace) -> None:
    with company.database.write() as connection:
        connection.execute(sa.text("UPDATE access_class SET sensitivity = 'internal'"))
    for level, sees in (("internal", True), ("public", False)):
        with company.database.write() as connection:
            connection.execute(
                sa.text("UPDATE directory_user SET clearance = :level WHERE name = 'bob'"), {"level": level}
            )
        with confined(company) as (connection, _):
            for table in database_module.GUARDED:
                assert bool(connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar()) is sees


def test_why_a_document_is_not_shown_is_told_of_one_that_the_asker_cannot_see(company: Workspace) -> None:
    hidden = sorted(
        row.path for row in every_document(company) if row.path not in readable_paths(company, BOB)
    )
    told = company.retriever.why_not(BOB, "anything", f"docs/{hidden[0]}", OPERATOR)
    assert "may not read it" in told.reasons[0]
    assert len(told.reasons) == 1


def every_document(workspace: Workspace) -> list[library.DocumentRow]:
    with workspace.database.read() as connection:
        return library.documents(connection)
