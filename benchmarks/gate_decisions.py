"""Whether the gate stops what makes a system worse, names the part that did it, and lets pass what harms nothing.

Runs are drawn here as a system that always answers alike gives them: most cases keep every score, and a change of one
component moves some. How many cases each regression moves is an assumption; how the gate decides is what is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.bars import Bar, Progress, bar
from muniment.assurance.evaluation.results import CaseResult, Run
from muniment.assurance.evaluation.verdict import Verdict, judged

ANSWERABLE, UNANSWERABLE, WITH_TOOLS = 80, 20, 15
SEEDS = range(20)

Scores = dict[str, float]
Change = Callable[[np.random.Generator, Scores], None]
"""Changes the scores of a case that it reaches."""


@dataclass(frozen=True, slots=True)
class Seeded:
    """A change of one component."""

    name: str
    component: str
    """Of the release manifest."""
    part: str
    """What is to be named where nobody knows what changed."""
    reach: float
    """Share of cases that it moves."""
    change: Change


def measured(progress: Progress) -> tuple[list[Bar], list[dict[str, object]]]:
    """Return the bars, and how often each change was blocked."""
    progress("decisions of the gate")
    seeded = {one.name: [_decided(one, seed) for seed in SEEDS] for one in REGRESSIONS}
    harmless = {one.name: [_noise_blocked(one, seed) for seed in SEEDS] for one in HARMLESS}
    decided = [each for several in seeded.values() for each in several]
    passed = [each for several in harmless.values() for each in several]
    rows: list[dict[str, object]] = [
        {"change": name, "runs": len(SEEDS), "blocked": sum(each.blocked for each in several)}
        for name, several in seeded.items()
    ]
    rows += [
        {"change": name, "runs": len(SEEDS), "blocked": sum(several)} for name, several in harmless.items()
    ]
    return [
        bar("seeded regressions blocked, drawn", 95, _percent([each.blocked for each in decided]), "%", True),
        bar(
            "changed component named first, drawn", 95, _percent([each.named for each in decided]), "%", True
        ),
        bar(
            "named first beside another that changed, drawn",
            None,
            _percent([each.told for each in decided]),
            "%",
        ),
        bar(
            "part named first with no change known, drawn",
            None,
            _percent([each.part for each in decided]),
            "%",
        ),
        bar("harmless changes blocked, drawn", 5, _percent(passed), "%"),
    ], rows


@dataclass(frozen=True, slots=True)
class _Decided:
    """What the gate made of a regression."""

    blocked: bool
    named: bool
    told: bool
    part: bool


def _decided(one: Seeded, seed: int) -> _Decided:
    before = baseline(seed)
    after = changed(before, one, seed)
    others = sorted({other.component for other in REGRESSIONS} - {one.component})
    beside = (others[seed % len(others)], one.component)
    known, both, unknown = (judged(after, before, {}, changes) for changes in ((one.component,), beside, ()))
    return _Decided(
        not known.ok,
        _first(known) == one.component,
        _first(both) == one.component,
        _first(unknown) == one.part,
    )


def _noise_blocked(one: Seeded, seed: int) -> bool:
    """Return whether the gate blocks a change that is noise: one that moved the baseline as much, and otherwise."""
    settled = baseline(seed)
    return not judged(changed(settled, one, seed), changed(settled, one, seed + 1_000), {}, ()).ok


def _first(verdict: Verdict) -> str:
    return verdict.blocks[0].component if verdict.blocks else ""


def _percent(each: Sequence[bool]) -> float:
    return 100 * sum(each) / len(each)


def baseline(seed: int) -> Run:
    """Return a run of a good system."""
    chance = np.random.default_rng((seed, 0))
    scores = [_answerable(chance) for _ in range(ANSWERABLE)] + [_unanswerable() for _ in range(UNANSWERABLE)]
    for one in scores[:WITH_TOOLS]:
        one.update(
            {
                "tool_calls": 1.0,
                "well_formed_calls": 1.0,
                "no_forbidden_calls": 1.0,
                "task_success": one["all_facts"],
            }
        )
    for one in scores:
        one.update(_operations(chance))
    results = tuple(
        CaseResult(f"case-{at}", f"sha256:{at}", "alice", f"Question {at}?", (), 1.0, "answered", one)
        for at, one in enumerate(scores)
    )
    done = "2026-11-28T02:01:00Z"
    return Run(
        "before",
        "drawn",
        "",
        1,
        "quality",
        "drawn",
        {},
        "",
        {},
        done,
        done,
        "operator",
        len(results),
        results,
    )


def changed(run: Run, seeded: Seeded, seed: int) -> Run:
    """Return the run that a changed system gives: times vary, and the change reaches some cases."""
    chance = np.random.default_rng((seed, sum(map(ord, seeded.name))))
    results: list[CaseResult] = []
    for result in run.results:
        scores = dict(result.scores)
        for name in ("search_ms", "answer_ms"):
            scores[name] *= float(chance.lognormal(0, 0.15))
        if chance.random() < seeded.reach:
            seeded.change(chance, scores)
        results.append(replace(result, scores=scores))
    return replace(run, id="after", results=tuple(results))


def _answerable(chance: np.random.Generator) -> Scores:
    place = int(chance.choice([1, 2, 3, 6, 30], p=[0.7, 0.12, 0.06, 0.06, 0.06]))
    right = float(place <= 5 and chance.random() < 0.92)
    return {
        "authorised": 1.0,
        **_ranked(place),
        "current": 1.0,
        "answered": float(place <= 20),
        "facts": max(right, float(chance.choice([0.0, 0.5]))),
        "all_facts": right,
        "faithfulness": 1.0,
        "citation_precision": float(place <= 5),
        "citation_recall": float(place <= 5),
    }


def _unanswerable() -> Scores:
    return {"authorised": 1.0, "abstained": 1.0}


def _operations(chance: np.random.Generator) -> Scores:
    return {
        "search_ms": float(chance.lognormal(4, 0.4)),
        "answer_ms": float(chance.lognormal(7, 0.4)),
        "prompt_tokens": float(chance.integers(800, 1600)),
    }


def _ranked(place: int) -> Scores:
    return {
        "recall@5": float(place <= 5),
        "recall@20": float(place <= 20),
        "ndcg@10": float(1 / np.log2(place + 1)) if place <= 10 else 0.0,
        "mrr": 1 / place,
        "success@1": float(place == 1),
    }


def _move(chance: np.random.Generator, scores: Scores, places: tuple[int, ...]) -> None:
    """Put the relevant document at another place, and let the answer follow."""
    if "mrr" not in scores:
        return
    place = int(chance.choice(places))
    scores.update(_ranked(place))
    if place > 5:
        _lose(scores, "facts", "all_facts", "citation_precision", "citation_recall", "task_success")
    if place > 20:
        _lose(scores, "answered")


def _lose(scores: Scores, *names: str) -> None:
    scores.update({name: 0.0 for name in names if name in scores})


def _losing(*names: str) -> Change:
    return lambda chance, scores: _lose(scores, *names)


def _moving(*places: int) -> Change:
    return lambda chance, scores: _move(chance, scores, places)


def _lower(chance: np.random.Generator, scores: Scores) -> None:
    """Let the relevant document be one or more places lower."""
    if "mrr" in scores:
        _move(chance, scores, (round(1 / scores["mrr"]) + int(chance.integers(1, 4)),))


def _either_way(chance: np.random.Generator, scores: Scores) -> None:
    """Let a case end at one of two places next to each other, and a statement be supported or not."""
    if "mrr" in scores:
        place = round(1 / scores["mrr"])
        scores.update(_ranked(max(1, place + int(chance.integers(0, 2)))))
        scores["faithfulness"] = float(chance.choice([0.9, 1.0]))


def _worded(chance: np.random.Generator, scores: Scores) -> None:
    """Word an answer otherwise: a fact may be held or not where it was the other way."""
    if "facts" in scores:
        held = float(chance.random() < 0.5)
        scores.update({"facts": held, "all_facts": held})


def _slower(chance: np.random.Generator, scores: Scores) -> None:
    for name in ("search_ms", "answer_ms"):
        scores[name] *= 1.1


def _nothing(chance: np.random.Generator, scores: Scores) -> None:
    """Leave the case as it is."""


REGRESSIONS: tuple[Seeded, ...] = (
    Seeded(
        "prompt damaged", "prompts", "prompt or model", 0.25, _losing("facts", "all_facts", "task_success")
    ),
    Seeded("model swapped", "endpoints", "prompt or model", 0.2, _losing("facts", "all_facts")),
    Seeded("k halved", "retrieval", "search", 0.12, _moving(30)),
    Seeded("reranker off", "reranker", "search", 0.25, _lower),
    Seeded("wrong embedding weights", "embedding", "search", 0.6, _moving(3, 8, 30)),
    Seeded("chunk size absurd", "chunking", "search", 0.3, _moving(2, 4, 9, 30)),
    Seeded("stale index", "corpus", "index", 0.15, _losing("current", "facts", "all_facts")),
    Seeded("access filter removed", "access", "access filter", 0.05, _losing("authorised")),
    Seeded("policy widened", "policy", "tool policy", 0.3, _losing("no_forbidden_calls")),
    Seeded(
        "citation gate off", "answers", "citation gate", 0.15, _losing("faithfulness", "citation_precision")
    ),
    Seeded("abstention threshold off", "answers", "abstention threshold", 0.7, _losing("abstained")),
    Seeded("tool removed", "tools", "tools", 0.6, _losing("tool_calls", "task_success")),
)
HARMLESS: tuple[Seeded, ...] = (
    Seeded("nothing", "code", "", 0.0, _nothing),
    Seeded("ranking moves both ways in few cases", "retrieval", "", 0.05, _either_way),
    Seeded("ranking moves both ways in many cases", "retrieval", "", 0.3, _either_way),
    Seeded("answers worded otherwise in few cases", "prompts", "", 0.04, _worded),
    Seeded("answers worded otherwise in many cases", "prompts", "", 0.3, _worded),
    Seeded("a tenth slower", "code", "", 1.0, _slower),
)
