"""Letting one finding of a check pass for a while: asked for by one person, stood by by another.

Invariants:
- who stands by it is neither who asked for it, nor who built the release, nor who promotes it, whatever policy says;
- a security failure, or a report that does not count, is never let pass;
- it is of one finding of one release, ends by itself, and counts only while who stands by it still may;
- asking for one lets nothing pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from muniment.assurance.release import records
from muniment.assurance.release.records import Release, Staged
from muniment.assurance.release.releases import resource_of
from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, Conflict, Denied
from muniment.governance.audit.entry import Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Actor, Principal
from muniment.governance.policy.decide import Policy
from muniment.governance.policy.gate import Gate
from muniment.governance.policy.roles import checked_reason

if TYPE_CHECKING:
    from muniment.assurance.release.gate import Block, Verdict

LASTS = timedelta(days=14)
MOST_ASKED = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """A waiver that somebody asked for and nobody stands by yet."""

    number: int
    release: str
    """Its name."""
    block: str
    says: str
    """The finding, in words."""
    reason: str
    requester: str
    at: str


class Waivers:
    """The waivers of one workspace."""

    def __init__(self, database: Database, audit: AuditLog, policy: Policy, gate: Gate, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._policy = policy
        self._gate = gate
        self._clock = clock

    def ask(
        self,
        given: str,
        block: str,
        reason: str,
        who: Principal,
        by: Actor,
        verdict: Callable[[Release], Verdict],
    ) -> Staged:
        """Ask that the finding `block` of a release be let pass; a second person stands by it, or nobody does.

        Raises BadInput for a finding that there is not, Conflict for one that nobody may let pass, NotPermitted where
        policy does not let `who` promote the release.
        """
        why = checked_reason(reason)
        with self._database.read() as connection:
            release = records.named(connection, given)
        found = self._require_waivable(release, block, verdict(release))
        with self._gate.recorded(by), self._database.write() as connection:
            stated = self._gate.check(connection, who, "promote_release", resource_of(release.id, who.ref))
            kept = {"block": block, "says": found.says}
            at = timestamp(self._clock.now())
            made = records.enter(connection, release.id, "asked", why, who.ref, at, kept)
            about = {
                **stated,
                "block": block,
                "release": release.id,
                "hash": release.manifest.hash,
                "reason": self._audit.commitment(why),
            }
            self._audit.append(connection, [Entry("release.waiver_asked", by, about)])
        return made

    def asked(self, who: Principal, by: Actor) -> tuple[Asked, ...]:
        """Return what was asked for in the last 14 days and waits for somebody like `who`, the newest first.

        Raises NotPermitted where policy does not let `who` stand by any waiver.
        """
        found: list[Asked] = []
        with self._gate.recorded(by), self._database.read() as connection:
            self._gate.check(connection, who, "waive_release", resource_of("", ""))
            standing = self._policy.standing(connection, who)
            stages = records.stages(connection)
            done = {(one.release, one.verdict["block"], one.by) for one in stages if one.stage == "waived"}
            for one in reversed(stages):
                if one.stage != "asked" or len(found) == MOST_ASKED:
                    continue
                if self._clock.now() - datetime.fromisoformat(one.at) > LASTS:
                    continue
                if (one.release, one.verdict["block"], one.by) in done:
                    continue
                release = records.of_id(connection, one.release)
                mine = who.ref in (one.by, release.by)
                if mine or not standing.decide("waive_release", resource_of(release.id, one.by)).allowed:
                    continue
                block, says = str(one.verdict["block"]), str(one.verdict["says"])
                done.add((one.release, one.verdict["block"], one.by))
                found.append(Asked(one.number, release.name, block, says, one.reason, one.by, one.at))
        return tuple(found)

    def waive(
        self,
        given: str,
        block: str,
        reason: str,
        requester: str,
        second: Principal,
        by: Actor,
        verdict: Callable[[Release], Verdict],
    ) -> Staged:
        """Let the finding `block` of a release pass for 14 days; `requester` is the ref of who asks.

        Raises BadInput for a finding that there is not, Conflict for one that nobody may let pass or a second person
        who is no other, NotPermitted where policy does not let `second` stand by it.
        """
        why = checked_reason(reason)
        with self._database.read() as connection:
            release = records.named(connection, given)
        if second.ref in (requester, release.by):
            raise Conflict(
                f"{second.ref} asked for this or built {release.name}.", fix="Have somebody else stand by it."
            )
        self._require_waivable(release, block, verdict(release))
        with self._gate.recorded(by), self._database.write() as connection:
            stated = self._gate.check(connection, second, "waive_release", resource_of(release.id, requester))
            now = self._clock.now()
            kept = {"block": block, "expires": timestamp(now + LASTS)}
            made = records.enter(
                connection, release.id, "waived", why, requester, timestamp(now), kept, second.ref
            )
            about = {
                **stated,
                **kept,
                "release": release.id,
                "hash": release.manifest.hash,
                "requester": requester,
                "second": second.ref,
                "reason": self._audit.commitment(why),
            }
            self._audit.append(connection, [Entry("release.waived", by, about)])
        return made

    def standing(self, connection: sa.Connection, release: Release, promoter: str) -> frozenset[str]:
        """Return the findings of a release that are let pass now, should `promoter` promote it."""
        return frozenset(
            str(one.verdict["block"])
            for one in records.stages(connection, release.id)
            if one.stage == "waived" and self._lasts(one) and self._counts(connection, release, one, promoter)
        )

    def _lasts(self, one: Staged) -> bool:
        begins, ends = datetime.fromisoformat(one.at), datetime.fromisoformat(str(one.verdict["expires"]))
        return begins <= self._clock.now() < min(ends, begins + LASTS)

    def _counts(self, connection: sa.Connection, release: Release, one: Staged, promoter: str) -> bool:
        kind, _, name = (one.second or "").partition(":")
        if kind != "user" or one.second in (promoter, one.by, release.by):
            return False
        try:
            standing = self._policy.standing(connection, Principal("user", name))
        except Denied:
            return False
        return standing.decide("waive_release", resource_of(release.id, one.by)).allowed

    def _require_waivable(self, release: Release, block: str, verdict: Verdict) -> Block:
        found = next((one for one in (*verdict.blocks, *verdict.waived) if one.name == block), None)
        if found is None:
            known = ", ".join(one.name for one in verdict.blocks if one.waivable)
            raise BadInput(
                f"Nothing called {block!r} stops {release.name}.",
                fix=f"What may be let pass: {known or 'nothing'}.",
            )
        if not found.waivable:
            kind = "A security failure" if found.why == "security" else "A report that does not count"
            raise Conflict(f"{kind} is never let pass: {found.says}", fix=found.fix)
        return found
