"""WF2, AP14: kill -9 at each boundary of the shipped workflows' steps and inside each effect, over real systems.

Every run ends as it should, and the systems' own journal holds each effect once. Killed between an action's claim and
its outcome, nobody knows whether it was done: that is what the run says, and it is not done again.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.crash.test_kill_nine import PLACES, ROOT
from tests.simulators.acme_systems import ISSUER, AcmeSystems

from muniment import app
from muniment.actions.manifest_folder import manifest_texts
from muniment.app import Workspace
from muniment.foundation.clock import Clock
from muniment.foundation.workflows.runs import Run, State
from muniment.governance.identity.principal import OPERATOR, Actor, Principal
from muniment.settings import parse

ACME = ROOT / "examples" / "acme"
LEADS = ("niaj", "carol", "grace", "sybil")
KILLED = signal.SIGKILL


@dataclass(frozen=True)
class Case:
    """A workflow as somebody starts it, and the effects that it has."""

    name: str
    who: str
    given: dict[str, str]
    effects: tuple[str, ...]


PURCHASE = Case(
    "purchase-request",
    "ivan",
    {
        "supplier": "Potting Supplies",
        "item": "forty drums of resin R-20",
        "amount": "8400.00",
        "currency": "EUR",
        "cost_centre": "OPS-1",
    },
    ("createPurchase",),
)
REFUND = Case("customer-case", "bob", {"mail": "mail_seed1"}, ("createRefund", "sendMail"))
ACCESS = Case(
    "access-request",
    "frank",
    # Long enough for a busy machine to start another process and have the grant approved before it is over.
    {"user": "dave", "system": "orders", "for": "8s"},
    ("createAccessGrant", "revokeAccessGrant"),
)
CASES = (PURCHASE, REFUND, ACCESS)


class Later(Clock):
    """A clock of an hour from now, by which every claim is over."""

    def now(self) -> datetime:
        return super().now() + timedelta(hours=1)


class Company:
    """The sample company's home, its systems, and processes that run its workflows."""

    def __init__(self, workspace: Workspace, systems: AcmeSystems, settings: dict[str, Any]) -> None:
        self.workspace = workspace
        self.systems = systems
        self.settings = settings
        self.told = systems.folder / "died"
        self._maker = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.acting_worker"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": PLACES},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        self._maker.communicate()

    def start(self, case: Case, key: str) -> Run:
        who = Principal("user", case.who)
        by = Actor(who.ref, "http")
        return self.workspace.workflow_runs.start(case.name, case.given, who, by, key=key, own_words=True)

    def work(self, run: Run, die_at: int = 0, only: str = "") -> int:
        """Let a process work until the run has ended, or it has; return how it ended."""
        said = {
            "home": str(self.workspace.home),
            "settings": self.settings,
            "told": str(self.told),
            "run": run.id,
            "people": LEADS,
            "die_at": die_at,
            "only": only,
        }
        assert self._maker.stdin is not None and self._maker.stdout is not None
        self._maker.stdin.write(json.dumps(said) + "\n")
        self._maker.stdin.flush()
        return int(json.loads(self._maker.stdout.readline())["status"])

    def claims_are_over(self) -> int:
        """Put on record what has no outcome, as a server does once its time is over."""
        later = app.open(
            self.workspace.home, settings=self.workspace.settings, clock=Later(), embedder=lambda: None
        )
        try:
            return later.claims.overdue()
        finally:
            later.close()

    def killed_at(self, case: Case, point: int, only: str = "") -> str:
        """Kill a run at a point and let another process go on; return where that was, empty past the last point."""
        self.systems.reset()
        self.told.unlink(missing_ok=True)
        run = self.start(case, f"{only}{point}")
        if self.work(run, point, only) != KILLED:
            unharmed = self.workspace.workflow_runs.show(run.id, None)
            assert unharmed.result is not None and unharmed.result["state"] == "done", unharmed.why
            return ""
        where = self.told.read_text()
        if where == "effect":
            assert self.claims_are_over() == 1
        assert self.work(run) == 0
        ended = self.workspace.workflow_runs.show(run.id, None)
        assert ended.state is State.DONE and ended.result is not None, (point, ended.why)
        operations = tuple(one["operation"] for one in self.systems.effects())
        if where == "step":
            assert ended.result["state"] == "done", (point, ended)
            assert operations == case.effects, (point, operations)
        else:
            assert ended.result["state"] == "unknown" and "unknown" in str(ended.tells), (point, ended)
            assert operations == case.effects[: len(operations)], (point, operations)
            stopped = [one for one in self._actions(case, run) if one.state == "unknown"]
            assert len(stopped) == 1
        return where

    def _actions(self, case: Case, run: Run) -> list[Any]:
        mine = self.workspace.actions.mine(Principal("user", case.who), 1000)
        return [one for one in mine if one.bound.agent.run == run.id]


@pytest.fixture(scope="module", params=["file", "postgres"])
def company(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    place = tmp_path_factory.mktemp("killed")
    with ExitStack() as closing:
        (place / "home").mkdir()
        said: dict[str, Any] = {"tools": {"issuer": ISSUER, "mail_domains": ["marrowby.example"]}}
        if request.param == "postgres":
            server = request.getfixturevalue("postgres")
            url = server.prepared()
            closing.callback(server.drop, url)
            (place / "home" / "database-url").write_text(url)
            said["database"] = {"url": "file:database-url"}
        yield _company(place, said, closing)


def _company(place: Path, said: dict[str, Any], closing: ExitStack) -> Company:
    workspace = app.create(place / "home", settings=parse(said), embedder=lambda: None)
    closing.callback(workspace.close)
    (place / "systems").mkdir()
    systems = AcmeSystems(place / "systems")
    closing.callback(systems.close)
    systems.jwks = {"keys": [systems.key.as_dict(private=False), workspace.call_credentials.public_jwk()]}
    systems.start()
    named = {**said, "tools": {**said["tools"], "origins": [systems.url]}}
    workspace.settings = parse(named)
    workspace.directory.import_file(ACME / "directory.toml", OPERATOR)
    for text in manifest_texts(ACME / "tools", {"systems": systems.url}):
        # Whoever is killed so often does more in a minute than a person is let.
        workspace.tools.add(re.sub(r"per_minute = \d+", "per_minute = 1000", text), None, OPERATOR)
    for role in ("tool-user", "reader"):
        workspace.roles.grant(role, "group:everyone", "they work", OPERATOR)
    for who in LEADS:
        workspace.roles.grant("approver", f"user:{who}", "they lead", OPERATOR)
    made = Company(workspace, systems, named)
    closing.callback(made.close)
    return made


@pytest.mark.parametrize("point", [1, 4, 10])
def test_killed_at_some_points_a_purchase_is_made_once(company: Company, point: int) -> None:
    assert company.killed_at(PURCHASE, point) == "step"
    assert company.workspace.audit.verify().findings == ()


@pytest.mark.parametrize("point", [1, 2], ids=["before", "after"])
def test_killed_inside_an_effect_a_purchase_is_unknown_and_not_made_again(
    company: Company, point: int
) -> None:
    assert company.killed_at(PURCHASE, point, only="effect") == "effect"
    assert len(company.systems.effects()) == point - 1


@pytest.mark.prove
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_killed_at_every_point_each_effect_is_there_once(company: Company, case: Case) -> None:
    died: list[str] = []
    for point in range(1, 200):
        where = company.killed_at(case, point)
        if not where:
            break
        died.append(where)
    print(case.name, died)
    assert died.count("effect") >= 2 * len(case.effects) and died.count("step") >= 10
    assert company.workspace.audit.verify().findings == ()
