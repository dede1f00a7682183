"""Trying a draft of the policy before anybody puts it in force: does it fit, does it pass, what would it change."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from muniment.foundation.canonical import exact
from muniment.foundation.database import Database
from muniment.foundation.errors import Conflict
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decide import Policy
from muniment.governance.policy.decision import AUDIT, POLICY
from muniment.governance.policy.gate import Gate
from muniment.governance.policy.located import Located, located
from muniment.governance.policy.replay import Replay, Replayed
from muniment.governance.policy.rules import Rules
from muniment.governance.policy.versions import Activation, Trial, Versions

MOST = 5_000
"""Recorded decisions that are taken again, the newest ones."""
SECONDS = 5.0
"""That this may take."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What trying a draft found."""

    trial: Trial
    problems: tuple[Located, ...]
    replayed: Replayed | None
    """None where it does not fit, or whoever asks may not read the log."""
    reads_log: bool
    activates: bool
    """Whether whoever asks may put it in force."""
    digest: str
    """Of the text, the cases and the version in force, so that what is put in force is what was tried."""


class Trials:
    """Tries drafts for people who may read the policy of one workspace."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        policy: Policy,
        gate: Gate,
        versions: Versions,
        replay: Replay,
    ) -> None:
        self._database = database
        self._audit = audit
        self._policy = policy
        self._gate = gate
        self._versions = versions
        self._replay = replay

    def of(self, policies: str, cases: str, span: timedelta, who: Principal, by: Actor) -> Tried:
        """Try a text on these cases and on the decisions of the last `span`.

        Raises BadInput for cases that cannot be read, NotPermitted where policy does not let `who` read it.
        """
        with self._gate.recorded(by), self._database.read() as connection:
            stated = self._gate.check(connection, who, "read_policy", POLICY)
            standing = self._policy.standing(connection, who)
            upon = self._policy.version(connection)
        reads_log = standing.decide("read_audit", AUDIT).allowed
        trial = self._versions.trial(policies, cases)
        found: Replayed | None = None
        if not trial.problems and reads_log:
            found = self._replay.changes(Rules(policies), span, MOST, SECONDS)
        about = {"version": trial.version, "passed": trial.passed, "days": span.days}
        changes = {} if found is None else {"decisions": found.decisions, "changes": len(found.changes)}
        self._audit.record([Entry("policy.tried", by, {**stated, **about, **changes})])
        problems = located(policies) if trial.problems else ()
        activates = standing.decide("activate_policy", POLICY).allowed
        return Tried(trial, problems, found, reads_log, activates, digest_of(policies, cases, upon))

    def activate(
        self, policies: str, cases: str, digest: str, reason: str, who: Principal, by: Actor
    ) -> Activation:
        """Put in force what was tried under this digest; raises as `Versions.activate`, and Conflict for another.

        Where another version came into force since, it was not tried upon that one.
        """
        with self._database.read() as connection:
            upon = self._policy.version(connection)
        if digest_of(policies, cases, upon) != digest:
            raise Conflict(
                "This text, its cases or the version in force are not what was tested.",
                fix="Look at what testing it finds now.",
            )
        return self._versions.activate(policies, reason, by, cases, who, upon)


def digest_of(policies: str, cases: str, upon: str) -> str:
    """Return the digest of a draft with the cases that it is tried on, and the version that it would follow."""
    return hashlib.sha256(exact([policies, cases, upon])).hexdigest()
