"""How long a proposal takes until it is stored and waits for people, and an approval until its effect is recorded.

Part of `muniment bench actions`. The commit of the log is on this machine's disk, so a lone durable transaction is
measured beside it.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.bars import Bar, bar, p50, p95
from muniment import app
from muniment.actions.approvals import Approver
from muniment.actions.proposals import Call
from muniment.actions.runners.call import ToolCall
from muniment.governance.audit.entry import Entry
from muniment.governance.identity.principal import OPERATOR, Actor, Principal

PEOPLE = 40
EACH = 8
"""Of one person: fewer than may wait for people."""
MANIFEST = """
name = "refund"
says = "Pays money of an order back."
effect = "pay"
reversible = "never"
sensitivity = "internal"
allowed_groups = ["group:everyone"]
seen_by = "company"
money = { amount = "amount", always = "EUR" }
[arguments]
type = "object"
additionalProperties = false
required = ["order", "amount", "reason"]
[arguments.properties]
order = { type = "string", maxLength = 32 }
amount = { type = "string", pattern = "^[0-9]{1,7}[.][0-9]{2}$" }
reason = { type = "string", maxLength = 400 }
[roles]
order = "reference"
amount = "amount"
reason = "content"
[result]
type = "object"
[runs]
kind = "python"
function = "shop:refund"
"""


class _Nothing:
    """A system that does what it is asked at once."""

    def run(self, call: ToolCall) -> object:
        return {"key": call.key}


def bars() -> list[Bar]:
    """Return the times of proposing, and of approving with carrying out."""
    with tempfile.TemporaryDirectory(prefix="muniment-proposing-") as temporary:
        workspace = _office(Path(temporary))
        try:
            proposed, decided, alone = _measured(workspace)
        finally:
            workspace.close()
    return [
        bar("proposal to stored approval request, p50", 25, p50(proposed), "ms"),
        bar("proposal to stored approval request, p95", None, p95(proposed), "ms"),
        bar("approval to recorded outcome of an effect that takes no time, p50", None, p50(decided), "ms"),
        bar("one durable entry of the log alone, p50", None, p50(alone), "ms"),
    ]


def _office(place: Path) -> app.Workspace:
    workspace = app.create(place / "home", embedder=lambda: None)
    people = "".join(f"[users.u{n}]\n" for n in range(PEOPLE))
    file = place / "directory.toml"
    file.write_text(people + "".join(f"[users.lead{n}]\n" for n in range(PEOPLE)))
    workspace.directory.import_file(file, OPERATOR)
    workspace.running = _Nothing()
    workspace.tools.add(MANIFEST, None, OPERATOR)
    for n in range(PEOPLE):
        workspace.roles.grant("tool-user", f"user:u{n}", "measured", OPERATOR)
        workspace.roles.grant("approver", f"user:lead{n}", "measured", OPERATOR)
    return workspace


def _measured(workspace: app.Workspace) -> tuple[list[float], list[float], list[float]]:
    proposed: list[float] = []
    decided: list[float] = []
    alone: list[float] = []
    for n in range(PEOPLE):
        who, lead = Principal("user", f"u{n}"), Principal("user", f"lead{n}")
        by, leads = Actor(who.ref, "http"), Actor(lead.ref, "web")
        for m in range(EACH):
            call = Call("refund", {"order": f"A-{n}-{m}", "amount": "20.00", "reason": "it arrived broken"})
            started = time.perf_counter()
            made = workspace.actions.propose(who, by, call).action
            proposed.append(time.perf_counter() - started)
            if made is None:
                raise RuntimeError("a proposal was denied")
            shown = workspace.approvals.show(made.id, lead, leads)
            approver = Approver(lead, leads, workspace.clock.now())
            started = time.perf_counter()
            done = workspace.actions.approve(made.id, shown.action.digest, shown.ticket, approver)
            decided.append(time.perf_counter() - started)
            if done.state != "done":
                raise RuntimeError(f"an action is {done.state}")
            started = time.perf_counter()
            workspace.audit.record([Entry("bench.alone", OPERATOR, {"n": m})])
            alone.append(time.perf_counter() - started)
    return proposed, decided, alone
