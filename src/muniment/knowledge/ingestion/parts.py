"""What ingestion works with."""

from __future__ import annotations

from dataclasses import dataclass, field

from muniment.foundation.clock import Clock
from muniment.foundation.database import Database
from muniment.foundation.ids import Ids
from muniment.foundation.keys import Keyring
from muniment.foundation.segments import Segments
from muniment.governance.audit.log import AuditLog
from muniment.inference.embedders import Embedders
from muniment.knowledge.ingestion.quality.quality_settings import QualitySettings
from muniment.knowledge.ingestion.sensitivity import Sensitivity


@dataclass(frozen=True, slots=True)
class Parts:
    """The doors of one workspace that ingestion needs."""

    database: Database
    audit: AuditLog
    segments: Segments
    keyring: Keyring
    embedders: Embedders
    clock: Clock
    ids: Ids
    sensitivity: Sensitivity = field(default_factory=Sensitivity)
    quality: QualitySettings = field(default_factory=QualitySettings)
