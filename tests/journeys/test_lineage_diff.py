"""What was changed between two answers is named, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.journeys.command import Command, write_documents

from benchmarks.lineage import changes
from muniment.app import Workspace
from muniment.assistant import asking
from muniment.assistant.lineage import answer as answers
from muniment.foundation.errors import NotFound
from muniment.governance.identity.principal import OPERATOR, Actor

PAY = "How much is the on-call engineer paid for each weekend?"
BY = Actor("user:alice", "python")


@pytest.fixture
def ready(workspace: Workspace, folder: Path) -> Workspace:
    workspace.ingest(folder, "docs")
    return workspace


def named(workspace: Workspace, a: str, b: str) -> list[str]:
    return workspace.comparing.compare(workspace.principal("alice"), a, b, BY).text().splitlines()


def test_each_of_thirteen_changes_of_one_component_is_named_and_nothing_else(tmp_path: Path) -> None:
    made = changes(tmp_path)
    assert len(made) == 13
    assert [one for one in made if not one.right] == []


def test_the_same_question_again_differs_in_nothing(ready: Workspace) -> None:
    first, second = ready.ask(PAY, "alice").id, ready.ask(PAY, "alice").id
    assert named(ready, first, second) == ["Nothing that took part differs."]


def test_another_source_of_the_code_is_named(ready: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ready.ask(PAY, "alice").id
    monkeypatch.setattr(asking, "source_digest", lambda: "sha256:patched")
    (line,) = named(ready, first, ready.ask(PAY, "alice").id)
    assert line.startswith("code: ") and line.endswith("(sha256:patched)")


def test_two_changes_are_both_named_the_more_specific_first(ready: Workspace, folder: Path) -> None:
    first = ready.ask(PAY, "alice").id
    (folder / "engineering/oncall.md").write_text("# On call\n\nThe on-call engineer is paid 350 crowns.\n")
    ready.ingest(folder, "docs")
    text = ready.policies.show().policies
    ready.policies.activate(f"{text}\n// Read again.\n", "It is tested.", OPERATOR)
    lines = named(ready, first, ready.ask(PAY, "alice").id)
    assert lines[0] == "document docs/engineering/oncall.md: version 1 -> version 2"
    assert len(lines) == 2 and lines[1].startswith("policy: ")


def test_what_may_not_be_read_any_more_is_counted_whether_it_changed_or_not(
    ready: Workspace, folder: Path
) -> None:
    first = ready.ask(PAY, "alice").id
    same = ready.ask(PAY, "alice").id
    (folder / "engineering/oncall.md").write_text("# On call\n\nThe on-call engineer is paid 350 crowns.\n")
    ready.ingest(folder, "docs")
    changed = ready.ask(PAY, "alice").id
    ready.directory.remove_member("platform", "alice", OPERATOR)
    assert named(ready, first, changed) == named(ready, first, same)
    assert "withheld or no longer there" in named(ready, first, changed)[-1]
    assert not any("oncall" in line for line in named(ready, first, changed))


def test_an_answer_of_another_is_as_absent_as_none(ready: Workspace) -> None:
    mine, theirs = ready.ask(PAY, "alice").id, ready.ask(PAY, "bob").id
    said: list[str] = []
    for pair in ((mine, theirs), (theirs, mine), (mine, "ans_none"), ("ans_none", mine)):
        with pytest.raises(NotFound) as caught:
            named(ready, *pair)
        said.append(str(caught.value))
    assert len(set(said)) == 1
    effects = [entry.about["effect"] for entry in ready.audit.query(kind="lineage.read")]
    assert effects == ["allow", "deny", "deny", "allow", "allow", "deny", "deny", "allow"]


def test_an_answer_of_an_earlier_version_says_what_it_did_not_record(ready: Workspace) -> None:
    first, second = ready.ask(PAY, "alice").id, ready.ask(PAY, "alice").id
    forget(ready, first, "endpoint", "settings", "source", "searched_at", "revisions")
    lines = named(ready, first, second)
    assert lines == [
        "Nothing that took part differs.",
        "Not recorded by one of them: settings, model parameters, source of the code.",
    ]
    shown = ready.lineage.explain(ready.principal("alice"), first).text()
    assert "Settings: not recorded" in shown and "Source: not recorded" in shown
    assert ready.lineage.revisions(first) is None and ready.lineage.revisions(second) is not None


def forget(workspace: Workspace, answer_id: str, *keys: str) -> None:
    """Take from a stored lineage what earlier versions did not record."""
    with workspace.database.write() as connection:
        row = connection.execute(sa.select(answers.c.lineage).where(answers.c.id == answer_id)).scalar_one()
        kept = {key: value for key, value in json.loads(row).items() if key not in keys}
        for one in kept["passages"]:
            one.pop("digest", None), one.pop("chunking", None)
        connection.execute(
            sa.update(answers).where(answers.c.id == answer_id).values(lineage=json.dumps(kept))
        )


def test_lineage_holds_no_value_of_a_setting_and_no_address(
    make_workspace: Callable[..., Workspace], folder: Path
) -> None:
    from muniment.settings import parse

    model = {"base_url": "http://127.0.0.1:9/walnut", "model": "m", "hosting": "self-managed"}
    settings = parse({"models": {"house": model}, "sensitive": {"not_names": ["Walnut Canary"]}})
    workspace = make_workspace(settings=settings)
    workspace.ingest(folder, "docs")
    lineage = workspace.ask(PAY, "alice").lineage
    assert list(lineage["settings"]) == ["sensitive.not_names"]  # type: ignore[call-overload, arg-type]
    assert workspace.recorded_settings.of.keys() == {"models.house.base_url", "sensitive.not_names"}
    assert "walnut" not in json.dumps({**lineage, **workspace.recorded_settings.of}).casefold()


def test_the_command_says_it_in_lines_and_as_json(tmp_path: Path) -> None:
    command = Command(tmp_path / "home").with_people()
    write_documents(tmp_path / "documents")
    command("ingest", tmp_path / "documents", "--source", "papers")
    first = command("ask", PAY, "--as", "alice", "--json").document["id"]
    (command.home / "settings.toml").write_text("[retrieval]\nvectors = false\n[answers]\npassages = 3\n")
    second = command("ask", PAY, "--as", "alice", "--json").document["id"]
    said = command("lineage", "diff", first, second)
    assert said.code == 0 and said.out.strip() == "setting answers.passages"
    found = command("lineage", "diff", first, second, "--json").document
    assert [one["component"] for one in found["differences"]] == ["setting"]
    assert command("lineage", "diff", first, second, "--as", "bob").code != 0
    explained = command("explain", second)
    assert "answers.passages" in explained.out and "Rights as of" in explained.out
