"""What detection takes for wrong, and what it may freeze, as an operator sets it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from muniment.governance.incidents.incident import Severity

Freezes = tuple[Literal["user", "service", "source", "tool", "endpoint"], ...]


class RuleSettings(BaseModel):
    """What every rule has."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = True
    severity: Severity = "medium"
    freeze: Freezes = ()
    """Which of what a finding touches is frozen at once; nothing unless you say so."""


class DenialSettings(RuleSettings):
    """`[detection.denials]`: somebody is refused again and again."""

    count: int = Field(30, ge=2, le=10_000)
    minutes: float = Field(10, gt=0, le=1440)


class BreadthSettings(RuleSettings):
    """`[detection.breadth]`: somebody reads unusually many documents."""

    documents: int = Field(300, ge=2, le=10_000)
    minutes: float = Field(60, gt=0, le=1440)


class CanarySettings(RuleSettings):
    """`[detection.canaries]`: somebody was given a document that nobody has a reason to read."""

    severity: Severity = "high"
    documents: tuple[str, ...] = ()
    """Ids, or SOURCE/PATH."""


class InjectionSettings(RuleSettings):
    """`[detection.injection]`: a document gives orders to models."""

    severity: Severity = "high"


class RejectionSettings(RuleSettings):
    """`[detection.rejections]`: people reject again and again what somebody, or an agent of theirs, proposes."""

    count: int = Field(3, ge=2, le=1000)
    minutes: float = Field(60, gt=0, le=1440)


class HastySettings(RuleSettings):
    """`[detection.hasty]`: somebody approves faster than anybody reads."""

    count: int = Field(3, ge=1, le=1000)
    seconds: float = Field(5, gt=0, le=600)
    """An approval so soon after it was shown was not read."""
    minutes: float = Field(60, gt=0, le=1440)


class SpendingSettings(RuleSettings):
    """`[detection.spending]`: somebody uses many times the tokens of the hours before."""

    times: float = Field(8, gt=1, le=1000)
    tokens: int = Field(200_000, ge=1)
    """Less than this in an hour is never reported."""


class PlaceSettings(RuleSettings):
    """`[detection.places]`: an API key is used from a network that it was never used from."""

    severity: Severity = "high"


class WithheldSettings(RuleSettings):
    """`[detection.withheld]`: a source is withheld, since who may read it was not read in time."""

    severity: Severity = "high"


class DetectionSettings(BaseModel):
    """`[detection]`"""

    model_config = ConfigDict(extra="forbid", frozen=True)

    denials: DenialSettings = DenialSettings()  # pyright: ignore[reportCallIssue]
    breadth: BreadthSettings = BreadthSettings()  # pyright: ignore[reportCallIssue]
    canaries: CanarySettings = CanarySettings()
    injection: InjectionSettings = InjectionSettings()
    rejections: RejectionSettings = RejectionSettings()  # pyright: ignore[reportCallIssue]
    hasty: HastySettings = HastySettings()  # pyright: ignore[reportCallIssue]
    spending: SpendingSettings = SpendingSettings()  # pyright: ignore[reportCallIssue]
    places: PlaceSettings = PlaceSettings()
    withheld: WithheldSettings = WithheldSettings()
