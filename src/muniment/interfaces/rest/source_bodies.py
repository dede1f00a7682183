"""What routes of sources answer."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class FreshnessBody(BaseModel):
    """How fresh a connected source is."""

    model_config = ConfigDict(extra="forbid")

    state: str
    """`active`, `paused` or `leaving`."""
    served: bool
    """Whether its documents are given to those who may read them."""
    cause: Literal["", "leaving", "settings", "unreadable", "never", "paused", "lapsed"]
    """Why they are withheld; empty where they are not."""
    age_seconds: float | None
    """Since the reading of access began that is in force; none: it was never read to its end."""
    left_seconds: float | None
    """Until its documents are withheld unless access is read anew."""
    until: str | None
    waiting: int | None
    """Items that are to be read; none for whoever is not told."""
    given_up: int | None


class SourceBody(BaseModel):
    """A source."""

    model_config = ConfigDict(extra="forbid")

    name: str
    kind: str
    documents: int
    whole: bool
    """Whether `documents` counts all of them; otherwise those that the caller may read."""
    synced_at: str | None
    frozen: bool
    freshness: FreshnessBody | None
    """None for one that is read by hand."""


class SourcesResponse(BaseModel):
    """The sources that the caller may look at."""

    model_config = ConfigDict(extra="forbid")

    sources: list[SourceBody]
