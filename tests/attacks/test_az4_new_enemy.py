"""AZ4: what comes after a change of access is never shown under the access of before.

The two orders that go wrong elsewhere: somebody is shut out and then new content is written, or something is moved
to where they are shut out, and a reader combines the old rights with the new content.
"""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from tests.postgres import BOTH

from muniment.app import Workspace
from muniment.foundation import revisions
from muniment.foundation.errors import NotFound
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge.retrieval import lexical
from muniment.knowledge.retrieval.index import Index
from muniment.knowledge.retrieval.visibility import AccessIndex, visible

ROUNDS = 4
PROVE_ROUNDS = 1_000
PARTS = 10
WORDS = ("canteen", "refectori")


def rounds(changing: Workspace, reading: Workspace, folder: Path, count: int) -> None:
    """Shut bob out and then write, or move, again and again, while he reads through another workspace object."""
    note, vault = folder / "all/note.txt", folder / "vault"
    vault.mkdir()
    (vault / "access.toml").write_text('allow = ["user:carol"]\n')
    stop = threading.Event()
    seen: set[str] = set()

    def read() -> None:
        while not stop.is_set():
            seen.update(passage.text for passage in reading.search("walrus", "bob", k=50).passages)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(count):
            changing.access.set("docs/all", ["user:bob", "user:carol"], [], OPERATOR)
            note.write_text(f"The walrus {number} is for everybody.\n")
            changing.ingest(folder, "docs")
            assert reading.search(f"walrus {number}", "bob").passages
            if number % 2:
                changing.access.set("docs/all", ["user:carol"], [], OPERATOR)
                note.write_text(f"The walrus {number} is a secret.\n")
            else:
                note.write_text(f"The walrus {number} is for everybody.\nIn the vault it is a secret.\n")
                note.rename(vault / "note.txt")
            changing.ingest(folder, "docs")
            assert any("secret" in p.text for p in reading.search(f"walrus {number}", "carol", k=50).passages)
            assert not any("secret" in p.text for p in reading.search("walrus secret", "bob", k=50).passages)
            for secret in (note, vault / "note.txt"):
                secret.unlink(missing_ok=True)
            changing.ingest(folder, "docs")
    finally:
        stop.set()
        reader.join()
    assert seen and not any("secret" in text for text in seen)


@BOTH
def test_who_was_shut_out_never_sees_what_was_written_or_moved_after(
    pair: tuple[Workspace, Workspace], folder: Path
) -> None:
    rounds(*pair, folder, ROUNDS)


@pytest.mark.prove
@pytest.mark.parametrize("part", range(PARTS))
def test_a_thousand_rounds_of_shutting_out_and_writing(
    pair: tuple[Workspace, Workspace], folder: Path, part: int
) -> None:
    rounds(*pair, folder, PROVE_ROUNDS // PARTS)


def test_an_older_snapshot_holds_the_older_content_under_the_older_rights(
    pair: tuple[Workspace, Workspace], folder: Path
) -> None:
    changing, reading = pair
    index, access = Index(reading.segments), AccessIndex()
    bob = reading.principal("bob")
    with reading.database.read() as older:
        then = revisions.current(older)
        changing.access.set("docs/all", ["user:carol"], [], OPERATOR)
        (folder / "all/canteen.txt").write_text("The refectory is a secret.\n")
        changing.ingest(folder, "docs")
        with reading.database.read() as newer:
            now = index.refresh(newer, revisions.current(newer))
            shut_out = now.select(access.readable(newer, visible(newer, bob)))
        before = index.refresh(older, then)
        selection = before.select(access.readable(older, visible(older, bob)))
    words = {
        word: [int(lexical.holding(one, (word,)).sum()) for one in (selection, shut_out)] for word in WORDS
    }
    assert words == {"canteen": [1, 0], "refectori": [0, 0]}


@BOTH
def test_a_document_read_by_its_id_follows_the_newest_rights(
    pair: tuple[Workspace, Workspace], folder: Path
) -> None:
    changing, reading = pair
    document = reading.search("canteen", "bob").passages[0].document
    bob, by = reading.principal("bob"), Actor("user:bob", "python")
    changing.access.set("docs/all", ["user:carol"], [], OPERATOR)
    (folder / "all/canteen.txt").write_text("The refectory is a secret.\n")
    changing.ingest(folder, "docs")
    for version in (None, 1, 2):
        with pytest.raises(NotFound):
            reading.reading.read(bob, document, version, by)
