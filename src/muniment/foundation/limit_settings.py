"""What an operator may set of the limits of the HTTP interface."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class TeamLimits(BaseModel):
    """`[limits.teams.GROUP]`"""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tokens_per_day: int = Field(0, ge=0)
    """Tokens of language models that all members of the group together may use in a day (UTC); 0 is no limit."""
    cost_per_day: float = Field(0.0, ge=0, le=1e9)
    """What those tokens may cost in a day, in the currency of the models' prices; 0 is no limit."""


class LimitSettings(BaseModel):
    """`[limits]`"""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user_per_minute: int = Field(1200, ge=1)
    """Requests of one user in a minute; as many may come at once."""
    service_per_minute: int = Field(6000, ge=1)
    """Requests of one service in a minute."""
    tenant_per_minute: int = Field(30_000, ge=1)
    """Requests of all together in a minute."""
    failures_per_minute: int = Field(600, ge=1)
    """Requests from one address in a minute whose credential does not hold."""
    user_concurrent: int = Field(16, ge=1, le=10_000)
    """Requests of one user that are worked on or wait."""
    service_concurrent: int = Field(32, ge=1, le=10_000)
    """Requests of one service that are worked on or wait."""
    tenant_concurrent: int = Field(72, ge=1, le=10_000)
    """Requests of all together that are worked on or wait."""
    user_tokens_per_day: int = Field(2_000_000, ge=0)
    """Tokens of language models that one user may use in a day (UTC), to the model and back; 0 is no limit."""
    service_tokens_per_day: int = Field(20_000_000, ge=0)
    """The same of one service."""
    tenant_tokens_per_day: int = Field(200_000_000, ge=0)
    """The same of all together."""
    user_cost_per_day: float = Field(0.0, ge=0, le=1e9)
    """What one user's tokens may cost in a day, in the currency of the models' prices; 0 is no limit."""
    service_cost_per_day: float = Field(0.0, ge=0, le=1e9)
    """The same of one service."""
    tenant_cost_per_day: float = Field(0.0, ge=0, le=1e9)
    """The same of all together."""
    teams: dict[str, TeamLimits] = Field(default_factory=dict)
    """The same of the members of a group; who is in several counts against each."""
    body_kb: int = Field(64, ge=1, le=65_536)
    """Size of a request's body."""
    json_depth: int = Field(32, ge=4, le=200)
    """How deep its JSON may be nested."""
