"""Which release is in force, and how the last check of one went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from muniment.assurance.release.canary import Running
from muniment.assurance.release.records import Staged
from muniment.assurance.release.releases import Standing
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


def gone(listing: Sequence[Standing], canary: Running | None) -> Gone:
    """Return what went out."""
    now = next((one for one in listing if one.in_force), None)
    moves = [] if now is None else [one.at for one in now.stages if one.stage == "promoted"]
    checks = [(stage, one) for one in listing for stage in one.stages if stage.stage == "checked"]
    newest = max(checks, key=lambda pair: pair[0].number, default=None)
    checked = None if newest is None else as_checked(newest[0], newest[1].release.name)
    return Gone(now, moves[-1] if moves else "", canary, checked)


def as_checked(stage: Staged, release: str) -> Checked:
    """Return what a stored check says."""
    reports = cast("Sequence[Mapping[str, Json]]", stage.verdict.get("reports", ()))
    blocks = [one for each in reports for one in cast("Sequence[Mapping[str, Json]]", each.get("blocks", ()))]
    return Checked(release, stage.at, len(reports), tuple(blocks))
