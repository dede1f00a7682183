"""`muniment prompts`: from a draft in a file to the live prompt of every answer, and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.journeys.command import Command
from tests.simulators.openai_server import Simulator, answering, reply, serving

from muniment import app
from muniment.foundation.errors import BadInput, Conflict, Tampered
from muniment.governance.identity.principal import OPERATOR
from muniment.governance.policy.gate import NotPermitted
from muniment.inference import prompts as shipped_prompts
from muniment.inference.tables import prompt_version

FRONT = "name: {name}\npurpose: answer\ninputs: question text, passages passages\noutput: claims"
QUESTION = "When does the canteen open?"
CASES = [
    {"id": "c1", "asker": "alice", "question": QUESTION, "relevant": ["all/canteen.txt"], "facts": ["eight"]},
    {
        "id": "c2",
        "asker": "bob",
        "question": "Where is the key ceremony held?",
        "relevant": [],
        "abstain": True,
    },
]
DIRECTORY = "[users.alice]\n[users.bob]\n"


def draft(home: Path, text: str, name: str = "mine", front: str = FRONT) -> Path:
    (home / "prompts").mkdir(exist_ok=True)
    file = home / "prompts" / f"{name}.md"
    file.write_text(f"---\n{front.format(name=name)}\n---\n{text}\n")
    return file


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    folder = tmp_path / "documents" / "all"
    folder.mkdir(parents=True)
    (folder / "access.toml").write_text('allow = ["group:everyone"]\n')
    (folder / "canteen.txt").write_text("The canteen opens at eight and closes at three.\n")
    return folder.parent


@contextmanager
def ready(
    tmp_path: Path, documents: Path, mind: Callable[[str], str] = answering
) -> Iterator[tuple[Command, Simulator]]:
    """A workspace whose one language model keeps what it was sent."""
    with serving(mind) as server:
        settings = f'[retrieval]\nvectors = false\n[models.house]\nbase_url = "{server.url}"\nmodel = "m"\n'
        command = Command(tmp_path / "home", settings)
        command("init")
        (tmp_path / "directory.toml").write_text(DIRECTORY)
        assert command("directory", "import", tmp_path / "directory.toml").code == 0
        assert command("ingest", documents, "--source", "acme").code == 0
        yield command, server


def sent(server: Simulator) -> str:
    """The instructions of the last request."""
    return json.loads(server.bodies[-1])["messages"][0]["content"]


def asked(command: Command) -> Any:
    return command("--json", "ask", QUESTION, "--as", "alice", "--model", "house").document


def test_a_draft_becomes_a_candidate_then_live_and_is_rolled_back(tmp_path: Path, documents: Path) -> None:
    with ready(tmp_path, documents) as (command, server):
        first = asked(command)["lineage"]["prompt"]
        assert first == shipped_prompts.load("answer").version
        file = draft(command.home, "Be brief. Prove each sentence.")
        assert asked(command)["lineage"]["prompt"] == first

        made = command("--json", "prompts", "promote", "mine", "--reason", "Shorter").document
        assert made["stage"] == "candidate" and asked(command)["lineage"]["prompt"] == first

        live = command("--json", "prompts", "promote", "mine", "--reason", "As good").document
        answer = asked(command)
        assert live["stage"] == "live" and answer["lineage"]["prompt"] == live["version"] == made["version"]
        assert answer["status"] == "answered" and sent(server) == "Be brief. Prove each sentence."

        file.write_text(file.read_text().replace("Be brief.", "Be long."))
        assert asked(command)["lineage"]["prompt"] == live["version"]
        assert sent(server) == "Be brief. Prove each sentence."
        listed = command("--json", "prompts", "list").document["prompts"]
        stages = {one["prompt"]: one["stage"] for one in listed if one["purpose"] == "answer"}
        assert sorted(stages.values()) == ["draft", "live", "retired"] and stages[first] == "retired"

        back = command("--json", "prompts", "rollback", "--reason", "Too short").document
        assert (back["version"], back["how"]) == (first, "rollback")
        assert asked(command)["lineage"]["prompt"] == first
        again = command("prompts", "rollback", "--reason", "Further")
        assert again.code == 1 and "No prompt was live before this one." in again.line
        history = command("--json", "prompts", "history").document["history"]
        assert [(one["how"], one["stage"]) for one in history] == [
            ("rollback", "live"), ("promote", "live"), ("shipped", "live"), ("promote", "candidate"),
        ]  # fmt: skip
        assert history[1]["reason"] == "As good"


def test_each_change_is_in_the_log_with_version_and_stage_and_without_its_words(
    tmp_path: Path, documents: Path
) -> None:
    with ready(tmp_path, documents) as (command, _):
        draft(command.home, "Be zebrabrief.")
        for _ in "ab":
            command("prompts", "promote", "mine", "--reason", "zebrareason")
        command("prompts", "rollback", "--reason", "zebrareason")
        workspace = app.open(command.home, embedder=lambda: None)
        promoted = workspace.audit.query(kind="prompt.promoted")
        (rolled,) = workspace.audit.query(kind="prompt.rolled_back")
        log = json.dumps([one.about for one in workspace.audit.query(limit=10_000)])
        commitment = workspace.audit.commitment("zebrareason")
        workspace.close()
    assert [one.about["stage"] for one in promoted] == ["candidate", "live"]
    assert rolled.about["live_before"] == promoted[1].about["prompt"]
    assert all(one.about["reason"] == commitment for one in (*promoted, rolled))
    assert "zebra" not in log


def test_the_model_that_a_prompt_is_not_written_for_is_refused_on_record(
    tmp_path: Path, documents: Path
) -> None:
    with ready(tmp_path, documents) as (command, server):
        draft(command.home, "For nobody here.", front=FRONT + "\nmodels: quotes")
        for _ in "ab":
            command("prompts", "promote", "mine", "--reason", "Try")
        ran = command("ask", QUESTION, "--as", "alice", "--model", "house")
        assert ran.code == 2 and "is not written for the model 'house'" in ran.line
        assert server.bodies == []
        assert command("ask", QUESTION, "--as", "alice", "--model", "quotes").code == 0


@pytest.mark.parametrize(
    ("front", "said"),
    [
        (FRONT.replace("question text, ", ""), "prompts/mine.md: its inputs are not those"),
        (FRONT.replace("output: claims", "output: poem"), "prompts/mine.md: its output is not read"),
        ("name: {name}", "prompts/mine.md lacks purpose"),
        (FRONT + "\nmodels: nowhere", "there is no model 'nowhere'"),
    ],
)
def test_a_draft_that_cannot_serve_is_never_promoted(
    tmp_path: Path, documents: Path, front: str, said: str
) -> None:
    with ready(tmp_path, documents) as (command, _):
        draft(command.home, "Text.", front=front)
        ran = command("prompts", "promote", "mine", "--reason", "Try")
        assert ran.code == 2 and said in ran.line
        assert asked(command)["lineage"]["prompt"] == shipped_prompts.load("answer").version


def test_promotion_takes_a_reason_and_the_right_to_change_prompts(tmp_path: Path, documents: Path) -> None:
    with ready(tmp_path, documents) as (command, _):
        draft(command.home, "Text.")
        assert command("prompts", "promote", "mine").code == 2
        assert "Say why" in command("prompts", "promote", "mine", "--reason", " ").line
        assert command("prompts", "promote", "mine", "--reason", "x", "--as", "alice").code == 3
        workspace = app.open(command.home, embedder=lambda: None)
        with pytest.raises(NotPermitted):
            workspace.prompts.rollback("answer", "x", OPERATOR, workspace.principal("alice"))
        assert len(workspace.audit.query(kind="policy.refused")) == 2
        assert workspace.prompts.history() == []
        with pytest.raises(Conflict, match="is live already"):
            workspace.prompts.promote("answer", "x", OPERATOR)
        workspace.close()


def test_a_stored_prompt_that_was_altered_is_not_used(tmp_path: Path, documents: Path) -> None:
    with ready(tmp_path, documents) as (command, server):
        draft(command.home, "Text.")
        for _ in "ab":
            command("prompts", "promote", "mine", "--reason", "Try")
        workspace = app.open(command.home, embedder=lambda: None)
        with workspace.database.write() as connection:
            altered = sa.func.replace(prompt_version.c.content, "Text.", "Obey.")
            connection.execute(sa.update(prompt_version).values(content=altered))
        with pytest.raises(Tampered):
            workspace.ask(QUESTION, "alice", model="house")
        workspace.close()
        assert server.bodies == []


def test_show_diff_and_render_say_what_would_be_sent(tmp_path: Path, documents: Path) -> None:
    with ready(tmp_path, documents) as (command, server):
        draft(command.home, "Be brief, {question}.")
        assert command("prompts", "show", "mine").out == (command.home / "prompts" / "mine.md").read_text()
        lines = command("--json", "prompts", "diff", "mine").document["diff"]
        assert "+Be brief, {question}." in lines and "-name: answer" in lines
        assert "are the same" in command("prompts", "diff", "answer").out
        passages = tmp_path / "some.jsonl"
        passages.write_text('{"title": "Canteen", "text": "Opens at eight."}\n')
        made = command(
            "--json",
            "prompts",
            "render",
            "mine",
            "--input",
            "question=Why {x}?",
            "--input",
            f"passages={passages}",
        ).document
        assert made["instructions"] == "Be brief, {question}."
        assert "Title: Canteen\nOpens at eight." in made["user"] and made["user"].endswith(
            "Question: Why {x}?"
        )
        lacking = command("prompts", "render", "mine", "--input", "question=Why?")
        assert lacking.code == 2 and "prompts/mine.md lacks the input 'passages'" in lacking.line
        assert server.bodies == []


def test_a_prompt_is_shown_into_a_file_that_the_shell_has_made_already(
    tmp_path: Path, documents: Path
) -> None:
    with ready(tmp_path, documents) as (command, _):
        (command.home / "prompts").mkdir()
        (command.home / "prompts" / "brief.md").touch()
        assert "name: answer" in command("prompts", "show", "answer").out


def test_a_trial_shows_a_prompt_beside_the_live_one_and_says_which_is_worse(
    tmp_path: Path, documents: Path
) -> None:
    suite = tmp_path / "cases.jsonl"
    suite.write_text("\n".join(map(json.dumps, CASES)))
    with ready(tmp_path, documents) as (command, server):
        words = ("--json", "prompts", "test", "mine", "--suite", suite, "--reason", "Try", "--model")
        draft(command.home, "Be brief.")
        ran = command(*words, "house")
        new, live = ran.document["figures"]
        assert ran.code == 0 and not ran.document["worse"]
        assert new["prompt"].startswith("mine@") and live["prompt"].startswith("answer@")
        assert (new["answered"], new["abstained"], new["cited"], new["claims"]) == (1, 1, 1, 1)
        instructions = {json.loads(body)["messages"][0]["content"] for body in server.bodies}
        assert instructions == {"Be brief.", shipped_prompts.load("answer").text}
        assert command("--json", "prompts", "history").document["history"] == []
        assert "reads no prompt" in command(*words[1:], "quotes").line
        (command.home / "prompts" / "form.md").write_text(shipped_prompts.load("extract").content)
        other = command("prompts", "test", "extract", "--suite", suite, "--reason", "Try", "--model", "house")
        assert "for the purpose 'extract'" in other.line


def test_a_prompt_that_answers_less_is_said_to_be_worse(tmp_path: Path, documents: Path) -> None:
    suite = tmp_path / "cases.jsonl"
    suite.write_text(json.dumps(CASES[0]))
    turns = iter(range(99))

    def tiring(prompt: str) -> str:
        return answering(prompt) if next(turns) else reply()

    with ready(tmp_path, documents, tiring) as (command, _):
        draft(command.home, "Be brief.")
        ran = command("prompts", "test", "mine", "--suite", suite, "--reason", "Try", "--model", "house")
        assert ran.code == 1 and "(live)" in ran.out


def test_a_name_of_several_prompts_or_of_none_is_one_clear_line(tmp_path: Path, documents: Path) -> None:
    with ready(tmp_path, documents) as (command, _):
        assert "There is no prompt 'nothing'." in command("prompts", "show", "nothing").line
        draft(command.home, "One.", name="same")
        (command.home / "prompts" / "other.md").write_text((command.home / "prompts" / "same.md").read_text())
        assert "prompts/other.md and prompts/same.md have one name" in command(
            "prompts", "list"
        ).line.replace("prompts/same.md and prompts/other.md", "prompts/other.md and prompts/same.md")
        workspace = app.open(command.home, embedder=lambda: None)
        with pytest.raises(BadInput, match="no purpose 'poem'"):
            workspace.prompts.live("poem")
        workspace.close()
