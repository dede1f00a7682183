"""Which release is in force, and how the last check of one went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from muniment.assurance.release.canary import Running
from muniment.assurance.release.records import Staged
from muniment.assurance.release.releases import Releases, Standing
from muniment.governance.audit.entry import Json


@dataclass(frozen=True, slots=True)
class Checked:
    """A check of a release, as it was kept."""

    release: str
    at: str
    suites: int
    blocks: tuple[Mapping[str, Json], ...]
    """What it found against the release."""


@dataclass(frozen=True, slots=True)
class Gone:
    """What went out."""

    in_force: Standing | None
    since: str
    canary: Running | None
    checked: Checked | None
    """The newest check of any release."""


def gone(releases: Releases, canary: Running | None) -> Gone:
    """Return what went out."""
    release = releases.in_force()
    now = None if release is None else releases.find(release.id)
    moves = [] if now is None else [one.at for one in now.stages if one.stage == "promoted"]
    newest = releases.last_check()
    checked = None if newest is None else as_checked(newest[1], newest[0])
    return Gone(now, moves[-1] if moves else "", canary, checked)


def as_checked(stage: Staged, release: str) -> Checked:
    """Return what a stored check says."""
    reports = cast("Sequence[Mapping[str, Json]]", stage.verdict.get("reports", ()))
    blocks = [one for each in reports for one in cast("Sequence[Mapping[str, Json]]", each.get("blocks", ()))]
    return Checked(release, stage.at, len(reports), tuple(blocks))
