"""A scratch workspace is like another where it answers, reaches nothing of it, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from muniment.actions.runners.call import ToolCall, ToolFailed
from muniment.app import Workspace
from muniment.app.scratch import scratch_settings, scratch_workspace
from muniment.assurance.evaluation.case import Suite
from muniment.assurance.evaluation.scratch import Corpus, corpus_of
from muniment.foundation.errors import BadInput
from muniment.governance.identity.principal import OPERATOR
from muniment.inference.prompt_file import parse as parse_prompt
from muniment.settings import parse

PROMPT = """---
name: brief
purpose: answer
inputs: question text, passages passages
output: claims
---
Answer briefly.
"""
EVERYTHING = {
    "workspace": {"tenant": "acme"},
    "database": {"url": "env:PG"},
    "identity": {"admin_groups": ["bosses"]},
    "notifications": {"address": "https://muniment.example"},
    "tools": {"origins": ["https://orders.example"], "python": ["company.tools"]},
    "network": {
        "certificate": "c.pem",
        "key": "k.pem",
        "ca_file": "ca.pem",
        "allow": {"tools": ["orders.example"]},
    },
    "answers": {"model": "helper", "passages": 5},
    "models": {
        "helper": {
            "base_url": "https://m.example/v1",
            "model": "m",
            "api_key": "file:m.key",
            "allowed_groups": ["few"],
        }
    },
}


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    documents = tmp_path / "corpus"
    documents.mkdir()
    (documents / "access.toml").write_text('allow = ["group:readers"]\n')
    (documents / "harbour.md").write_text("# Harbour\n\nThe harbour fee is 84 euros.\n")
    directory = tmp_path / "corpus.toml"
    directory.write_text('[users.rita]\nname = "Rita"\ngroups = ["readers"]\n[groups.readers]\n')
    return Corpus(documents, directory, ("corpus.example",))


@pytest.fixture
def workspace(make_workspace: Callable[..., Workspace], tmp_path: Path) -> Workspace:
    made = make_workspace()
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "access.toml").write_text('allow = ["group:everyone"]\n')
    (tmp_path / "own" / "harbour.md").write_text("# Harbour\n\nOur own harbour secret.\n")
    made.ingest(tmp_path / "own", "own")
    return made


def test_it_holds_its_corpus_and_nothing_of_the_other(workspace: Workspace, corpus: Corpus) -> None:
    before = workspace.audit.tail(1)
    with scratch_workspace(workspace, corpus) as scratch:
        found = scratch.search("harbour", "rita").passages
        assert [one.path for one in found] == ["harbour.md"]
        assert "84 euros" in found[0].text
        with pytest.raises(BadInput):
            scratch.search("harbour", "alice")
    assert workspace.audit.tail(1) == before


def test_it_is_encrypted_and_its_owners_alone_and_gone_afterwards(
    workspace: Workspace, corpus: Corpus
) -> None:
    with scratch_workspace(workspace, corpus) as scratch:
        home = scratch.home
        assert home.stat().st_mode & 0o777 == 0o700
        everything = b"".join(one.read_bytes() for one in home.rglob("*") if one.is_file())
        assert b"84 euros" not in everything
    assert not home.exists()


def test_a_failure_leaves_nothing_behind(
    workspace: Workspace, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))

    def fails() -> None:
        with scratch_workspace(workspace, corpus):
            assert list(place.glob("muniment-scratch-*/keys/keyring.json"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    with pytest.raises(BadInput), scratch_workspace(workspace, Corpus(corpus.documents, tmp_path / "none")):
        pass
    assert not list(place.glob("muniment-scratch-*"))


def test_it_answers_by_the_prompts_and_the_policy_of_the_other(workspace: Workspace, corpus: Corpus) -> None:
    text = workspace.policies.show().policies + "\n// a remark\n"
    workspace.policies.activate(text, "stricter", OPERATOR)
    with scratch_workspace(workspace, corpus) as scratch:
        assert scratch.policies.show().version == workspace.policies.show().version
        assert scratch.prompts.live("answer") == workspace.prompts.live("answer")
    candidate = parse_prompt(PROMPT, "brief.md")
    with scratch_workspace(workspace, corpus, [candidate]) as scratch:
        assert scratch.prompts.live("answer").digest == candidate.digest
    assert workspace.prompts.live("answer").digest != candidate.digest


def test_its_tools_reach_nothing(workspace: Workspace, corpus: Corpus) -> None:
    with scratch_workspace(workspace, corpus) as scratch, pytest.raises(ToolFailed):
        scratch.running.run(ToolCall(None, {}, "user:rita", "k"))  # type: ignore[arg-type]


def test_of_the_settings_it_takes_only_what_decides_answers(tmp_path: Path) -> None:
    made = scratch_settings(parse(EVERYTHING), tmp_path, ["corpus.example"])
    assert made.answers.passages == 5
    assert made.models["helper"].api_key == f"file:{tmp_path.resolve() / 'm.key'}"
    assert made.models["helper"].allowed_groups == ("everyone",)
    assert made.network.ca_file == str(tmp_path.resolve() / "ca.pem")
    assert made.network.allow.tools == () == made.network.allow.audit == made.network.allow.database
    assert made.network.allow.models is None
    assert made.tools.mail_domains == ("corpus.example",)
    left = {"database", "identity", "notifications", "audit", "detection", "telemetry", "server"}
    assert {name for name in left if getattr(made, name) != getattr(parse({}), name)} == set()
    assert (made.tools.origins, made.tools.python, made.workspace.tenant) == ((), (), "scratch")


def test_a_suite_names_its_corpus_from_where_it_lies_or_from_where_suites_ship(tmp_path: Path) -> None:
    (tmp_path / "examples").mkdir()
    folder = tmp_path / "evals" / "mine"
    (folder / "documents").mkdir(parents=True)
    suite = Suite("mine", (), corpus={"documents": "documents", "directory": "examples"})
    assert corpus_of(suite, folder) == Corpus(folder / "documents", tmp_path / "examples")
    with pytest.raises(BadInput, match="names no directory"):
        corpus_of(Suite("mine", (), corpus={"documents": "documents"}), folder)
    with pytest.raises(BadInput, match="is not there"):
        corpus_of(Suite("mine", (), corpus={"documents": "gone", "directory": "examples"}), folder)
