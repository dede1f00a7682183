"""What a report says: every figure and case of a run, ready to be shown in any form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from muniment.assurance.evaluation.metric import METRICS, Stage, Unit
from muniment.assurance.evaluation.observation import Status

Verdict = Literal["breached", "unfinished", "missed", "met", "untold"]
Change = Literal["better", "worse", "unclear"]


@dataclass(frozen=True, slots=True)
class MetricRow:
    """A metric over the cases that it applies to."""

    name: str
    about: str
    stage: Stage
    unit: Unit
    cases: int
    mean: float | None
    """None where no case was scored."""
    low: float | None = None
    """With `high`, the interval that the mean lies in; None where none was computed."""
    high: float | None = None
    target: float | None = None
    met: bool | None = None
    """Whether the target is met; None where there is none, or where nothing can be said."""
    detectable: float | None = None
    """The smallest change of the mean that this many cases are likely to show."""
    lower_is_better: bool = False

    @property
    def missed(self) -> bool:
        """Return whether it has a target and is not known to meet it."""
        return self.target is not None and self.met is not True

    @property
    def unsure(self) -> bool:
        """Return whether its mean meets the target while its interval reaches beyond it."""
        end = self.high if self.lower_is_better else self.low
        # Of a target at the end of the scale no number of cases can make sure.
        at_end = self.unit == "share" and self.target in (0.0, 1.0)
        if self.missed or self.target is None or end is None or at_end:
            return False
        return end > self.target if self.lower_is_better else end < self.target


@dataclass(frozen=True, slots=True)
class SliceRow:
    """The cases of one tag."""

    tag: str
    cases: int
    metrics: tuple[MetricRow, ...]

    def metric(self, name: str) -> MetricRow | None:
        """Return the row of a metric, where the slice has one."""
        return next((row for row in self.metrics if row.name == name), None)


@dataclass(frozen=True, slots=True)
class LatencyRow:
    """How long a stage took, over all cases that it took part in."""

    stage: str
    milliseconds: tuple[float, ...]
    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case that was put to the subject."""

    case: str
    question: str
    asker: str
    status: Status
    scores: tuple[tuple[str, float], ...]
    answer_id: str = ""
    tags: tuple[str, ...] = ()
    error: str = ""
    short: tuple[str, ...] = ()
    """Why it fell short, worst first; empty where it did not."""
    breach: bool = False
    """Whether it is a failure that nothing makes up for."""
    detail: tuple[tuple[str, str], ...] = ()
    """What explains the scores."""
    milliseconds: float | None = None
    """How long its answer took."""


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """A metric of the baseline and of this run, over the cases of both."""

    metric: str
    unit: Unit
    cases: int
    before: float
    after: float
    difference: float
    low: float
    high: float
    p: float | None
    """How likely a difference as large is where there is none."""
    verdict: Change
    """`unclear` where chance alone may be behind it, as always where the interval holds 0."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """The run that this one is compared with."""

    run: str
    subject: str
    started: str
    rows: tuple[ComparisonRow, ...]


@dataclass(frozen=True, slots=True)
class CostPoint:
    """What one subject costs and what it is worth, such as a run or a rung of a ladder."""

    name: str
    cost: float
    """Of a case, on the mean."""
    quality: float
    low: float | None = None
    high: float | None = None
    cases: int = 0
    here: bool = False
    """Whether it is the run of this report."""


@dataclass(frozen=True, slots=True)
class CostQuality:
    """Subjects by cost and by one metric."""

    metric: str
    points: tuple[CostPoint, ...]


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """The release that the run was made for."""

    name: str
    digest: str
    decision: str = ""


@dataclass(frozen=True, slots=True)
class ReportedRun:
    """A run with all that a report of it says."""

    run: str
    suite: str
    suite_version: int
    suite_digest: str
    kind: str
    subject: str
    model: str
    lineage: tuple[tuple[str, str], ...]
    """Name and version of each component that the answers come from."""
    corpus: str
    started: str
    finished: str
    by: str
    cases: int
    results: tuple[CaseRow, ...]
    metrics: tuple[MetricRow, ...]
    slices: tuple[SliceRow, ...] = ()
    latencies: tuple[LatencyRow, ...] = ()
    confidence: float = 0.95
    """Of every interval."""
    baseline: Baseline | None = None
    cost_quality: CostQuality | None = None
    release: ReleaseFacts | None = None

    @property
    def breaches(self) -> tuple[CaseRow, ...]:
        """Return the cases that are failures which nothing makes up for."""
        return tuple(row for row in self.results if row.breach)

    @property
    def failed(self) -> tuple[CaseRow, ...]:
        """Return the cases that gave no answer to judge."""
        return tuple(row for row in self.results if row.status == "failed")

    @property
    def short(self) -> tuple[CaseRow, ...]:
        """Return the cases that fell short, breaches first."""
        return tuple(sorted((row for row in self.results if row.short), key=lambda row: not row.breach))

    @property
    def judged(self) -> tuple[MetricRow, ...]:
        """Return the metrics with a target, missed ones first."""
        rows = [row for row in self.metrics if row.target is not None]
        return tuple(sorted(rows, key=lambda row: not row.missed))

    @property
    def complete(self) -> bool:
        """Return whether every case has its result."""
        return bool(self.finished) and len(self.results) == self.cases

    @property
    def verdict(self) -> Verdict:
        """Return what the run shows, worst first; `untold` where nothing was to be reached."""
        if self.breaches:
            return "breached"
        if not self.complete:
            return "unfinished"
        if not self.judged:
            return "untold"
        return "missed" if any(row.missed for row in self.judged) else "met"

    @property
    def ok(self) -> bool:
        """Return whether it is finished, without a breach, and meets each target that it has."""
        return self.verdict in ("met", "untold")

    @property
    def headline(self) -> tuple[MetricRow, ...]:
        """Return the few metrics that slices are shown by: those with a target, or else the usual ones."""
        named = [row for row in self.metrics if row.target is not None and row.unit == "share"]
        usual = [row for row in self.metrics if row.name in _USUAL]
        return tuple((named or usual)[:_MOST_HEADLINES])


_USUAL = ("authorised", "success@5", "answered", "abstained", "facts", "result", "task_success")
_MOST_HEADLINES = 4


def about(name: str) -> str:
    """Return what a metric says, or nothing for one that is not known."""
    return METRICS[name].about if name in METRICS else ""
