"""Putting a release in force, to a share of people first where that is wanted, and going back.

Invariants:
- a release goes out only as it was built, and only on a verdict as of now that nothing stops;
- its prompts come to be live in the transaction of its entry in the log, or none of them does;
- going back puts back what has registries of its own, and says exactly what else differs; files are not touched
  unless that is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from muniment.assurance.release import records
from muniment.assurance.release.checks import Checks
from muniment.assurance.release.gate import NONE, Verdict
from muniment.assurance.release.manifest import changed
from muniment.assurance.release.records import Release, Staged
from muniment.assurance.release.releases import Releases, resource_of
from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, Conflict, MunimentError
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.gate import Gate
from muniment.governance.policy.roles import checked_reason

if TYPE_CHECKING:
    from muniment.governance.policy.versions import Versions
    from muniment.inference.prompt_registry import Prompts
    from muniment.knowledge.retrieval.versions import RankingVersions

LARGEST_SHARE = 50
"""Percent of people that a canary may have; more would leave too few to compare with."""


@dataclass(frozen=True, slots=True)
class WentBack:
    """What going back did."""

    left: Release
    to: Release | None
    """None where a canary ended: what was in force stays so."""
    put_back: tuple[str, ...]
    failed: tuple[str, ...] = ()
    """What could not be put back, and why."""


class Promotions:
    """The promotions of one workspace."""

    def __init__(
        self,
        *,
        database: Database,
        audit: AuditLog,
        gate: Gate,
        releases: Releases,
        checks: Checks,
        prompts: Prompts,
        rankings: RankingVersions,
        policies: Versions,
        clock: Clock,
    ) -> None:
        self._database = database
        self._audit = audit
        self._gate = gate
        self._releases = releases
        self._checks = checks
        self._prompts = prompts
        self._rankings = rankings
        self._policies = policies
        self._clock = clock

    def promote(
        self, given: str, reason: str, by: Actor, who: Principal | None = None, share: int | None = None
    ) -> Staged:
        """Put a release in force, or with `share` its prompts before that percentage of people.

        Raises Conflict, on record, where the files are not what was built or something stops it, BadInput for another
        share, NotPermitted where policy does not let `who` do it.
        """
        why = checked_reason(reason)
        if share is not None and not 1 <= share <= LARGEST_SHARE:
            raise BadInput(f"A canary cannot have {share} percent.", fix=f"Choose 1 to {LARGEST_SHARE}.")
        release, judged_against = self._releases.find(given).release, self._releases.in_force()
        verdict = self._passing(release, by, who, why)
        with self._gate.recorded(by), self._database.write() as connection:
            stated = self._gate.check(connection, who, "promote_release", resource_of(release.id, by.ref))
            before = self._before(connection, release, judged_against, share)
            if share is None:
                for prompt in release.prompts.values():
                    self._prompts.bring_live(connection, prompt, "promote", why, by, who)
            stage: records.Stage = "promoted" if share is None else "canary"
            kept: dict[str, Json] = {**verdict.as_json(), **({} if share is None else {"share": share})}
            at = timestamp(self._clock.now())
            made = records.enter(connection, release.id, stage, why, by.ref, at, kept)
            about = {
                **stated,
                **self._about(release, why),
                "before": before.id if before else NONE,
                "waived": [one.name for one in verdict.waived],
                **({} if share is None else {"share": share}),
            }
            self._audit.append(connection, [Entry(f"release.{stage}", by, about)])
        return made

    def rollback(self, reason: str, by: Actor, who: Principal | None = None) -> WentBack:
        """End the canary that runs, else go back to the release that was in force before.

        Raises Conflict where there was none, NotPermitted where policy does not let `who` do it.
        """
        why = checked_reason(reason)
        with self._gate.recorded(by), self._database.write() as connection:
            canary = records.canary_of(connection)
            way = records.line(connection)
            if canary is None and len(way) < 2:
                raise Conflict("No release was in force before this one.", fix="See `muniment release list`.")
            left = records.of_id(connection, canary.release if canary else way[-1])
            to = None if canary else records.of_id(connection, way[-2])
            stated = self._gate.check(connection, who, "promote_release", resource_of(left.id, by.ref))
            back = [
                f"prompt {one.version} for {purpose}"
                for purpose, one in (to.prompts if to else {}).items()
                if self._prompts.bring_live(connection, one, "rollback", why, by, who)
            ]
            self._enter_rollback(connection, left, to, why, by, dict(stated))
        if to is None:
            return WentBack(left, None, ())
        failed: list[str] = []
        for what, work in self._registries(to, why, by, who):
            try:
                if work():
                    back.append(what)
            except MunimentError as error:
                failed.append(f"{what}: {error}")
        return WentBack(left, to, tuple(back), tuple(failed))

    def end_canary(self, canary: Staged, reason: str, figures: Json, by: Actor) -> bool:
        """End a canary because of its figures; return False where it runs no more."""
        with self._database.write() as connection:
            running = records.canary_of(connection)
            if running is None or running.number != canary.number:
                return False
            left = records.of_id(connection, canary.release)
            stated: dict[str, Json] = {"figures": figures}
            self._enter_rollback(connection, left, None, reason, by, stated)
        return True

    def _passing(self, release: Release, by: Actor, who: Principal | None, why: str) -> Verdict:
        """Return the verdict as of now; raises Conflict, on record, where something stops the release."""
        about = self._about(release, why)
        try:
            self._releases.require_as_built(release)
        except Conflict:
            differing = sorted(changed(release.manifest, self._releases.as_now(release)))
            self._audit.record([Entry("release.refused", by, {**about, "differing": differing})])
            raise
        verdict = self._checks.verdict(release, by.ref if who is None else who.ref)
        if not verdict.ok:
            blocks = [one.name for one in verdict.blocks]
            self._audit.record([Entry("release.refused", by, {**about, "blocks": blocks})])
            raise _stopped(release, verdict)
        return verdict

    def _before(
        self,
        connection: sa.Connection,
        release: Release,
        judged_against: Release | None,
        share: int | None,
    ) -> Release | None:
        """Return the release in force; raises Conflict where this one or a new one is, or another has a canary."""
        before = records.in_force(connection)
        if (before and before.id) != (judged_against and judged_against.id):
            raise Conflict("Another release came into force meanwhile.", fix="Check this one anew.")
        if before is not None and before.id == release.id:
            raise Conflict(f"{release.name} is in force already.", fix="Nothing was changed.")
        canary = records.canary_of(connection)
        if canary is not None and (share is not None or canary.release != release.id):
            other = records.of_id(connection, canary.release)
            raise Conflict(
                f"The canary of {other.name} runs.",
                fix="Promote that one, or end it: `muniment release rollback --reason WHY`.",
            )
        return before

    def _enter_rollback(
        self,
        connection: sa.Connection,
        left: Release,
        to: Release | None,
        why: str,
        by: Actor,
        stated: dict[str, Json],
    ) -> None:
        at = timestamp(self._clock.now())
        kept: dict[str, Json] = {"to": to.id if to else NONE, **stated}
        records.enter(connection, left.id, "rolled_back", why, by.ref, at, kept)
        about = {**stated, **self._about(left, why), "to": to.id if to else NONE}
        self._audit.append(connection, [Entry("release.rolled_back", by, about)])

    def _registries(
        self, to: Release, why: str, by: Actor, who: Principal | None
    ) -> list[tuple[str, Callable[[], bool]]]:
        """Return what has a registry of its own, the policy last: under another, nobody may be let do the rest."""
        ranking = str(to.manifest.components["retrieval"]["settings"])
        policy = str(to.manifest.components["policy"]["version"])

        def rank() -> bool:
            if self._rankings.in_use().name == ranking:
                return False
            number = int(ranking.partition("@")[0].partition(" ")[0])
            self._rankings.use(number, by)
            return True

        def govern() -> bool:
            if self._policies.show().version == policy:
                return False
            self._policies.rollback(policy, why, by, who)
            return True

        return [(f"ranking settings {ranking}", rank), (f"policy {policy}", govern)]

    def _about(self, release: Release, why: str) -> dict[str, Json]:
        return {
            "release": release.id,
            "name": release.name,
            "hash": release.manifest.hash,
            "reason": self._audit.commitment(why),
        }


def _stopped(release: Release, verdict: Verdict) -> Conflict:
    first, more = verdict.blocks[0], len(verdict.blocks) - 1
    also = f" (and {more} more: `muniment release check {release.name}`)" if more else ""
    return Conflict(f"{release.name} does not go out: {first.says}{also}", fix=first.fix)
