"""The gate lets a release out on whole, fresh reports of every suite that its changes touch, and on nothing less."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from muniment.assurance.evaluation.results import CaseResult, Run
from muniment.assurance.release.gate import (
    NONE,
    Now,
    Report,
    Verdict,
    decided,
    read_report,
    reported,
    touched,
)
from muniment.assurance.release.manifest import COMPONENTS, Component, Manifest

AT = datetime(2026, 3, 9, 12, 0, tzinfo=UTC)
MANIFEST = Manifest({name: {"version": "1"} for name in COMPONENTS})


@dataclass(frozen=True)
class Suite:
    name: str
    kind: str
    digest: str = "sha256:suite"


@dataclass(frozen=True)
class Found:
    blocks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.blocks


FACTS, LEAKS = Suite("facts", "quality"), Suite("leaks", "security")
SUITES = [FACTS, LEAKS]


def mean_falls(
    candidate: Run, baseline: Run | None, floors: Mapping[str, float], changed: Sequence[str]
) -> Found:
    """A judge that blocks where the mean of `facts` is below its floor or the baseline's."""

    def mean(run: Run) -> float:
        return sum(one.scores["facts"] for one in run.results) / len(run.results)

    least = max(candidate.targets.get("facts", 0.0), mean(baseline) if baseline else 0.0)
    return Found(
        (f"facts fell to {mean(candidate):.2f}, not {least:.2f}.",) if mean(candidate) < least else ()
    )


def run(suite: Suite = FACTS, scores: Mapping[str, float] | None = None, **more: Any) -> Run:
    graded = {"authorised": 1.0, "facts": 1.0, **(scores or {})}
    result = CaseResult("c1", "sha256:c", "alice", "When?", (), 1.0, "answered", graded)
    values: dict[str, Any] = {
        "id": f"run_{suite.name}",
        "suite": suite.name,
        "suite_digest": suite.digest,
        "suite_version": 1,
        "kind": suite.kind,
        "subject": "spring",
        "lineage": MANIFEST.lineage,
        "corpus": "sha256:corpus",
        "targets": {"facts": 0.5},
        "started": "2026-03-09T10:00:00.000Z",
        "finished": "2026-03-09T11:00:00.000Z",
        "by": "operator",
        "cases": 1,
        "results": (result,),
    }
    return Run(**{**values, **more})


def now(*changed: Component, **more: Any) -> Now:
    values: dict[str, Any] = {
        "release": "spring",
        "manifest": MANIFEST,
        "against": NONE,
        "corpus": "sha256:corpus",
        "at": AT,
        "longest": timedelta(days=7),
        "changed": frozenset(changed or ("prompts",)),
    }
    return Now(**{**values, **more})


def report(suite: Suite = FACTS, made: Run | None = None, baseline: Run | None = None) -> Report:
    return reported(suite, made or run(suite), baseline, mean_falls, ["prompts"], NONE)


def judged(*reports: Report, at: Now | None = None, waived: Collection[str] = ()) -> Verdict:
    found = reports or (report(), report(LEAKS))
    return decided(at or now(), SUITES, {one.suite: one for one in found}, waived)


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_change_touches_every_suite_and_one_of_suites_alone_touches_none(component: Component) -> None:
    found = [one.name for one in touched([component], SUITES)]
    assert found == ([] if component == "suites" else ["facts", "leaks"])


def test_whole_and_fresh_reports_of_what_is_touched_pass() -> None:
    verdict = judged()
    assert verdict.ok and verdict.suites == ("facts", "leaks")
    assert judged(report()).blocks[0].name == "leaks:report"
    assert judged(report(LEAKS)).blocks[0].says == "facts was not run on this release."
    assert "muniment release check spring" in judged(report(LEAKS)).blocks[0].fix


@pytest.mark.parametrize(
    ("made", "at", "says"),
    [
        (run(lineage={**MANIFEST.lineage, "prompts": "x"}), now(), "other versions"),
        (run(suite_digest="sha256:other"), now(), "other cases"),
        (run(corpus="sha256:other"), now(), "other documents"),
        (run(), now(against="sha256:winter"), "another release than the one in force"),
        (run(finished=""), now(), "cut short"),
        (run(results=()), now(), "cut short"),
        (run(), now(at=AT + timedelta(days=8)), "older than release.max_report_age (7d)"),
        (run(), now(at=AT - timedelta(hours=2)), "older than"),
    ],
)
def test_a_report_that_is_not_of_this_release_as_it_is_now_does_not_count(
    made: Run, at: Now, says: str
) -> None:
    found = report(made=made)
    verdict = judged(found, replace(report(LEAKS), against=at.against), at=at)
    assert not verdict.ok
    assert any(says in one.says and one.name == "facts:report" for one in verdict.blocks)
    assert not any(one.waivable for one in verdict.blocks)


def test_what_the_judge_finds_stops_it_until_somebody_stands_by_it() -> None:
    worse = report(made=run(scores={"facts": 0.6}), baseline=run())
    verdict = judged(worse, report(LEAKS))
    (block,) = verdict.blocks
    assert (block.name, block.why, block.waivable) == ("facts:1", "worse", True)
    assert "facts fell to 0.60" in block.says and "Changed: prompts" in block.says
    assert "run_facts" in block.fix
    passed = judged(worse, report(LEAKS), waived=["facts:1"])
    assert passed.ok and [one.name for one in passed.waived] == ["facts:1"]


@pytest.mark.parametrize("metric", ["authorised", "no_forbidden_facts", "no_forbidden_calls"])
@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("score", [0.0, 0.999, float("nan")])
def test_one_breach_stops_it_whatever_anybody_says(suite: Suite, metric: str, score: float) -> None:
    other = report(LEAKS if suite is FACTS else FACTS)
    breached = report(suite, run(suite, {metric: score}))
    verdict = judged(breached, other, waived=[f"{suite.name}:{metric}"])
    assert [(one.name, one.why, one.waivable) for one in verdict.blocks] == [
        (f"{suite.name}:{metric}", "security", False)
    ]


def test_a_security_suite_that_falls_short_or_errs_is_never_waived() -> None:
    short = report(LEAKS, run(LEAKS, {"facts": 0.1}))
    erred = report(LEAKS, run(LEAKS, results=(replace(run(LEAKS).results[0], status="failed"),)))
    for found, name in ((short, "leaks:1"), (erred, "leaks:failed")):
        verdict = judged(report(), found, waived=[name])
        assert [(one.name, one.waivable) for one in verdict.blocks] == [(name, False)]


def test_changes_that_no_suite_looks_at_are_said_and_may_be_let_pass_by_two() -> None:
    verdict = decided(now(), [], {}, [])
    assert [one.name for one in verdict.blocks] == ["suites:none"] and "prompts" in verdict.blocks[0].says
    assert decided(now(), [], {}, ["suites:none"]).ok
    assert decided(replace(now(), changed=frozenset()), SUITES, {}, []).ok


def test_a_report_is_read_back_as_it_was_kept() -> None:
    found = report(made=run(scores={"facts": 0.1, "authorised": 0.0}))
    assert read_report(found.as_json()) == found
