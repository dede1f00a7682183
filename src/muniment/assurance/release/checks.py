"""Checking a release: running the suites that its changes touch, keeping what came of it, the verdict as of now.

Invariants:
- a suite is run by whoever asks for the check, with their leave and no more;
- what is kept holds names, figures and ids: no question, no answer;
- a verdict is worked out anew each time from what was kept and what is so now.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Protocol, cast

import sqlalchemy as sa

from muniment.assurance.evaluation.case import Suite
from muniment.assurance.evaluation.results import Run
from muniment.assurance.release import records
from muniment.assurance.release.gate import (
    NONE,
    Judge,
    Now,
    Report,
    Verdict,
    decided,
    read_report,
    reported,
    touched,
)
from muniment.assurance.release.manifest import Component
from muniment.assurance.release.records import Release
from muniment.assurance.release.releases import Releases, changed_components
from muniment.assurance.release.waivers import Waivers
from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.roles import checked_reason

NO_BASELINE = "no run of the release in force is kept or can be made, so its targets alone judged it"
FIRST = "no release is in force, so its targets alone judged it"


class Evidence(Protocol):
    """What evaluation gives: suites, runs of them, and what they are run over."""

    def suites(self) -> Sequence[Suite]:
        """Return the suites of this workspace as they are now."""
        ...

    def corpus(self) -> str:
        """Return the digest of the documents, their versions and who may read them, as runs state it."""
        ...

    def run(self, suite: Suite, release: Release, reason: str, by: Actor, who: Principal | None) -> Run:
        """Run a suite on a release; the run's lineage is that of the release's manifest.

        Raises NotPermitted where policy does not let `who` run it.
        """
        ...

    def last(self, suite: Suite, lineage: Mapping[str, Json]) -> Run | None:
        """Return the last whole run of this suite with this lineage, or None."""
        ...


class Checks:
    """The checks of one workspace."""

    def __init__(
        self,
        *,
        database: Database,
        audit: AuditLog,
        releases: Releases,
        waivers: Waivers,
        evidence: Evidence,
        judge: Judge,
        clock: Clock,
        longest: timedelta,
    ) -> None:
        """`longest` is how old a report may be."""
        self._database = database
        self._audit = audit
        self._releases = releases
        self._waivers = waivers
        self._evidence = evidence
        self._judge = judge
        self._clock = clock
        self._longest = longest

    def check(self, given: str, reason: str, by: Actor, who: Principal | None = None) -> Verdict:
        """Run what a release's changes touch, keep the reports and return the verdict.

        Raises Conflict where the files are no longer what was built, else as `Evidence.run`.
        """
        why = checked_reason(reason)
        release = self._releases.find(given).release
        self._releases.require_as_built(release)
        before = self._releases.in_force()
        changed = changed_components(before, release)
        suites = {one.name: one for one in self._evidence.suites()}
        reports = [
            self._report(suites[one.name], release, before, changed, why, by, who)
            for one in touched(changed, list(suites.values()))
        ]
        with self._database.write() as connection:
            stated: dict[str, Json] = {"reports": [one.as_json() for one in reports]}
            at = timestamp(self._clock.now())
            records.enter(connection, release.id, "checked", why, by.ref, at, stated)
            verdict = self._verdict(connection, release, by.ref if who is None else who.ref)
            about: dict[str, Json] = {
                "release": release.id,
                "hash": release.manifest.hash,
                "runs": [one.run for one in reports],
                "ok": verdict.ok,
                "blocks": [one.name for one in verdict.blocks],
                "reason": self._audit.commitment(why),
            }
            self._audit.append(connection, [Entry("release.checked", by, about)])
        return verdict

    def verdict(self, release: Release, promoter: str) -> Verdict:
        """Return the verdict as of now; a waiver that `promoter` stands by does not count."""
        with self._database.read() as connection:
            return self._verdict(connection, release, promoter)

    def _verdict(self, connection: sa.Connection, release: Release, promoter: str) -> Verdict:
        before = records.in_force(connection)
        now = Now(
            release.name,
            release.manifest,
            before.manifest.hash if before else NONE,
            self._evidence.corpus(),
            self._clock.now(),
            self._longest,
            changed_components(before, release),
        )
        reports: dict[str, Report] = {}
        for stage in records.stages(connection, release.id):
            if stage.stage == "checked":
                kept = cast("Sequence[Mapping[str, Json]]", stage.verdict["reports"])
                reports |= {one.suite: one for one in map(read_report, kept)}
        waived = self._waivers.standing(connection, release, promoter)
        return decided(now, self._evidence.suites(), reports, waived)

    def _report(
        self,
        suite: Suite,
        release: Release,
        before: Release | None,
        changed: Collection[Component],
        why: str,
        by: Actor,
        who: Principal | None,
    ) -> Report:
        candidate = self._evidence.run(suite, release, why, by, who)
        baseline = None if before is None else self._baseline(suite, before, candidate, why, by, who)
        against = before.manifest.hash if before else NONE
        made = reported(suite, candidate, baseline, self._judge, changed, against)
        if baseline is not None:
            return made
        return replace(made, notes=(*made.notes, NO_BASELINE if before else FIRST))

    def _baseline(
        self, suite: Suite, before: Release, candidate: Run, why: str, by: Actor, who: Principal | None
    ) -> Run | None:
        """Return a run of the release in force on the same cases and documents: kept, else made where it can be."""
        kept = self._evidence.last(suite, before.manifest.lineage)
        if kept is not None and _alike(kept, candidate):
            return kept
        if self._releases.as_now(before).lineage_hash != before.manifest.lineage_hash:
            return None
        made = self._evidence.run(suite, before, why, by, who)
        return made if _alike(made, candidate) else None


def _alike(one: Run, other: Run) -> bool:
    return one.complete and (one.suite_digest, one.corpus) == (other.suite_digest, other.corpus)
