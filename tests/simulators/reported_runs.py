"""Runs as reports show them: a plausible one, and one whose every text was written by somebody hostile."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from muniment.assurance.evaluation.reports.from_run import reported
from muniment.assurance.evaluation.reports.reported import (
    Baseline,
    ComparisonRow,
    CostPoint,
    CostQuality,
    MetricRow,
    ReleaseFacts,
    ReportedRun,
    SliceRow,
)
from muniment.assurance.evaluation.results import CaseResult, Run

HOSTILE = (
    "<script>alert(1)</script> \"quoted\" 'single' `code` | bar & &amp; </style></svg><img src=x onerror=alert(2)> "
    "{{ 7 * 7 }} {% raw %} [link](javascript:alert(3)) https://evil.example/a www.evil.example @everyone "
    "\u202eright to left\u202c \u0000\u0007\u001b[31m \ufffe ]]> --> \ud800 שלום"
)
LONG = "w" * 10_000
ASKED = (
    ("people", "How long is parental leave, and who approves it?"),
    ("who-asks", "How much am I paid for a week on call?"),
    ("hidden", "Where is the key ceremony held this year?"),
    ("tables", "Which supplier had the highest invoice in the second quarter?"),
    ("numbers", "What is the travel allowance for a day in Lisbon?"),
    ("follow-up", "And how much is it for contractors?"),
    ("mail", "What did the works council ask for in its last letter?"),
)


def run(cases: int = 140, **changed: Any) -> Run:
    """Return a run of a suite on which a good system does well and not perfectly."""
    dice = random.Random(7)
    results = tuple(_result(number, dice) for number in range(1, cases + 1))
    made = Run(
        id="run_01kb4x7e2m",
        suite="sample",
        suite_digest="9f2c41d07be5a3c8d1e6f0429b7a85c3e4d2f1908a7b6c5d4e3f2a1b0c9d8e7f",
        suite_version=3,
        kind="quality",
        subject="workspace",
        lineage={
            "model": "qwen2.5-coder-1.5b",
            "prompt": "answer@7",
            "index": {"embedding": "bge-small-en-v1.5", "settings": 4},
            "policy": "12",
            "code": "0.1.0",
        },
        corpus="4b1f88a2c0d94e7791e3a6d5b2c8f7041d9e6a3b5c7f8021e4d6a9b3c5f70812",
        targets={"authorised": 1.0, "success@5": 0.95, "facts": 0.85, "abstained": 0.9},
        started="2026-11-28T02:44:23.118Z",
        finished="2026-11-28T02:51:02.730Z",
        by="user:olivia",
        cases=cases,
        results=results,
    )
    return replace(made, **changed)


def _result(number: int, dice: random.Random) -> CaseResult:
    tag, question = ASKED[number % len(ASKED)]
    silent = tag == "hidden"
    failed = number == 61
    scores: dict[str, float] = {"authorised": 0.0 if number in (23, 86) else 1.0}
    if not failed:
        scores |= {"search_ms": dice.lognormvariate(3.4, 0.35), "answer_ms": dice.lognormvariate(6.6, 0.5)}
        scores |= {"model_ms": scores["answer_ms"] * 0.8, "cost": dice.lognormvariate(-6.2, 0.4)}
        scores |= {"prompt_tokens": dice.randint(900, 2600), "completion_tokens": dice.randint(40, 260)}
    if silent:
        scores["abstained"] = float(dice.random() < 0.93)
    elif not failed:
        hard = 0.75 if tag in ("tables", "follow-up") else 0.96
        found = float(dice.random() < hard + 0.04)
        scores |= {"success@5": found, "recall@5": found * dice.choice((1, 1, 0.5)), "recall@20": found}
        scores |= {"mrr": found * dice.choice((1, 1, 0.5, 0.33)), "ndcg@10": found * dice.uniform(0.7, 1)}
        scores |= {
            "facts": found * (1 - 0.5 * (dice.random() < 0.06)),
            "answered": float(dice.random() < hard),
        }
        scores |= {"citation_precision": 1 - 0.5 * (dice.random() < 0.05), "current": 1.0}
        scores |= {"faithfulness": 1 - 0.25 * (dice.random() < 0.04)}
    abstained = scores.get("abstained", 1 - scores.get("answered", 1.0)) == 1.0
    return CaseResult(
        case=f"q{number:03}",
        digest="0" * 64,
        asker=("user:alice", "user:bob", "user:carol")[number % 3],
        question=question,
        tags=(tag,) if number % 4 else (tag, "holdout"),
        weight=1.0,
        status="failed" if failed else "abstained" if abstained else "answered",
        scores=scores,
        answer_id="" if failed else f"ans_01kb4x{number:04}",
        detail={"found": ["people/leave.md", "people/handbook.md"], "cited": ["people/leave.md"]},
        error="The model endpoint did not answer within 60 s. Try again, or raise its timeout."
        if failed
        else "",
    )


def told(given: Run) -> ReportedRun:
    """Return the report of a run, with intervals as a stand-in for the statistics."""
    plain = reported(given)

    def rows(metrics: Sequence[MetricRow], results: Sequence[CaseResult]) -> tuple[MetricRow, ...]:
        return tuple(_with_interval(row, results) for row in metrics)

    cut = tuple(
        SliceRow(one.tag, one.cases, rows(one.metrics, [r for r in given.results if one.tag in r.tags]))
        for one in plain.slices
    )
    return replace(plain, metrics=rows(plain.metrics, given.results), slices=cut)


def full() -> ReportedRun:
    """Return a report that has every part."""
    made = told(run())
    change = (("success@5", 0.031, 0.04), ("facts", 0.062, 0.05), ("answered", -0.071, 0.045))
    rows = tuple(
        ComparisonRow(
            name, "share", 118, 0.88, 0.88 + by, by, by - half, by + half, 0.012, _verdict(by, half)
        )
        for name, by, half in change
    )
    slower = ComparisonRow("answer_ms", "ms", 139, 910.0, 846.0, -64.0, -101.0, -25.0, 0.0004, "better")
    points = (
        CostPoint("quotes, no model", 0.0, 0.64, 0.56, 0.72, 140),
        CostPoint("qwen2.5-coder-0.5b", 0.0009, 0.76, 0.69, 0.83, 140),
        CostPoint("qwen2.5-coder-1.5b", 0.0021, 0.84, 0.78, 0.9, 140, here=True),
        CostPoint("a larger model over the network", 0.0104, 0.87, 0.81, 0.92, 140),
    )
    return replace(
        made,
        baseline=Baseline("run_01kb1r90ta", "workspace", "2026-11-21T02:44:11.004Z", (*rows, slower)),
        cost_quality=CostQuality("facts", points),
        release=ReleaseFacts("2026.11", "sha256:5d1c…e8", "held back"),
    )


def hostile() -> ReportedRun:
    """Return a full report in which each text that others write is hostile or without end."""
    given = run(14)
    results = tuple(
        replace(
            one,
            case=f"{HOSTILE}{number}",
            question=(HOSTILE, LONG, "متى تفتح المقصف؟", "\u202e" * 40 + HOSTILE)[number % 4],
            asker=HOSTILE,
            tags=(HOSTILE, LONG),
            answer_id=HOSTILE,
            error=HOSTILE,
            detail={HOSTILE: HOSTILE, "long": LONG},
            scores={"authorised": float(number % 3 > 0), "facts": 0.5, "answer_ms": 3.0, HOSTILE: 0.5},
        )
        for number, one in enumerate(given.results)
    )
    given = replace(
        given,
        suite=HOSTILE + LONG,
        subject=LONG,
        by=HOSTILE,
        lineage={HOSTILE: LONG, "model": HOSTILE},
        results=results,
    )
    whole = full()
    assert whole.baseline is not None
    return replace(
        told(given),
        baseline=replace(whole.baseline, subject=HOSTILE, run=LONG),
        cost_quality=CostQuality(
            HOSTILE, (CostPoint(HOSTILE, 0.01, 0.5), CostPoint(LONG, 0.02, 0.7, 0.6, 0.8))
        ),
        release=ReleaseFacts(HOSTILE, LONG, HOSTILE),
    )


def _verdict(by: float, half: float) -> Any:
    return "unclear" if abs(by) < half else "better" if by > 0 else "worse"


def _with_interval(row: MetricRow, results: Sequence[CaseResult]) -> MetricRow:
    scores = [one.scores[row.name] for one in results if row.name in one.scores]
    if row.mean is None or len(scores) < 2:
        return row
    spread = math.sqrt(sum((one - row.mean) ** 2 for one in scores) / (len(scores) - 1) / len(scores))
    half = 1.96 * max(spread, 0.3 / len(scores) if row.unit == "share" else 0.0)
    low, high = max(0.0, row.mean - half), row.mean + half
    met = None if row.target is None else row.mean >= row.target
    return replace(
        row, low=low, high=min(1.0, high) if row.unit == "share" else high, met=met, detectable=half * 2.02
    )
