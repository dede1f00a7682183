"""The leave to ask a suite's questions as the people it names: by whom, for what, recorded before the first one.

Invariant: it opens no document. Each question is still asked with its asker's rights and no others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from muniment.assurance.evaluation.case import Suite
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import Resource
from muniment.governance.policy.gate import Gate
from muniment.governance.policy.roles import checked_reason

Work = Literal["evaluation", "tuning", "check", "drafting"]


@dataclass(frozen=True, slots=True)
class Commission:
    """Who wants a suite run, and why."""

    reason: str
    """Why; where it says nothing, the reason that the suite states."""
    by: Actor
    who: Principal | None = None
    """Whom policy must allow `run_suite`; None is whoever can open the keys, as the log says."""


def begin(
    commission: Commission,
    work: Work,
    suite: Suite,
    database: Database,
    gate: Gate,
    audit: AuditLog,
    askers: Collection[str] | None = None,
) -> None:
    """Put the work on record; raises BadInput without a reason, NotPermitted where policy does not let them.

    `askers` are those in whose name it is done, where they are not those of the cases.
    """
    with gate.recorded(commission.by), database.write() as connection:
        decided = admitted(commission, suite, gate, connection)
        audit.append(connection, [entry(work, commission, suite, audit, decided, askers)])


def admitted(
    commission: Commission, suite: Suite, gate: Gate, connection: sa.Connection
) -> Mapping[str, Json]:
    """Return the decision for the log; raises as `begin`, and stands inside `Gate.recorded`."""
    _reason(commission, suite)
    return gate.check(connection, commission.who, "run_suite", Resource("Suite", suite.name))


def entry(
    work: Work,
    commission: Commission,
    suite: Suite,
    audit: AuditLog,
    decided: Mapping[str, Json],
    askers: Collection[str] | None = None,
) -> Entry:
    """Return the entry that says what is begun."""
    about: dict[str, Json] = {
        "suite": suite.name,
        "suite_digest": suite.digest,
        "cases": len(suite.cases),
        "askers": len({case.asker for case in suite.cases} if askers is None else askers),
        "reason": audit.commitment(_reason(commission, suite)),
        "reason_of": "run" if commission.reason else "suite",
    }
    return Entry(f"{work}.started", commission.by, {**decided, **about})


def _reason(commission: Commission, suite: Suite) -> str:
    stated = commission.reason or suite.reason
    if not stated.strip():
        raise BadInput(
            "There is no reason to ask as other people.",
            fix="Say why with --reason, or once for all runs with `reason` in suite.toml.",
        )
    return checked_reason(stated)
