"""`muniment eval ci`: a checkout judged against another, without a language model."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.journeys.command import DIRECTORY, WORDS_ALONE, Command, Ran, write_documents

from muniment.inference.prompts import load

CANTEEN = {
    "id": "opens",
    "asker": "alice",
    "question": "When does the canteen open?",
    "relevant": ["all/canteen.txt"],
    "facts": ["eight"],
}
ONCALL = {
    "id": "oncall",
    "asker": "alice",
    "question": "What is the on-call engineer paid for each weekend?",
    "relevant": ["engineering/oncall.md"],
    "facts": ["300"],
}
KEYS = {
    "id": "keys",
    "asker": "alice",
    "question": "Where is the key ceremony held?",
    "relevant": ["engineering/keys.md"],
    "facts": ["walnut"],
}
NOT_BOBS = {
    "id": "not-bobs",
    "asker": "bob",
    "question": "Where is the key ceremony held?",
    "abstain": True,
    "forbidden": ["engineering/keys.md"],
}
ABOUT = 'name = "house"\nreason = "Before each merge"\n[targets]\nauthorised = 1.0\nall_facts = {least}\n'


class Proposal:
    """A base and a change of it."""

    def __init__(self, folder: Path) -> None:
        self.base, self.change, self.report = folder / "base", folder / "change", folder / "report"
        self.command = Command(folder / "nobodys", settings="")
        write_documents(self.base / "documents")
        (self.base / "settings.toml").write_text(WORDS_ALONE)
        (self.base / "directory.toml").write_text(DIRECTORY)
        (self.base / "evals" / "house").mkdir(parents=True)
        self.suite(self.base, CANTEEN, ONCALL, KEYS, NOT_BOBS)
        shutil.copytree(self.base, self.change)

    def suite(self, side: Path, *cases: Mapping[str, object], least: float = 0.9) -> None:
        (side / "evals" / "house" / "suite.toml").write_text(ABOUT.format(least=least))
        lines = "".join(f"{json.dumps(one)}\n" for one in cases)
        (side / "evals" / "house" / "cases.jsonl").write_text(lines)

    def judged(self, *words: object) -> Ran:
        where = ("--base", self.base, "--checkout", self.change, "--report", self.report)
        return self.command("--json", "eval", "ci", *where, *words)

    def house(self, *words: object) -> dict[str, Any]:
        [suite] = self.judged(*words).document["suites"]
        return suite


@pytest.fixture
def proposal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Proposal:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return Proposal(tmp_path)


def test_what_changes_nothing_passes_and_leaves_nothing_but_reports(
    proposal: Proposal, tmp_path: Path
) -> None:
    ran = proposal.judged()
    assert (ran.code, ran.document["ok"], ran.document["changed"]) == (0, True, [])
    [house] = ran.document["suites"]
    assert (house["cases"], house["compared"], house["taken_over"]) == (4, 4, 4)
    assert sorted(one.name for one in proposal.report.iterdir()) == ["comment.md", "gate.xml", "house"]
    assert all(one.stat().st_mode & 0o077 == 0 for one in proposal.report.rglob("*") if one.is_file())
    assert not list((tmp_path / "temporary").iterdir()) and not list(proposal.command.home.iterdir())


def test_only_the_components_that_differ_are_named(proposal: Proposal) -> None:
    model = '[models.house]\nmodel = "m"\nbase_url = "http://127.0.0.1:9/v1"\nhosting = "self-managed"\n'
    (proposal.base / "settings.toml").write_text(f"{WORDS_ALONE}[answers]\npassages = 7\n{model}")
    (proposal.change / "settings.toml").write_text(f"{WORDS_ALONE}[answers]\npassages = 8\n{model}")
    (proposal.change / "prompts").mkdir()
    (proposal.change / "prompts" / "mine.md").write_text(
        load("answer").content.replace("name: answer", "name: mine"), "utf-8"
    )
    ran = proposal.judged()
    assert ran.document["changed"] == ["answers", "prompts", "retrieval"]


def test_a_policy_of_the_change_is_in_force_for_it_alone(proposal: Proposal) -> None:
    Command(proposal.base.parent / "other", WORDS_ALONE).with_people()
    shown = Command(proposal.base.parent / "other", settings="")("--json", "policy", "show").document
    (proposal.change / "policy").mkdir()
    rule = '@id("no-search") forbid (principal, action == Action::"search", resource);'
    (proposal.change / "policy" / "policy.cedar").write_text(f"{shown['policies']}\n{rule}\n")
    ran = proposal.judged()
    assert ran.code == 1 and ran.document["changed"] == ["policy"]
    assert "policy" in {block["component"] for block in ran.document["suites"][0]["blocks"]}


def test_workspaces_that_are_kept_spare_the_next_job_what_was_asked(
    proposal: Proposal, tmp_path: Path
) -> None:
    keep = tmp_path / "kept"
    assert proposal.house("--keep", keep)["taken_over"] == 4
    (keep / "mine.txt").write_text("not theirs")
    (proposal.change / "settings.toml").write_text(f"{WORDS_ALONE}[answers]\npassages = 7\n")
    assert proposal.house("--keep", keep)["taken_over"] == 0
    assert len(list(keep.glob("home-*"))) == 2
    shutil.copy(proposal.change / "settings.toml", proposal.base / "settings.toml")
    assert proposal.house("--keep", keep)["taken_over"] == 4
    assert len(list(keep.glob("home-*"))) == 1, "what is not used any more goes"
    assert (keep / "mine.txt").exists()
    assert keep.stat().st_mode & 0o077 == 0


def test_an_easier_suite_is_said(proposal: Proposal) -> None:
    proposal.suite(proposal.change, CANTEEN, {**KEYS, "question": "Key ceremony held?"}, NOT_BOBS, least=0.5)
    house = proposal.house()
    assert house["compared"] == 2
    assert "2 cases of the suite are taken out or changed: oncall, keys." in house["notes"]
    assert "The target of all_facts was 0.900 and is now 0.500." in house["notes"]
    comment = (proposal.report / "comment.md").read_text("utf-8")
    assert "taken out or changed" in comment


def test_a_new_suite_is_judged_by_what_it_asks_for(proposal: Proposal) -> None:
    shutil.rmtree(proposal.base / "evals")
    assert "There is no baseline: losses were not looked for." in proposal.house()["notes"]
    proposal.suite(
        proposal.change, CANTEEN, {**ONCALL, "relevant": ["engineering/keys.md"], "facts": ["walnut"]}
    )
    ran = proposal.judged()
    assert ran.code == 1
    assert {block["metric"] for block in ran.document["suites"][0]["blocks"]} >= {"all_facts"}


def test_a_secret_that_the_job_was_not_given_is_named(proposal: Proposal) -> None:
    (proposal.change / "settings.toml").write_text(model_at("http://127.0.0.1:9/v1", key="env:NO_SUCH_KEY"))
    ran = proposal.judged()
    assert ran.code == 2 and "NO_SUCH_KEY" in ran.document["error"]["message"]


def test_a_model_that_answers_neither_side_blocks(proposal: Proposal) -> None:
    with refusing() as url:
        for side in (proposal.base, proposal.change):
            (side / "settings.toml").write_text(model_at(url))
            proposal.suite(side, CANTEEN, ONCALL, least=0.0)
        ran = proposal.judged()
    assert ran.code == 1
    blocks = [block for block in ran.document["suites"][0]["blocks"] if block["why"] == "failures"]
    assert [block["cases"] for block in blocks] == [["opens", "oncall"]] * 2
    assert "house" in blocks[0]["what"], "the endpoint is named"


def test_a_model_is_for_the_groups_that_the_settings_name(proposal: Proposal) -> None:
    with refusing() as url:
        for side in (proposal.base, proposal.change):
            (side / "settings.toml").write_text(f'{model_at(url)}allowed_groups = ["sales"]\n')
            proposal.suite(side, CANTEEN, ONCALL, least=0.0)
        ran = proposal.judged()
    whys = {block["why"] for block in ran.document["suites"][0]["blocks"]}
    assert "failures" not in whys, "alice was refused, and the model never asked"


def model_at(url: str, key: str = "") -> str:
    return (
        f'{WORDS_ALONE}[answers]\nmodel = "house"\n[models.house]\nmodel = "m"\napi_key = "{key}"\n'
        f'base_url = "{url}"\nhosting = "self-managed"\nmax_sensitivity = "any"\n'
    )


@contextmanager
def refusing() -> Iterator[str]:
    """Serve an endpoint that takes no request."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_error(403)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        ("documents", "--documents"),
        ("directory.toml", "--directory"),
        ("settings.toml", "--settings"),
        ("evals", "eval new"),
    ],
)
def test_what_is_missing_is_named_and_nothing_is_judged(proposal: Proposal, broken: str, named: str) -> None:
    place = proposal.change / broken
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    ran = proposal.judged()
    assert ran.code == 2 and named in ran.document["error"]["fix"]
    assert not proposal.report.exists()


def test_a_suite_whose_figures_would_be_wrong_judges_nothing(proposal: Proposal) -> None:
    proposal.suite(proposal.change, CANTEEN, {**KEYS, "asker": "nobody"})
    ran = proposal.judged()
    assert ran.code == 2 and "case keys" in ran.document["error"]["message"]
    assert not proposal.report.exists()
