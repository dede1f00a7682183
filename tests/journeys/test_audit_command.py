"""The log from the command line: found, proved, and brought to a witness."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.journeys.command import WORDS_ALONE, Command
from tests.postgres import BOTH

from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.governance.audit.entry import Entry
from muniment.governance.audit.query import Filter, find
from muniment.governance.identity.principal import OPERATOR


@pytest.fixture
def command(tmp_path: Path) -> Command:
    witness = f'[audit.witnesses.vault]\nkind = "folder"\nfolder = "{tmp_path / "vault"}"\n'
    made = Command(tmp_path / "home", WORDS_ALONE + witness)
    assert made("init").code == 0
    return made


def test_entries_are_found_and_proved(command: Command, tmp_path: Path) -> None:
    found = command("audit", "query", "--kind", "workspace.*", "--about", "tenant=default", "--json")
    assert [one["seq"] for one in found.document["entries"]] == [0]
    assert command("audit", "query", "--about", "tenant", "--json").code == 2
    assert command("audit", "query", "--since", "yesterday", "--json").code == 2
    proof = tmp_path / "proof"
    assert command("audit", "prove", "0", "--to", str(proof)).code == 0
    assert proof.read_text().startswith("c2sp.org/tlog-proof@v1\n")
    assert command("audit", "prove", "0", "--to", str(proof)).code == 1
    assert command("audit", "prove").code == 2
    assert command("audit", "prove", "--from", "1").out.startswith("old 1\n")
    shown = command("audit", "query", "--kind", "audit.read", "--json").document["entries"]
    assert [one["about"]["of"] for one in shown] == ["entries", "proof", "proof", "consistency"]


def test_a_witness_is_taken_up_followed_and_asked(command: Command, tmp_path: Path) -> None:
    told = {one["name"]: one for one in command("doctor", "--json").document["checks"]}
    assert told["witnesses"]["state"] == "warn"
    assert command("audit", "witness", "add", "vault").code == 0
    (made,) = command("audit", "witness", "run", "--json").document["witnesses"]
    assert (made["waiting"], made["behind"], made["problem"]) == (0, False, "")
    assert command("audit", "witness", "check").code == 0
    assert command("audit", "verify", "--witness", "vault").code == 0
    kept = command("audit", "checkpoint", "--witness", "vault").out
    assert kept == (tmp_path / "vault" / "checkpoint").read_text() and kept.count("\u2014") == 2
    (tmp_path / "kept").write_text(kept)
    assert command("audit", "verify", "--checkpoint", str(tmp_path / "kept")).code == 0
    assert command("audit", "witness", "add", "nobody").code == 2
    assert command("audit", "witness", "key").out.startswith("muniment/default/witness+")


@BOTH
def test_a_value_is_found_as_text_or_as_what_it_spells(make_workspace: Callable[..., Workspace]) -> None:
    workspace = make_workspace()
    about = [{"n": 1}, {"n": "1"}, {"n": True}, {"inner": {"n": 1}}, {"n": "é"}]
    workspace.audit.record([Entry("found.me", OPERATOR, one) for one in about])
    with workspace.database.read() as connection:

        def named(value: str) -> list[object]:
            page = find(workspace.audit, connection, Filter(kind="found.*", about={"n": value}), None, 10)
            return [one.about["n"] for one in page.entries]

        assert named("1") == [1, "1"]
        assert named("true") == [True]
        assert named("é") == ["é"]
        assert named("[1") == []


def test_an_idle_log_gets_its_checkpoint_within_a_minute(
    make_workspace: Callable[..., Workspace], clock: FixedClock
) -> None:
    workspace = make_workspace(clock=clock)
    workspace.audit.checkpoint()
    before = workspace.audit.verify().checkpoints
    workspace.audit.record([Entry("x", OPERATOR, {})])
    workspace.audit.checkpoint_if_due()
    assert workspace.audit.verify().checkpoints == before
    clock.advance(seconds=55)
    workspace.audit.checkpoint_if_due()
    assert workspace.audit.verify().checkpoints == before + 1
    clock.advance(seconds=600)
    workspace.audit.checkpoint_if_due()
    assert workspace.audit.verify().checkpoints == before + 1
