"""The parts of monitoring of one workspace."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from muniment.assurance.monitoring.agreement import Agreements
from muniment.assurance.monitoring.quality import Qualities
from muniment.assurance.monitoring.reviewing import Reviewing
from muniment.assurance.monitoring.sampling import Sampling
from muniment.foundation.clock import Clock
from muniment.foundation.database import Database
from muniment.foundation.ids import Ids
from muniment.governance.audit.log import AuditLog
from muniment.governance.policy.gate import Gate

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
        return Qualities(self.database, self.audit, self.policy)
