"""Grading, running and comparing, as little of each as the ladder needs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import cast

from muniment.assurance.evaluation.case import Case, ExpectedCall, Suite
from muniment.assurance.evaluation.graders import facts as stated
from muniment.assurance.evaluation.observation import Observation, SeenCall, Subject
from muniment.assurance.evaluation.results import CaseResult, Run
from muniment.assurance.release.ladder.recommend import Estimate
from muniment.foundation.checked_schema import CheckedSchema
from muniment.governance.audit.entry import Json

OnProgress = Callable[[int, int], None]
_Z = 1.959964
_ALPHA = 0.05


def graded(case: Case, seen: Observation) -> dict[str, float]:
    """Return the scores of a case."""
    answered = seen.status == "answered"
    scores = {**_answer_scores(case, seen, answered), **_call_scores(case, seen)}
    if case.forbidden:
        shown = {*seen.ranked, *seen.cited}
        scores["authorised"] = float(not shown.intersection(case.forbidden))
    if case.tools or case.schema is not None:
        names = (
            "abstained",
            "authorised",
            "all_facts",
            "format",
            "result",
            "tool_calls",
            "no_forbidden_calls",
        )
        scores["task_success"] = float(all(scores.get(name, 1.0) == 1.0 for name in names))
    taken = {f"{stage}_ms": ms for stage, ms in seen.stages.items() if stage in ("search", "answer", "model")}
    used = {
        "prompt_tokens": seen.prompt_tokens,
        "completion_tokens": seen.completion_tokens,
        "cost": seen.cost,
    }
    return scores | taken | {name: float(value) for name, value in used.items() if value > 0}


def run(suite: Suite, subject: Subject, by: str, now: Callable[[], str], on_progress: OnProgress) -> Run:
    """Put every case to a subject, afresh: times of an earlier run are not to be compared."""
    started = now()
    results: list[CaseResult] = []
    for case in suite.cases:
        seen = subject.observe(case)
        results.append(
            CaseResult(
                case=case.id,
                digest=case.digest,
                asker=case.asker,
                question=case.question,
                tags=case.tags,
                weight=case.weight,
                status=seen.status,
                scores=graded(case, seen),
                answer_id=seen.answer_id,
                detail={"calls": [[call.tool, call.outcome] for call in seen.calls]},
                error=seen.error,
            )
        )
        on_progress(len(results), len(suite.cases))
    return Run(
        id="",
        suite=suite.name,
        suite_digest=suite.digest,
        suite_version=suite.version,
        kind=suite.kind,
        subject=subject.name,
        lineage=subject.lineage,
        corpus="",
        targets=suite.targets,
        started=started,
        finished=now(),
        by=by,
        cases=len(suite.cases),
        results=tuple(results),
    )


def summary(run: Run) -> dict[str, Estimate]:
    """Return the mean of each metric with its interval."""
    names = dict.fromkeys(name for one in run.results for name in one.scores)
    return {
        name: _estimate([one.scores[name] for one in run.results if name in one.scores]) for name in names
    }


def mean(values: list[float]) -> Estimate:
    """Return the mean of shares with its interval; of none, nothing is known."""
    return _estimate(values) if values else Estimate(0.0, 0.0, 1.0, 0)


def proposed(result: CaseResult) -> bool:
    """Return whether something was proposed in a case."""
    calls = cast("list[list[str]]", result.detail.get("calls", []))
    return any(outcome == "proposed" for _, outcome in calls)


def apart(one: Run, other: Run, metrics: Iterable[str]) -> bool:
    """Return whether a paired test finds a difference in any of these metrics, all of them together at 5 %."""
    names = tuple(metrics)
    before = {result.case: result.scores for result in one.results}
    for name in names:
        moved = [
            result.scores[name] - before[result.case][name]
            for result in other.results
            if name in result.scores and name in before.get(result.case, {})
        ]
        if _sign_test([gain for gain in moved if gain]) < _ALPHA / len(names):
            return True
    return False


def _answer_scores(case: Case, seen: Observation, answered: bool) -> dict[str, float]:
    scores: dict[str, float] = {}
    if case.abstain:
        silent = seen.status in ("abstained", "refused") and not seen.cited and not seen.claims
        return {"abstained": float(silent)}
    scores["answered"] = float(answered)
    if case.facts:
        words = [seen.answer, *(quote.quote for claim in seen.claims for quote in claim.quotes)]
        scores["facts"] = stated.share(case.facts, "\n".join(words)) if answered else 0.0
        scores["all_facts"] = float(scores["facts"] == 1.0)
    if case.schema is not None:
        scores["format"] = float(answered and not CheckedSchema(dict(case.schema)).faults(seen.result))
    if case.result is not None:
        scores["result"] = float(answered and case.result == seen.result)
    return scores


def _call_scores(case: Case, seen: Observation) -> dict[str, float]:
    made = [call for call in seen.calls if call.outcome in ("ran", "proposed")]
    scores: dict[str, float] = {}
    if case.tools:
        fitting = [any(_fits(wanted, call) for call in made) for wanted in case.tools]
        scores["tool_calls"] = sum(fitting) / len(fitting)
    if case.forbidden_tools:
        scores["no_forbidden_calls"] = float(not {call.tool for call in made} & {*case.forbidden_tools})
    return scores


def _fits(wanted: ExpectedCall, call: SeenCall) -> bool:
    given: Mapping[str, Json] = call.arguments
    return wanted.tool == call.tool and all(
        given.get(key) == value for key, value in wanted.arguments.items()
    )


def _estimate(values: list[float]) -> Estimate:
    count, mean = len(values), sum(values) / len(values)
    if all(0 <= value <= 1 for value in values):
        middle = (mean + _Z**2 / (2 * count)) / (1 + _Z**2 / count)
        half = _Z / (1 + _Z**2 / count) * math.sqrt(mean * (1 - mean) / count + _Z**2 / (4 * count**2))
        return Estimate(mean, max(0.0, middle - half), min(1.0, middle + half), count)
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / max(1, count - 1) / count)
    return Estimate(mean, mean - _Z * spread, mean + _Z * spread, count)


def _sign_test(moved: list[float]) -> float:
    if not moved:
        return 1.0
    fewer = min(sum(gain > 0 for gain in moved), sum(gain < 0 for gain in moved))
    tail = sum(math.comb(len(moved), k) for k in range(fewer + 1)) / 2 ** len(moved)
    return min(1.0, 2 * tail)
