"""Everything of releases, built for one workspace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from muniment.app.gathering import gathering_of
from muniment.app.release_evidence import WorkspaceEvidence
from muniment.assurance.evaluation.verdict import judged
from muniment.assurance.release.canary import Canary
from muniment.assurance.release.checks import Checks
from muniment.assurance.release.promotions import Promotions
from muniment.assurance.release.releases import Releases
from muniment.assurance.release.waivers import Waivers

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
    gathering = gathering_of(workspace, evidence.suites)
    releases = Releases(database, audit, gate, gathering, clock, workspace.ids)
    waivers = Waivers(database, audit, workspace.policy, gate, clock)
    checks = Checks(
        database=database,
        audit=audit,
        releases=releases,
        waivers=waivers,
        evidence=evidence,
        judge=judged,
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
