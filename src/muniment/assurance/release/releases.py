"""The releases of one workspace: building one from what lies there, listing, comparing.

Invariants:
- building changes nothing of what answers;
- a release is what was built: its prompts lie in it whole, everything else by digest;
- building commits with its entry in the log.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from muniment.assurance.release import records
from muniment.assurance.release.gathering import Gathering
from muniment.assurance.release.manifest import COMPONENTS, Change, Component, Manifest, changed, changes
from muniment.assurance.release.records import Release, Staged
from muniment.foundation.clock import Clock, timestamp
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, Conflict
from muniment.foundation.ids import Ids
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import Resource
from muniment.governance.policy.gate import Gate
from muniment.governance.policy.roles import checked_reason

if TYPE_CHECKING:
    from muniment.inference.prompt_file import Prompt

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
RESERVED = ("rel_", "live")
"""Begin no name: ids do, and what answers now is called so."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A release, and what became of it."""

    release: Release
    stages: tuple[Staged, ...]
    """Oldest first."""
    in_force: bool

    @property
    def stage(self) -> str:
        """Return where it stands."""
        if self.in_force:
            return "in force"
        moved = [one for one in self.stages if one.stage not in ("checked", "asked", "waived")]
        return moved[-1].stage.replace("_", " ") if moved else "built"


@dataclass(frozen=True, slots=True)
class Difference:
    """How a release differs from another, or from what answers now."""

    before: Release | None
    """None: what answers now."""
    after: Release
    changes: tuple[Change, ...]

    @property
    def components(self) -> frozenset[Component]:
        """Return the components that differ."""
        return frozenset(one.component for one in self.changes)


class Releases:
    """The releases of one workspace."""

    def __init__(
        self, database: Database, audit: AuditLog, gate: Gate, gathering: Gathering, clock: Clock, ids: Ids
    ) -> None:
        self._database = database
        self._audit = audit
        self._gate = gate
        self._gathering = gathering
        self._clock = clock
        self._ids = ids

    def build(
        self,
        name: str,
        reason: str,
        by: Actor,
        who: Principal | None = None,
        prompts: Sequence[str] = (),
    ) -> Release:
        """Keep what lies here as a release: the prompts that are named, else candidates, else the live ones.

        Raises BadInput for a name that is none, or a credential in settings.toml, Conflict for one that is taken,
        NotPermitted where policy does not let `who` do it.
        """
        why = checked_reason(reason)
        if not _NAME.fullmatch(name) or name.startswith(RESERVED):
            raise BadInput(
                f"{name!r} is no name of a release.", fix="Use small letters, digits, dots and dashes."
            )
        made = self.made(name, self._gathering.prompts(prompts), why, by)
        with self._gate.recorded(by), self._database.write() as connection:
            stated = self._gate.check(connection, who, "promote_release", resource_of(made.id, by.ref))
            self.enter(connection, made, by, stated)
        return made

    def made(self, name: str, prompts: Mapping[str, Prompt], why: str, by: Actor) -> Release:
        """Return what lies here with these prompts as a release that nothing holds yet."""
        return Release(
            id=self._ids.new("rel"),
            name=name,
            manifest=self._gathering.manifest(prompts),
            prompts=prompts,
            sections=self._gathering.sections(),
            settings=self._gathering.settings_text(),
            at=timestamp(self._clock.now()),
            by=by.ref,
            reason=why,
        )

    def enter(self, connection: sa.Connection, made: Release, by: Actor, stated: dict[str, str]) -> None:
        """Store a release inside the caller's write transaction; raises Conflict for a name that is taken."""
        if any(one.name == made.name for one in records.newest(connection)):
            raise Conflict(f"There is a release {made.name!r} already.", fix="Choose another name.")
        records.insert(connection, made)
        records.enter(connection, made.id, "built", made.reason, by.ref, made.at, {})
        about = {
            **stated,
            "release": made.id,
            "name": made.name,
            "hash": made.manifest.hash,
            "components": {str(name): digest for name, digest in made.manifest.digests.items()},
            "reason": self._audit.commitment(made.reason),
        }
        self._audit.append(connection, [Entry("release.built", by, about)])

    def listing(self, limit: int | None = None) -> list[Standing]:
        """Return releases with what became of them, newest first; None for `limit` is all of them."""
        with self._database.read() as connection:
            found = records.newest(connection, limit)
            way = records.line(connection)
            stages = records.stages(connection, *([] if limit is None else [one.id for one in found]))
        return [
            Standing(
                one,
                tuple(stage for stage in stages if stage.release == one.id),
                bool(way) and way[-1] == one.id,
            )
            for one in found
        ]

    def find(self, given: str) -> Standing:
        """Return the release of a name, an id or the first digits of a hash; raises BadInput for none."""
        with self._database.read() as connection:
            found = records.named(connection, given)
            way = records.line(connection)
            return Standing(
                found, tuple(records.stages(connection, found.id)), bool(way) and way[-1] == found.id
            )

    def last_check(self) -> tuple[str, Staged] | None:
        """Return the newest check of any release, with the release's name, or None before the first."""
        with self._database.read() as connection:
            return records.newest_check(connection)

    def in_force(self) -> Release | None:
        """Return the release in force, or None before the first."""
        with self._database.read() as connection:
            return records.in_force(connection)

    def difference(self, given: str, other: str | None = None) -> Difference:
        """Return how a release differs from another, else from the one in force, else from what answers now."""
        after = self.find(given).release
        before = self.in_force() if other is None else self.find(other).release
        base = self._gathering.live() if before is None else before.manifest
        return Difference(before, after, changes(base, after.manifest))

    def remaining(self, release: Release) -> tuple[Change, ...]:
        """Return how what answers now differs from a release."""
        return changes(self._gathering.live(), release.manifest)

    def as_now(self, release: Release) -> Manifest:
        """Return what would answer now with the prompts of a release."""
        return self._gathering.manifest(release.prompts)

    def require_as_built(self, release: Release) -> None:
        """Raise Conflict where what lies here is not what the release was built from."""
        differing = changes(release.manifest, self.as_now(release))
        if len(differing) > 0:
            more = f" (and {len(differing) - 1} more)" if len(differing) > 1 else ""
            raise Conflict(
                f"{release.name} was built from other files: {differing[0]}{more}.",
                fix="Put them back, or build a release anew.",
            )


def changed_components(before: Release | None, after: Release) -> frozenset[Component]:
    """Return the components that differ; before the first release, all of them."""
    return frozenset(COMPONENTS) if before is None else changed(before.manifest, after.manifest)


def resource_of(release: str, requester: str) -> Resource:
    """Return a release as policy sees it; `requester` is who asks for what is to be done to it."""
    return Resource("Release", release, {"requester": requester})
