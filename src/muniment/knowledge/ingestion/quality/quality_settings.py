"""What an operator may set about the quality of what comes in."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from muniment.knowledge.flags import Severity

Holding = Literal["injection", "invisible"]
"""What depends on a document alone: whether it is held back tells nothing of others."""


class QualitySettings(BaseModel):
    """`[ingestion.quality]`"""

    model_config = ConfigDict(extra="forbid", frozen=True)

    quarantine: tuple[Holding, ...] = ("injection", "invisible")
    """Kinds of flags for which a document is held back until a person has looked at it."""
    severity: Severity = "high"
    """Only a flag as severe as this, or more, holds a document back; every flag is noted."""
