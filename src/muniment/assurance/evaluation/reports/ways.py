"""What a report of several ways of answering says: the same suite put to each, and which of them is enough."""

from __future__ import annotations

from dataclasses import dataclass

from muniment.assurance.evaluation.reports.reported import CostQuality, MetricRow


@dataclass(frozen=True, slots=True)
class WayRow:
    """One way of answering, and what it came to."""

    title: str
    word: str
    """What is said of it in a word, such as `enough`."""
    needs: str
    sent: str = ""
    """Who runs what answers, and how sensitive what it may be sent."""
    missing: str = ""
    """What it lacks; empty where it was asked."""
    run: str = ""
    """Under which its results are stored."""
    metrics: tuple[MetricRow, ...] = ()
    """Of each target."""
    cost: float = 0.0
    """Of a case."""
    p50: float = 0.0
    """Milliseconds."""
    p95: float = 0.0
    prompt_tokens: float = 0.0
    """Of a case."""
    completion_tokens: float = 0.0


@dataclass(frozen=True, slots=True)
class ReportedWays:
    """Ways beside each other."""

    kind: str
    """What is compared, such as `Ladder`."""
    suite: str
    cases: int
    of: int
    """Cases of the whole suite."""
    by: str
    at: str
    ok: bool
    """Whether one is recommended."""
    said: tuple[str, ...]
    """The recommendation first."""
    ways: tuple[WayRow, ...]
    cost_quality: CostQuality
    confidence: float = 0.95
    """Of every interval."""

    @property
    def asked(self) -> tuple[WayRow, ...]:
        """Return those that were asked."""
        return tuple(way for way in self.ways if not way.missing)

    @property
    def lacking(self) -> tuple[WayRow, ...]:
        """Return those that lack something."""
        return tuple(way for way in self.ways if way.missing)
