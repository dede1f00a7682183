"""Removing a source removes everything of it: from readers at once, from tables and index in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from tests.postgres import BOTH
from tests.simulators.embedder import HashedEmbedder
from tests.simulators.sources import memory_source
from tests.simulators.sources.memory_source import KIND, MemoryScene

from muniment.app import Workspace
from muniment.foundation.database import metadata
from muniment.foundation.errors import Conflict, NotFound
from muniment.governance import frozen
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge import library, tables
from muniment.knowledge.retrieval import segment
from muniment.knowledge.sources import kinds
from muniment.knowledge.syncing import removal
from muniment.knowledge.withdrawal import OF_DOCUMENTS

MARK = "zibeline"
DIMENSIONS = 16
PAGE, RESERVED = 4096, 80
"""Bytes of a page of SQLCipher, and of what it keeps at the end of each: the IV, and what the page is proven by."""


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryScene]:
    monkeypatch.setitem(kinds.KINDS, KIND.name, KIND)  # type: ignore[arg-type]
    made = MemoryScene()
    yield made
    made.close()


@pytest.fixture
def workspace(make_workspace: Callable[..., Workspace], scene: MemoryScene, tmp_path: Path) -> Workspace:
    """Return a workspace that holds a connected source full of the word, and a folder without it."""
    made = make_workspace(embedder=lambda: HashedEmbedder(DIMENSIONS))
    for number in range(5):
        scene.put(f"{MARK}/{number}.md", f"# The {MARK} file\n\nOrchard {MARK} number{number}.\n")
        scene.allow(f"{MARK}/{number}.md", ["alice"], deny=["bob"])
    made.sources.add("wiki", KIND.name, scene.settings, OPERATOR)
    sync(made)
    ingest(made, tmp_path / "kept", "kept", "The orchard that stays.")
    return made


def sync(workspace: Workspace) -> None:
    workspace.sources.sync_access("wiki", OPERATOR)
    workspace.sources.sync_content("wiki", OPERATOR)


def ingest(workspace: Workspace, folder: Path, source: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "access.toml").write_text('allow = ["group:everyone"]\n')
    (folder / "a.md").write_text(f"# {source}\n\n{text}\n")
    workspace.ingest(folder, source)


def found(workspace: Workspace, word: str = MARK) -> set[str]:
    passages = workspace.search(word, as_="alice", k=50).passages
    return {one.document for one in passages if word in one.text}


def rows_with(workspace: Workspace, word: str) -> list[str]:
    """Return the tables of which a row holds a word."""
    with workspace.database.read() as connection:
        names = sa.inspect(connection).get_table_names()
        quoted = connection.dialect.identifier_preparer.quote
        return [
            name
            for name in names
            for row in connection.exec_driver_sql(f"SELECT * FROM {quoted(name)}")
            if any(word in str(bytes(one) if isinstance(one, memoryview) else one) for one in row)
        ]


def index_holds(workspace: Workspace, documents: set[str]) -> set[str]:
    """Return which documents stand in any index file on disk, or any row of the index."""
    with workspace.database.read() as connection:
        if workspace.settings.database.url:
            rows = connection.exec_driver_sql("SELECT document FROM index_document")
            return documents & set(rows.scalars())
        known = {row.name: row.digest for row in library.every_segment(connection)}
    assert set(workspace.segments.names()) == set(known), "a file that no manifest names is left"
    held: set[str] = set()
    for name, digest in known.items():
        made = segment.load(workspace.segments.open(name, segment.KIND, digest))
        held |= set(made.documents)
    return documents & held


@BOTH
def test_nothing_of_a_removed_source_is_left(workspace: Workspace) -> None:
    gone = found(workspace)
    assert len(gone) == 5
    assert rows_with(workspace, MARK)
    report = workspace.sources.remove("wiki", OPERATOR)
    assert report.documents == 5
    assert found(workspace) == set()
    assert len(found(workspace, "orchard")) == 1
    assert rows_with(workspace, MARK) == []
    assert index_holds(workspace, gone) == set()
    with workspace.database.read() as connection:
        assert library.source_names(connection) == ["kept"]
        assert not any("wiki" in one for one in map(str, library.access_classes(connection).values()))
        for table in ("source_connection", "source_item", "source_scope", "source_account", "source_team"):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() == 0
    kinds_said = [entry.kind for entry in workspace.audit.query(limit=1000)]
    assert kinds_said.index("source.withdrawn") < kinds_said.index("source.removed")


@BOTH
def test_a_source_that_was_read_by_hand_is_removed_too(workspace: Workspace, tmp_path: Path) -> None:
    ingest(workspace, tmp_path / "notes", "notes", "Words of the quaggas.")
    workspace.access.set("notes/a.md", ["user:alice"], [], OPERATOR)
    assert len(found(workspace, "quaggas")) == 1
    assert workspace.sources.remove("notes", OPERATOR).documents == 1
    assert rows_with(workspace, "quaggas") == []
    assert found(workspace, "quaggas") == set()
    with pytest.raises(NotFound):
        workspace.sources.remove("notes", OPERATOR)


def test_no_page_of_the_database_file_holds_the_word_not_even_a_free_one(workspace: Workspace) -> None:
    assert workspace.database.scrub()
    assert MARK.encode() in decrypted(workspace)
    workspace.sources.remove("wiki", OPERATOR)
    assert MARK.encode() not in decrypted(workspace)


def decrypted(workspace: Workspace) -> bytes:
    """Return every page of the database file and of the log beside it, free ones too."""
    inner: Any = workspace.database
    inner = getattr(inner, "inner", inner)
    key = bytes.fromhex(inner._key)
    file = inner.path.read_bytes()
    log = inner.path.with_name(inner.path.name + "-wal").read_bytes()
    assert len(key) == 32
    assert not log, "the log was not emptied"
    plain = b""
    for at in range(0, len(file), PAGE):
        page = file[at : at + PAGE]
        body, seal = page[16 if at == 0 else 0 : -RESERVED], page[-RESERVED:][:16]
        plain += Cipher(algorithms.AES(key), modes.CBC(seal)).decryptor().update(body)
    return plain


def test_a_source_that_is_added_again_gives_its_documents_new_ids(
    workspace: Workspace, scene: MemoryScene
) -> None:
    before = found(workspace)
    for _ in range(2):
        workspace.sources.remove("wiki", OPERATOR)
        workspace.sources.add("wiki", KIND.name, scene.settings, OPERATOR)
        sync(workspace)
        now = found(workspace)
        assert len(now) == 5
        assert not now & before
        before |= now


@pytest.mark.parametrize("step", ["wait", "index", "delete", "scrub"])
def test_from_the_first_moment_on_nobody_reads_it_and_a_removal_goes_on(
    workspace: Workspace, step: str
) -> None:
    gone = found(workspace)

    class Killed(BaseException):
        pass

    def kill(at: str, _done: int, _total: int) -> None:
        assert found(workspace) == set()
        if at == step:
            raise Killed

    with pytest.raises(Killed):
        workspace.sources.remove("wiki", OPERATOR, kill)
    assert workspace.sources.leaving() == ["wiki"]
    with pytest.raises(NotFound):
        workspace.sources.sync_access("wiki", OPERATOR)
    with pytest.raises(Conflict):
        workspace.sources.add("wiki", KIND.name, {"root": "other"}, OPERATOR)
    workspace.sources.remove("wiki", OPERATOR)
    assert workspace.sources.leaving() == []
    assert rows_with(workspace, MARK) == []
    assert index_holds(workspace, gone) == set()


def test_a_pass_that_is_under_way_stores_nothing_more(
    workspace: Workspace, scene: MemoryScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.put("late.md", f"A late {MARK}.\n")
    scene.allow("late.md", ["alice"])
    workspace.sources.sync_access("wiki", OPERATOR)
    asked: list[object] = []
    removing: list[object] = []
    whole = memory_source.Memory.fetch

    def slow(self: memory_source.Memory, item: object) -> object:
        asked.append(item)
        while not removing:
            pass
        return whole(self, item)  # type: ignore[arg-type]

    monkeypatch.setattr(memory_source.Memory, "fetch", slow)
    monkeypatch.setattr(removal, "_POLL_SECONDS", 0.01)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(workspace.sources.sync_content, "wiki", OPERATOR)
        while not asked:
            pass
        workspace.sources.remove("wiki", OPERATOR, lambda *_: removing.append(1))
        with pytest.raises(NotFound):
            reading.result()
    assert rows_with(workspace, MARK) == []


def test_a_source_whose_settings_no_kind_reads_any_more_can_be_removed(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(kinds.KINDS, KIND.name)  # type: ignore[arg-type]
    assert workspace.sources.listing()[0].connected.name == "wiki"
    workspace.sources.remove("wiki", OPERATOR)
    assert rows_with(workspace, MARK) == []


def test_what_an_incident_freezes_is_not_removed(workspace: Workspace) -> None:
    row = {"kind": "source", "name": "wiki", "incident": "i", "at": "", "by": ""}
    with workspace.database.write() as connection:
        connection.execute(sa.insert(frozen.frozen).values(**row))
    with pytest.raises(Conflict, match="frozen"):
        workspace.sources.remove("wiki", OPERATOR)
    assert workspace.sources.leaving() == []


def test_of_a_removed_document_only_the_id_is_left(workspace: Workspace) -> None:
    gone = found(workspace)
    workspace.sources.remove("wiki", OPERATOR)
    with workspace.database.read() as connection:
        row = connection.execute(sa.select(tables.document).where(tables.document.c.id.in_(gone))).all()
    assert {one.id for one in row} == gone
    for one in row:
        assert {one.source, one.path, one.title, one.author, one.content_hash} == {""}
        assert MARK not in one.origin


def test_every_table_that_holds_something_of_documents_is_emptied() -> None:
    kept = {"document", "index_document"}
    holding = {
        table.name
        for table in metadata.tables.values()
        if any(key.column.table.name == "document" for key in table.foreign_keys)
        or table.name in ("chunk", "name_label")
    }
    assert holding - kept <= {table.name for table in OF_DOCUMENTS}
