"""The policies of a workspace: which is in force, which were, putting another in force, and going back.

Invariants:
- a text that does not fit the schema, fails a case, or does not hold every shipped rule that forbids, word for
  word, is never put in force; the one in force stays;
- a version is put in force in one transaction with its entry in the log, and is felt by the next decision;
- texts stay, so that any version which the log names can be shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, Conflict
from muniment.governance.audit.entry import Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Actor, Principal
from muniment.governance.policy.cases import Failure, duties, failures, read_cases
from muniment.governance.policy.decide import Policy, text_of
from muniment.governance.policy.decision import POLICY
from muniment.governance.policy.gate import Gate
from muniment.governance.policy.roles import checked_reason
from muniment.governance.policy.rules import Rules, shipped, version_of
from muniment.governance.policy.tables import policy_activation, policy_version

SHORTEST = 6
"""Digits of a version that name it where no other begins so."""


@dataclass(frozen=True, slots=True)
class Version:
    """A policy text."""

    version: str
    policies: str
    in_force: bool
    cases: str
    """Cases of this workspace that it was tested on, as TOML."""


@dataclass(frozen=True, slots=True)
class Activation:
    """When a version came into force, and why."""

    number: int
    version: str
    how: str
    reason: str
    at: str
    by: str
    in_force: bool


@dataclass(frozen=True, slots=True)
class Trial:
    """What testing a text found."""

    version: str
    problems: tuple[str, ...]
    """Why it does not fit; then no case was tried."""
    failures: tuple[Failure, ...]
    cases: int
    lifted: tuple[str, ...] = ()
    """Rules of separation of duties that it lacks or changes."""

    @property
    def passed(self) -> bool:
        """Return whether it may be put in force."""
        return not self.problems and not self.failures and not self.lifted


class Versions:
    """The policy texts of one workspace."""

    def __init__(self, database: Database, audit: AuditLog, policy: Policy, gate: Gate, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._policy = policy
        self._gate = gate
        self._clock = clock

    def show(self, version: str | None = None) -> Version:
        """Return the version in force, or the one that these first digits name; raises BadInput for none."""
        with self._database.read() as connection:
            current = self._policy.version(connection)
            named = current if version is None else _named(connection, version)
            return _stored(connection, named, current)

    def history(self, limit: int | None = None) -> list[Activation]:
        """Return what was put in force, newest first; None for `limit` is all of it."""
        query = sa.select(policy_activation).order_by(policy_activation.c.number.desc()).limit(limit)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [
            Activation(row.number, row.version, row.how, row.reason, row.at, row.by, at == 0)
            for at, row in enumerate(rows)
        ]

    def trial(self, policies: str, cases: str | None = None) -> Trial:
        """Test a text on what holds everywhere and on cases; None: those of the version in force."""
        with self._database.read() as connection:
            return self._trial(connection, policies, self._cases(connection, cases))

    def activate(
        self,
        policies: str,
        reason: str,
        by: Actor,
        cases: str | None = None,
        who: Principal | None = None,
        upon: str | None = None,
    ) -> Activation:
        """Put a text in force, with its cases (None: those of the version in force).

        Raises BadInput for a text that does not fit, Conflict for one that fails a case or is in force already, and
        where `upon` is not what is in force; NotPermitted where policy does not let `who` do it.
        """
        why = checked_reason(reason)
        with self._gate.recorded(by), self._database.write() as connection:
            stated = self._gate.check(connection, who, "activate_policy", POLICY)
            self._follows(connection, upon)
            kept = self._cases(connection, cases)
            version = version_of(policies)
            self._check(connection, version, policies, kept)
            self._keep(connection, version, policies, kept, by)
            return self._enter(connection, version, "activate", why, by, stated)

    def rollback(
        self,
        version: str | None,
        reason: str,
        by: Actor,
        who: Principal | None = None,
        upon: str | None = None,
    ) -> Activation:
        """Put an earlier version in force, None: the one before; raises as `activate` does."""
        why = checked_reason(reason)
        with self._gate.recorded(by), self._database.write() as connection:
            stated = self._gate.check(connection, who, "activate_policy", POLICY)
            self._follows(connection, upon)
            named = self._before(connection) if version is None else _named(connection, version)
            found = _stored(connection, named, self._policy.version(connection))
            self._check(connection, named, found.policies, found.cases)
            self._keep(connection, named, found.policies, found.cases, by)
            return self._enter(connection, named, "rollback", why, by, stated)

    def _trial(self, connection: sa.Connection, policies: str, cases: str) -> Trial:
        rules = Rules(policies)
        problems = rules.problems()
        if problems:
            return Trial(rules.version, tuple(problems), (), 0)
        tried = [*duties(), *read_cases(cases, "cases")]
        kept, duty = rules.forbids(), Rules(shipped()).forbids()
        lifted = tuple(name for name, rule in duty.items() if kept.get(name) != rule)
        return Trial(rules.version, (), tuple(failures(rules, tried)), len(tried), lifted)

    def _check(self, connection: sa.Connection, version: str, policies: str, cases: str) -> None:
        trial = self._trial(connection, policies, cases)
        stays = "The policy in force stays."
        if trial.problems:
            raise BadInput(f"The policy does not fit: {trial.problems[0]}", fix=stays)
        if trial.lifted:
            raise Conflict(f"The policy lacks or changes the rule {', '.join(trial.lifted)}.", fix=stays)
        if trial.failures:
            count = len(trial.failures)
            more = f" (and {count - 1} more)" if count > 1 else ""
            raise Conflict(f"The policy fails a case: {trial.failures[0]}{more}.", fix=stays)
        if version == self._policy.version(connection):
            raise Conflict("This version is in force already.", fix="Nothing was changed.")

    def _follows(self, connection: sa.Connection, upon: str | None) -> None:
        if upon not in (None, self._policy.version(connection)):
            raise Conflict("Another version came into force meanwhile.", fix="Look at what differs from it.")

    def _cases(self, connection: sa.Connection, given: str | None) -> str:
        if given is not None:
            return given
        current = self._policy.version(connection)
        return _stored(connection, current, current).cases

    def _keep(self, connection: sa.Connection, version: str, policies: str, cases: str, by: Actor) -> None:
        at = timestamp(self._clock.now())
        first = version_of(shipped())
        for one, text, tried in ((first, shipped(), ""), (version, policies, cases)):
            known = connection.execute(_KNOWN, {"version": one}).scalar()
            if known is None:
                values = {"version": one, "policies": text, "cases": tried, "at": at, "by": by.ref}
                connection.execute(sa.insert(policy_version).values(**values))
            elif one == version:
                change = sa.update(policy_version).where(policy_version.c.version == one)
                connection.execute(change.values(cases=tried))

    def _enter(
        self,
        connection: sa.Connection,
        version: str,
        how: str,
        why: str,
        by: Actor,
        stated: dict[str, str],
    ) -> Activation:
        before = self._policy.version(connection)
        last: int = connection.execute(_LAST).scalar() or 0
        made = Activation(last + 1, version, how, why, timestamp(self._clock.now()), by.ref, True)
        values = {"number": made.number, "version": version, "how": how, "reason": why, "at": made.at}
        connection.execute(sa.insert(policy_activation).values(**values, by=by.ref))
        about = {**stated, "version": version, "before": before, "reason": self._audit.commitment(why)}
        kind = "policy.activated" if how == "activate" else "policy.rolled_back"
        self._audit.append(connection, [Entry(kind, by, about)])
        return made

    def _before(self, connection: sa.Connection) -> str:
        """Return what was in force before the version in force was put there."""
        current = self._policy.version(connection)
        rows = connection.execute(sa.select(policy_activation).order_by(policy_activation.c.number)).all()
        entered = [at for at, row in enumerate(rows) if row.version == current and row.how == "activate"]
        if not entered:
            raise Conflict("No version was in force before this one.", fix="See `muniment policy history`.")
        return rows[entered[-1] - 1].version if entered[-1] else version_of(shipped())


_KNOWN = sa.select(policy_version.c.version).where(policy_version.c.version == sa.bindparam("version"))
_LAST = sa.select(sa.func.max(policy_activation.c.number))


def _stored(connection: sa.Connection, version: str, current: str) -> Version:
    if version == version_of(shipped()):
        return Version(version, shipped(), version == current, _cases_of(connection, version))
    text = text_of(connection, version)
    return Version(version, text, version == current, _cases_of(connection, version))


def _cases_of(connection: sa.Connection, version: str) -> str:
    query = sa.select(policy_version.c.cases).where(policy_version.c.version == version)
    found: str | None = connection.execute(query).scalar()
    return found or ""


def _named(connection: sa.Connection, given: str) -> str:
    digits = given.removeprefix("sha256:")
    known: Sequence[str] = connection.execute(sa.select(policy_version.c.version)).scalars().all()
    everything = sorted({*known, version_of(shipped())})
    found = [one for one in everything if one.removeprefix("sha256:").startswith(digits)]
    if len(digits) < SHORTEST or len(found) != 1:
        many = "More than one version begins" if len(found) > 1 else "No version begins"
        raise BadInput(
            f"{many} with '{given}'."
            if len(digits) >= SHORTEST
            else f"'{given}' is too short for a version.",
            fix="See `muniment policy history`.",
        )
    return found[0]
