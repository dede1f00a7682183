"""Everything of releases, built for one workspace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from muniment import settings as settings_file
from muniment.app.release_evidence import WorkspaceEvidence, judged_by_targets
from muniment.assurance.release.canary import Canary
from muniment.assurance.release.checks import Checks
from muniment.assurance.release.gathering import Gathering, Parts
from muniment.assurance.release.promotions import Promotions
from muniment.assurance.release.releases import Releases
from muniment.assurance.release.waivers import Waivers
from muniment.settings import Settings

if TYPE_CHECKING:
    from muniment.app.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Releasing:
    """Building, checking, promoting and going back."""

    releases: Releases
    checks: Checks
    waivers: Waivers
    promotions: Promotions
    canary: Canary


def releasing_of(workspace: Workspace) -> Releasing:
    """Return what a workspace's releases are dealt with by."""
    database, audit, gate, clock = workspace.database, workspace.audit, workspace.gate, workspace.clock
    evidence = WorkspaceEvidence(workspace)
    parts = Parts(
        home=workspace.home,
        database=database,
        audit=audit,
        policy=workspace.policy,
        prompts=workspace.prompts,
        catalog=workspace.catalog,
        embedders=workspace.embedders,
        tools=workspace.tools,
        weight_folders=settings_file.weight_folders(workspace.settings),
        effective=settings_file.described(workspace.settings),
        shipped=settings_file.described(Settings()),
        suites=evidence.suites,
    )
    releases = Releases(database, audit, gate, Gathering(parts), clock, workspace.ids)
    waivers = Waivers(database, audit, workspace.policy, gate, clock)
    checks = Checks(
        database=database,
        audit=audit,
        releases=releases,
        waivers=waivers,
        evidence=evidence,
        judge=judged_by_targets,
        clock=clock,
        longest=workspace.settings.release.longest,
    )
    promotions = Promotions(
        database=database,
        audit=audit,
        gate=gate,
        releases=releases,
        checks=checks,
        prompts=workspace.prompts,
        rankings=workspace.rankings,
        policies=workspace.policies,
        clock=clock,
    )
    canary = Canary(database, audit, promotions, workspace.prompts.live)
    return Releasing(releases, checks, waivers, promotions, canary)
