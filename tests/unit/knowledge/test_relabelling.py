"""Changed rules are applied to what is stored: labels rise by themselves, and come down only on purpose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests import fixtures_parse as make
from tests.postgres import BOTH
from tests.simulators.labelled import by_heart, labelling
from tests.simulators.web_client import Browser, bearer, client
from tests.unit.knowledge.test_stated_labels import labelled, with_parts

from muniment import settings
from muniment.app import Workspace
from muniment.foundation.errors import NotFound
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge import changes
from muniment.knowledge.access import AccessList
from muniment.knowledge.access_control import AccessView
from muniment.knowledge.access_preview import preview

Make = Callable[..., Any]
PEOPLE = """
[users.alice]
name = "Alice"
[users.bob]
name = "Bob"
clearance = "internal"
[users.carol]
name = "Carol"
clearance = "confidential"
"""
PAY = {"name": "pay", "label": "confidential", "patterns": ["(?i)heron salary"]}


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    root = tmp_path / "notes"
    root.mkdir()
    (root / "access.toml").write_text('allow = ["group:everyone"]\nsensitivity = "internal"\n')
    (root / "pay.md").write_text("# Heron pay\n\nThe heron salary is 100.\n")
    (root / "pond.md").write_text("# Heron pond\n\nThe heron pond is deep.\n")
    return root


def ruled(*rules: dict[str, Any]) -> settings.Settings:
    return settings.parse({"ingestion": {"sensitivity": list(rules)}})


def change(workspace: Workspace, *rules: dict[str, Any]) -> None:
    """Let the operator write other rules, which the next process reads."""
    workspace.settings = ruled(*rules)
    workspace.__dict__.pop("pipeline", None)


@pytest.fixture
def shelf(make_workspace: Make, notes: Path) -> Callable[..., Workspace]:
    def opened(*rules: dict[str, Any], with_settings: settings.Settings | None = None) -> Workspace:
        made: Workspace = make_workspace(directory=PEOPLE, settings=with_settings or ruled(*rules))
        if with_settings is not None:
            by_heart(made)
        made.ingest(notes, "notes")
        return made

    return opened


def seen(workspace: Workspace, who: str) -> dict[str, str | None]:
    found = workspace.search("heron salary pond", as_=who).passages
    return {one.path: one.sensitivity for one in found}


def view(workspace: Workspace, path: str = "pay.md") -> AccessView:
    (found,) = workspace.access.show(f"notes/{path}")
    return found


def reads(workspace: Workspace, who: str, version: int | None = None) -> bool:
    try:
        workspace.reading.read(workspace.principal(who), view(workspace).document.id, version, OPERATOR)
    except NotFound:
        return False
    return True


def kinds(workspace: Workspace) -> list[tuple[object, object, object]]:
    entries = workspace.audit.query(kind="sensitivity.changed")
    return [(one.about["moved"], one.about["before"], one.about["now"]) for one in entries]


def test_a_new_document_is_never_seen_below_what_a_rule_says(shelf: Callable[..., Workspace]) -> None:
    workspace = shelf(PAY)
    assert seen(workspace, "bob") == {"pond.md": "internal"}
    assert seen(workspace, "carol") == {"pay.md": "confidential", "pond.md": "internal"}
    assert [one.said() for one in view(workspace).raised_by] == ["rule pay"]
    (entry,) = [one for one in workspace.audit.query(kind="ingest.document") if "sensitivity" in one.about]
    assert entry.about["sensitivity"] == "confidential"


def test_rules_that_changed_raise_what_is_stored_at_the_next_ingest_and_lower_only_with_relabel(
    shelf: Callable[..., Workspace], notes: Path
) -> None:
    workspace = shelf()
    assert reads(workspace, "bob") and kinds(workspace) == []
    change(workspace, PAY)
    report = workspace.ingest(notes, "notes")
    assert (report.added, report.changed, report.unchanged) == (0, 0, 2)
    assert not reads(workspace, "bob") and reads(workspace, "carol")
    assert kinds(workspace) == [("raised", "", "confidential")]

    change(workspace)
    workspace.ingest(notes, "notes")
    assert seen(workspace, "bob") == {"pond.md": "internal"}
    assert [one.kept for one in view(workspace).raised_by] == [True]
    assert workspace.relabelling.run(OPERATOR, dry_run=True).lowered == 1
    assert not reads(workspace, "bob")
    done = workspace.relabelling.run(OPERATOR)
    assert (done.documents, done.raised, done.lowered, dict(done.labels)) == (2, 0, 1, {})
    assert reads(workspace, "bob") and view(workspace).raised_by == ()
    assert kinds(workspace)[-1] == ("lowered", "confidential", "")


@BOTH
def test_after_relabel_a_reader_below_gets_nothing_from_search_answers_and_history(
    shelf: Callable[..., Workspace], notes: Path
) -> None:
    workspace = shelf()
    earlier = workspace.ask("What is the heron salary?", as_="bob")
    assert earlier.status == "answered"
    (notes / "pay.md").write_text("# Heron pay\n\nNothing is said here any more.\n")
    workspace.ingest(notes, "notes")
    assert reads(workspace, "bob", version=1)
    change(workspace, PAY)
    workspace.relabelling.run(OPERATOR)
    assert "pay.md" not in seen(workspace, "bob")
    assert not reads(workspace, "bob") and not reads(workspace, "bob", version=1)
    assert reads(workspace, "carol", version=1)
    explained = workspace.lineage.explain(workspace.principal("bob"), earlier.id, OPERATOR)
    assert explained.withheld and "100" not in str(explained.as_json())
    asked = workspace.ask("What is the heron salary?", as_="bob")
    assert "pay" not in str(asked.as_json()["citations"]).lower()


def test_a_new_version_keeps_what_raised_the_one_before_it(
    shelf: Callable[..., Workspace], notes: Path
) -> None:
    workspace = shelf(PAY)
    (notes / "pay.md").write_text("# Heron pay\n\nNothing is said here any more.\n")
    workspace.ingest(notes, "notes")
    assert not reads(workspace, "bob", version=1) and not reads(workspace, "bob")
    workspace.relabelling.run(OPERATOR)
    assert not reads(workspace, "bob", version=1)


@BOTH
def test_a_list_set_by_hand_is_raised_too_and_so_is_what_a_preview_shows(
    shelf: Callable[..., Workspace],
) -> None:
    workspace = shelf(PAY)
    workspace.access.set("notes", ["group:everyone"], [], OPERATOR, "public")
    assert seen(workspace, "bob") == {"pond.md": "public"}
    assert view(workspace).access.sensitivity == "confidential"
    workspace.access.set("notes/pay.md", ["user:bob"], [], OPERATOR, "public")
    assert not reads(workspace, "bob")
    workspace.access.clear("notes/pay.md", OPERATOR)
    workspace.access.clear("notes", OPERATOR)
    assert view(workspace).access.sensitivity == "confidential"
    with workspace.database.read() as connection:
        opened = AccessList(frozenset({"group:everyone"}), frozenset(), "public")
        moved = preview(connection, "notes", "", opened).moved
    assert moved == ()


def test_a_source_that_states_less_lowers_nothing(shelf: Callable[..., Workspace], notes: Path) -> None:
    workspace = shelf(PAY)
    (notes / "access.toml").write_text('allow = ["group:everyone"]\nsensitivity = "public"\n')
    workspace.ingest(notes, "notes")
    assert seen(workspace, "bob") == {"pond.md": "public"}
    (notes / "access.toml").write_text('allow = ["group:everyone"]\n')
    workspace.ingest(notes, "notes")
    assert seen(workspace, "carol") == {}, (
        "what states no label lies above every clearance, whatever rules say"
    )
    assert seen(workspace, "alice") == {"pay.md": None, "pond.md": None}


def test_a_document_that_moves_is_judged_at_its_new_path_before_it_is_seen_there(
    shelf: Callable[..., Workspace], notes: Path
) -> None:
    workspace = shelf({"name": "hr", "label": "restricted", "paths": ["hr/**"]})
    (notes / "hr").mkdir()
    (notes / "pond.md").rename(notes / "hr" / "pond.md")
    assert workspace.ingest(notes, "notes").renamed == 1
    assert view(workspace, "hr/pond.md").access.sensitivity == "restricted"
    (notes / "hr" / "pond.md").rename(notes / "pond.md")
    workspace.ingest(notes, "notes")
    assert view(workspace, "pond.md").access.sensitivity == "restricted"


def test_what_a_file_states_is_kept_so_that_rules_need_not_read_it_again(
    shelf: Callable[..., Workspace], notes: Path
) -> None:
    (notes / "plan.docx").write_bytes(with_parts(make.word(), labelled(Classification="Nur intern")))
    workspace = shelf()
    found = view(workspace, "plan.docx")
    assert found.access.sensitivity == "Nur intern"
    assert [one.said() for one in found.raised_by] == ["the file says Nur intern"]
    (entry,) = [one for one in workspace.audit.query(kind="ingest.document") if "sensitivity" in one.about]
    assert entry.about["sensitivity"] == "unknown", "words of files stay out of the log"
    (notes / "plan.docx").unlink()
    change(workspace, {"name": "german", "label": "internal", "file_labels": ["nur intern"]})
    workspace.relabelling.run(OPERATOR)
    assert view(workspace, "plan.docx").access.sensitivity == "internal"


def test_a_rule_of_names_holds_until_they_are_labelled(shelf: Callable[..., Workspace], notes: Path) -> None:
    (notes / "keeper.md").write_text("# Keeper\n\nThe heron keeper is Ann Heron.\n")
    people = {"name": "people", "label": "restricted", "kinds": ["person"]}
    workspace = shelf(with_settings=labelling({"ingestion": {"sensitivity": [people]}}))
    assert view(workspace, "keeper.md").access.sensitivity == "restricted"
    assert view(workspace, "pond.md").access.sensitivity == "internal", "labelled, and no name was found"
    with workspace.database.write() as connection:
        changes.drop_labels(connection, [view(workspace, "pond.md").document.id])
    workspace.relabelling.run(OPERATOR)
    assert [one.open for one in view(workspace, "pond.md").raised_by] == [True]
    workspace.labelling.run(OPERATOR)
    assert view(workspace, "pond.md").access.sensitivity == "internal"


def test_the_page_of_a_document_says_its_label_and_why(shelf: Callable[..., Workspace]) -> None:
    workspace = shelf(PAY)
    found = view(workspace).document.id
    shown = Browser(workspace).sign_in("carol").http.get(f"/documents/{found}").text
    assert "Labelled confidential" in shown and "raised by: rule pay." in shown
    told = client(workspace).get(f"/v1/documents/{found}", headers=bearer(workspace, "carol")).json()
    assert told["sensitivity"] == "confidential"
    assert told["raised_by"] == [{"origin": "rule", "name": "pay", "label": "confidential"}]


def test_provenance_and_citations_say_the_label_and_why(shelf: Callable[..., Workspace]) -> None:
    workspace = shelf(PAY)
    made = workspace.provenances.of(workspace.principal("carol"), view(workspace).document.id, OPERATOR)
    assert made.sensitivity == "confidential" and [one.name for one in made.raised_by] == ["pay"]
    answer = workspace.ask("What is the heron salary?", as_="carol").as_json()
    assert {one["sensitivity"] for one in answer["citations"]} == {"confidential"}  # type: ignore[index,union-attr]
    change(workspace)
    workspace.relabelling.run(OPERATOR)
    again = workspace.lineage.explain(workspace.principal("carol"), str(answer["id"]), OPERATOR).as_json()
    assert [one["sensitivity"] for one in again["citations"]] == ["confidential"], (
        "as it was when it was found"
    )  # type: ignore[index,union-attr]


def test_a_removed_document_takes_its_label_with_it(shelf: Callable[..., Workspace], notes: Path) -> None:
    workspace = shelf(PAY)
    text = (notes / "pay.md").read_text()
    (notes / "pay.md").unlink()
    workspace.ingest(notes, "notes")
    assert workspace.relabelling.outdated() == 0
    change(workspace)
    (notes / "pay.md").write_text(text)
    workspace.ingest(notes, "notes")
    assert reads(workspace, "bob")
