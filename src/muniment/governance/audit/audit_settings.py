"""What an operator may set of the log."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from muniment.governance.audit.sinks.sink_settings import SinkSettings

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]


class AuditSettings(BaseModel):
    """`[audit]`"""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sinks: dict[Name, SinkSettings] = Field(default_factory=dict)
    """Places that get a copy of each entry."""
