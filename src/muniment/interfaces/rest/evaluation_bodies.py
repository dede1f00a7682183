"""The JSON of runs of suites over HTTP."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, cast

from pydantic import BaseModel, JsonValue

if TYPE_CHECKING:
    from muniment.assurance.evaluation.comparison import Comparison
    from muniment.assurance.evaluation.results import Run
    from muniment.assurance.evaluation.run_reading import ListedRuns, ReadRun
    from muniment.assurance.evaluation.statistics.interval import Estimate
    from muniment.assurance.evaluation.summary import Summary


class RunBody(BaseModel):
    """A run, without its results."""

    id: str
    suite: str
    suite_version: int
    suite_digest: str
    kind: str
    subject: str
    """What was put to the test."""
    corpus: str
    """Digest of the documents, their versions and who may read them."""
    started: str
    finished: str
    """Empty where it was cut short."""
    by: str
    cases: int
    results: int
    """How many of the cases have a result."""


class RunsResponse(BaseModel):
    """Runs, newest first."""

    runs: list[RunBody]
    after: str
    """To ask for the next ones with; empty where there are none."""


class EstimateBody(BaseModel):
    """A mean over cases, with its interval of 95 %."""

    n: int
    mean: float
    low: float
    high: float


class MetricBody(BaseModel):
    """A metric over all cases that have it."""

    metric: str
    n: int
    mean: float | None
    """Absent where no case has it, as is its interval."""
    low: float | None
    high: float | None
    target: float | None
    met: bool | None
    detectable: float | None
    """The smallest change that would show."""


class SliceBody(BaseModel):
    """The cases of one tag."""

    tag: str
    cases: int
    metrics: dict[str, EstimateBody]


class BreachBody(BaseModel):
    """A case with a failure that nothing makes up for."""

    case: str
    metric: str


class LatencyBody(BaseModel):
    """How long something took, in milliseconds."""

    metric: str
    n: int
    p50: float
    p95: float


class CaseBody(BaseModel):
    """How one case went."""

    case: str
    asker: str
    """With whose rights it was put."""
    question: str
    tags: list[str]
    weight: float
    status: str
    scores: dict[str, float]
    answer_id: str
    """Of the answer, for whoever may read that."""
    detail: dict[str, JsonValue]
    """What explains the scores; `left_out` counts the paths that the caller may not read."""
    error: str
    cached: bool


class RunResponse(BaseModel):
    """A run in figures, and case by case."""

    run: RunBody
    complete: bool
    lineage: dict[str, JsonValue]
    """Versions of all that answered."""
    statuses: dict[str, int]
    metrics: list[MetricBody]
    slices: list[SliceBody]
    breaches: list[BreachBody]
    latencies: list[LatencyBody]
    results: list[CaseBody]
    left_out: int
    """Paths of documents that the caller may not read now, in all results."""


class ChangeBody(BaseModel):
    """A metric over the cases that have it in both runs."""

    metric: str
    n: int
    changed: int
    """Cases whose score is another."""
    baseline: float
    candidate: float
    difference: float
    low: float
    high: float
    p: float
    """How often chance alone gives a difference as great."""
    corrected: float
    """The same, corrected for all metrics that were looked at."""
    verdict: str
    detectable: float | None


class CaseChangeBody(BaseModel):
    """A case whose score is not what it was."""

    case: str
    metric: str
    before: float
    after: float


class ComparisonResponse(BaseModel):
    """What changed from a baseline to a run."""

    baseline: str
    candidate: str
    common: int
    """Cases that are the same in both."""
    only_baseline: int
    only_candidate: int
    metrics: list[ChangeBody]
    worse: list[CaseChangeBody]
    better: list[CaseChangeBody]
    not_compared: list[str]


def runs_response(found: ListedRuns) -> RunsResponse:
    """Return a page of runs."""
    return RunsResponse(runs=[_run(one.run, one.held) for one in found.runs], after=found.after)


def run_response(read: ReadRun, figures: Summary) -> RunResponse:
    """Return a run as its reader may see it."""
    run = read.run
    return RunResponse(
        run=_run(run, len(run.results)),
        complete=figures.complete,
        lineage=cast("dict[str, JsonValue]", dict(run.lineage)),
        statuses=dict(figures.statuses),
        metrics=[
            MetricBody(
                metric=one.metric,
                n=one.n,
                mean=one.estimate and one.estimate.mean,
                low=one.estimate and one.estimate.low,
                high=one.estimate and one.estimate.high,
                target=one.target,
                met=one.met,
                detectable=one.detectable,
            )
            for one in figures.metrics
        ],
        slices=[
            SliceBody(
                tag=one.tag,
                cases=one.cases,
                metrics={name: _estimate(each) for name, each in one.metrics.items()},
            )
            for one in figures.slices
        ],
        breaches=[BreachBody(**asdict(one)) for one in figures.breaches],
        latencies=[LatencyBody(**asdict(one)) for one in figures.latencies],
        results=[
            CaseBody(
                case=one.case,
                asker=one.asker,
                question=one.question,
                tags=list(one.tags),
                weight=one.weight,
                status=one.status,
                scores=dict(one.scores),
                answer_id=one.answer_id,
                detail=cast("dict[str, JsonValue]", dict(one.detail)),
                error=one.error,
                cached=one.cached,
            )
            for one in run.results
        ],
        left_out=read.left_out,
    )


def comparison_response(before: Run, after: Run, found: Comparison) -> ComparisonResponse:
    """Return what changed between two runs."""
    return ComparisonResponse(
        baseline=before.id,
        candidate=after.id,
        common=found.common,
        only_baseline=found.only_baseline,
        only_candidate=found.only_candidate,
        metrics=[
            ChangeBody(
                metric=one.metric,
                baseline=one.baseline,
                candidate=one.candidate,
                corrected=one.corrected,
                verdict=one.verdict,
                detectable=one.detectable,
                **asdict(one.paired),
            )
            for one in found.metrics
        ],
        worse=[CaseChangeBody(**asdict(one)) for one in found.worse],
        better=[CaseChangeBody(**asdict(one)) for one in found.better],
        not_compared=list(found.not_compared),
    )


def _run(run: Run, held: int) -> RunBody:
    return RunBody(
        id=run.id,
        suite=run.suite,
        suite_version=run.suite_version,
        suite_digest=run.suite_digest,
        kind=run.kind,
        subject=run.subject,
        corpus=run.corpus,
        started=run.started,
        finished=run.finished,
        by=run.by,
        cases=run.cases,
        results=held,
    )


def _estimate(found: Estimate) -> EstimateBody:
    return EstimateBody(n=found.n, mean=found.mean, low=found.low, high=found.high)
