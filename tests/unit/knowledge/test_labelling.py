"""What has no current label is labelled, batch by batch, and labels go with the versions they belong to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.postgres import BOTH
from tests.simulators.labelled import by_heart, labelling

from muniment.app import Workspace
from muniment.foundation.errors import NotSetUp
from muniment.governance.identity.principal import OPERATOR
from muniment.governance.privacy.names import Names
from muniment.knowledge import changes, name_labels
from muniment.knowledge.ingestion import labeller
from muniment.knowledge.ingestion import labelling as labelling_module
from muniment.knowledge.tables import name_label

Make = Callable[..., Any]


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    root = tmp_path / "notes"
    root.mkdir()
    (root / "access.toml").write_text('allow = ["group:everyone"]\n')
    write(root, "keeper", "The heron keeper is Ann Heron, and she lives in Tarnow.")
    write(root, "pump", "Bo mends the heron pump each spring.")
    return root


def write(root: Path, name: str, text: str) -> None:
    (root / f"{name}.md").write_text(f"# The heron {name}\n\n{text}\n")


def labelled(make: Make, notes: Path, **given: Any) -> Workspace:
    workspace = by_heart(make(settings=labelling(given)))
    workspace.ingest(notes, "notes")
    return workspace


def stored(workspace: Workspace) -> list[tuple[str, int]]:
    with workspace.database.read() as connection:
        rows = connection.execute(
            sa.select(name_label.c.document, name_label.c.version).order_by(name_label.c.document)
        )
        return [(row.document, row.version) for row in rows]


def names(workspace: Workspace, not_names: tuple[str, ...] = ()) -> dict[str, list[str] | None]:
    """The names in each passage about herons, by title."""
    passages = workspace.search("heron keeper pump", as_="alice").passages
    with workspace.database.read() as connection:
        found = name_labels.names_of(connection, passages, not_names)
    return {
        one.title: None if given is None else [one.text[f.start : f.end] for f in given.text]
        for one, given in zip(passages, found, strict=True)
    }


@BOTH
def test_an_ingest_ends_with_labels_for_every_chunk(make_workspace: Make, notes: Path) -> None:
    workspace = by_heart(make_workspace(settings=labelling()))
    seen: list[tuple[int, int]] = []
    report = workspace.ingest(
        notes,
        "notes",
        lambda moment: seen.append((moment.done, moment.total)) if moment.stage == "label" else None,
    )
    assert report.labels is not None and (report.labels.labelled, report.labels.left) == (2, 0)
    assert seen == [(0, 2), (2, 2)]
    assert names(workspace) == {"The heron keeper": ["Ann Heron", "Tarnow"], "The heron pump": ["Bo"]}
    entry = workspace.audit.query(kind="label.stored")[-1].about
    assert entry == {"chunks": 2, "documents": 2, "labeller": name_labels.LABELLER}
    assert names(workspace, ("Tarnow", "Ann")) == {
        "The heron keeper": ["Ann Heron"],
        "The heron pump": ["Bo"],
    }


@BOTH
def test_a_changed_document_is_labelled_anew_and_a_removed_ones_labels_are_gone(
    make_workspace: Make, notes: Path
) -> None:
    workspace = labelled(make_workspace, notes)
    before = stored(workspace)
    write(notes, "keeper", "The heron keeper is Bo now.")
    (notes / "pump.md").unlink()
    workspace.ingest(notes, "notes")
    assert names(workspace) == {"The heron keeper": ["Bo"]}
    after = stored(workspace)
    assert len(before) == 2 and len(after) == 1
    assert after[0][1] == 2 and after[0][0] in {document for document, _ in before}


def test_labels_of_an_old_version_go_when_the_new_one_is_stored_even_if_labelling_fails(
    make_workspace: Make, notes: Path
) -> None:
    workspace = labelled(make_workspace, notes)
    write(notes, "keeper", "The heron keeper is Ann Heron, CRASH.")
    report = workspace.ingest(notes, "notes")
    assert report.changed == 1 and report.labels is not None
    assert (report.labels.labelled, report.labels.left) == (0, 1)
    assert "What labels names failed (crash)" in report.labels.note
    assert len(stored(workspace)) == 1
    assert names(workspace) == {"The heron keeper": None, "The heron pump": ["Bo"]}


def test_one_chunk_that_breaks_the_child_stays_unlabelled_alone(
    make_workspace: Make, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labelling_module, "BATCH", 3)
    for number in range(5):
        write(notes, f"note{number}", f"The heron note {number} is by Bo.")
    write(notes, "trap", "The heron trap: OVERLAP.")
    workspace = by_heart(make_workspace(settings=labelling()))
    report = workspace.ingest(notes, "notes")
    assert report.labels is not None and (report.labels.labelled, report.labels.left) == (7, 1)
    assert "gave something else than names" in report.labels.note


def test_a_child_that_fails_at_everything_is_given_up(
    make_workspace: Make, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labelling_module, "BATCH", 4)
    for number in range(12):
        write(notes, f"a{number:02}", "CRASH")
    workspace = by_heart(make_workspace(settings=labelling()))
    report = workspace.ingest(notes, "notes")
    assert report.added == 14 and report.labels is not None
    assert (report.labels.labelled, report.labels.left) in {(0, 14), (1, 13), (2, 12)}


def test_labelling_that_is_stopped_goes_on_from_there(
    make_workspace: Make, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labelling_module, "BATCH", 1)
    workspace = by_heart(make_workspace())
    workspace.ingest(notes, "notes")

    def stop(done: int, total: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    made = workspace.labelling
    with pytest.raises(KeyboardInterrupt):
        made.run(OPERATOR, stop)
    assert len(stored(workspace)) == 1 and made.lacking() == 1
    assert made.run(OPERATOR).labelled == 1 and made.lacking() == 0
    assert made.run(OPERATOR, again=True).labelled == 2


def test_labels_of_another_labeller_title_or_shape_count_as_missing(
    make_workspace: Make, notes: Path
) -> None:
    workspace = labelled(make_workspace, notes)
    good = names(workspace)
    for wrong in (
        {"labeller": "another"},
        {"digest": "sha256:00"},
        {"spans": "{}"},
        {"spans": "names"},
        {"spans": "[" * 100_000},
        {"spans": '{"title": [], "heading": [], "text": [["person", 0, 9999]]}'},
        {"spans": '{"title": [["person", 2, 1]], "heading": [], "text": []}'},
        {"spans": '{"title": [], "heading": [["card", 0, 1]], "text": []}'},
    ):
        with workspace.database.write() as connection:
            connection.execute(sa.update(name_label).values(**wrong))
        assert set(names(workspace).values()) == {None}
        if "labeller" in wrong:
            assert workspace.labelling.lacking() == 2
        workspace.labelling.run(OPERATOR, again=True)
        assert names(workspace) == good


def test_a_passage_that_joins_chunks_has_the_names_of_all_or_of_none(
    make_workspace: Make, notes: Path
) -> None:
    filler = "The heron keeper counts herons near the old lock. " * 16
    write(notes, "long", f"{filler}\n\nAnn Heron asks. {filler}\n\nBo answers. {filler}")
    workspace = labelled(make_workspace, notes)
    passages = workspace.search("heron keeper counts", as_="alice").passages
    (at,) = [n for n, one in enumerate(passages) if len(one.pieces) > 1]
    joined = passages[at]

    def found() -> Names | None:
        with workspace.database.read() as connection:
            return name_labels.names_of(connection, passages)[at]

    names = found()
    assert names is not None
    assert [joined.text[one.start : one.end] for one in names.text] == ["Ann Heron", "Bo"]
    with workspace.database.write() as connection:
        last = int(joined.pieces[-1].chunk.rsplit(":", 1)[1])
        here = sa.and_(name_label.c.document == joined.document, name_label.c.ordinal == last)
        connection.execute(sa.delete(name_label).where(here))
    assert found() is None


def test_a_label_made_meanwhile_for_a_version_that_is_gone_is_not_stored(
    make_workspace: Make, notes: Path
) -> None:
    workspace = labelled(make_workspace, notes)
    with workspace.database.write() as connection:
        connection.execute(sa.delete(name_label))
    with workspace.database.read() as connection:
        old = name_labels.next_lacking(connection, None, 10)
    write(notes, "keeper", "The heron keeper is Bo now.")
    workspace.ingest(notes, "notes")
    with workspace.database.write() as connection:
        assert changes.put_labels(connection, [one.labelled(Names()) for one in old]) == 1
    assert names(workspace)["The heron keeper"] == ["Bo"]


def test_without_the_extra_nothing_is_done(
    make_workspace: Make, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = by_heart(make_workspace(settings=labelling()))
    monkeypatch.setattr(labeller, "find_spec", lambda name: None)
    with pytest.raises(NotSetUp, match="the extra `labels` is not installed"):
        workspace.ingest(notes, "notes")
    assert not workspace.search("heron", as_="alice").passages
