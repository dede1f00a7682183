"""What an operator states of a source when adding it; every kind adds what it needs."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

LEASE_SECONDS = 900
"""How old what is known of access may become, unless the source says otherwise."""


class SourceSettings(BaseModel):
    """Settings of every kind of source."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    match: Literal["name", "email", "table"] = "name"
    """How accounts there become accounts here: the name or the mail address there is the name here, or only those of
    `accounts`."""
    accounts: dict[str, str] = {}
    """Account there (its id, name or mail address) to the name of a user here; goes before `match`."""
    lease_seconds: int = Field(default=LEASE_SECONDS, ge=1, le=86400)
    """Documents are withheld once what is known of access is older than this."""
    access_seconds: int = Field(default=30, ge=1, le=86400)
    """How often access is read where the source does not call."""
    content_seconds: int = Field(default=300, ge=1, le=604800)
    """How often content is looked for where the source does not call."""

    @model_validator(mode="after")
    def _lasts(self) -> SourceSettings:
        if self.lease_seconds <= self.access_seconds:
            raise ValueError(
                f"lease_seconds ({self.lease_seconds}) must be longer than access_seconds ({self.access_seconds}), "
                "or what is known would be too old before it is read again"
            )
        return self
