"""The parts of monitoring of one workspace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from muniment.assurance.monitoring.agreement import Agreements
from muniment.assurance.monitoring.drift import Drifts
from muniment.assurance.monitoring.finding import Findings
from muniment.assurance.monitoring.freshness import Freshness
from muniment.assurance.monitoring.live import Live
from muniment.assurance.monitoring.outcomes import Engine, Outcomes
from muniment.assurance.monitoring.quality import Qualities
from muniment.assurance.monitoring.reviewing import Reviewing
from muniment.assurance.monitoring.sampling import Sampling
from muniment.assurance.monitoring.status import Statuses
from muniment.foundation.clock import Clock
from muniment.foundation.database import Database
from muniment.foundation.ids import Ids
from muniment.governance.audit.log import AuditLog
from muniment.governance.policy.gate import Gate
from muniment.inference.embedding import Embedder

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy


@dataclass(frozen=True)
class Monitoring:
    """What answers are like after a release, each part built when it is first used."""

    database: Database
    audit: AuditLog
    policy: Policy
    gate: Gate
    clock: Clock
    ids: Ids
    home: Path
    embedder: Callable[[], Embedder | None]
    engine: Engine

    @cached_property
    def sampling(self) -> Sampling:
        """Samples of stored answers."""
        return Sampling(self.database, self.audit, self.gate, self.clock, self.ids)

    @cached_property
    def reviewing(self) -> Reviewing:
        """Reviews of what was drawn."""
        return Reviewing(self.database, self.audit, self.policy, self.gate, self.clock)

    @cached_property
    def agreements(self) -> Agreements:
        """How far reviewers agree."""
        return Agreements(self.database, self.audit, self.policy, self.gate)

    @cached_property
    def qualities(self) -> Qualities:
        """How good all answers of a sample's time are."""
        return Qualities(self.database, self.audit, self.policy, self.gate)

    @cached_property
    def findings(self) -> Findings:
        """Cases made of answers."""
        return Findings(self.database, self.audit, self.policy, self.home / "evals")

    @cached_property
    def statuses(self) -> Statuses:
        """How a period went beside the one before."""
        return Statuses(self.database, self.audit, self.clock)

    @cached_property
    def live(self) -> Live:
        """How the last days went, for readers by name."""
        return Live(self.database, self.audit, self.policy, self.gate, self.clock)

    @cached_property
    def freshness(self) -> Freshness:
        """How old what is known is."""
        return Freshness(self.database, self.audit, self.clock)

    @cached_property
    def outcomes(self) -> Outcomes:
        """What came of answers, actions and runs."""
        return Outcomes(self.database, self.audit, self.policy, self.clock, self.engine)

    @cached_property
    def drifts(self) -> Drifts:
        """What has moved."""
        return Drifts(self.database, self.audit, self.policy, self.gate, self.clock, self.embedder)
