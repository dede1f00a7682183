"""A ladder in words, as JSON and as points of a chart; no I/O."""

from __future__ import annotations

from dataclasses import asdict

from muniment.assurance.evaluation.metric import METRICS
from muniment.assurance.release.ladder.ladder import Climbed, Ladder
from muniment.assurance.release.ladder.rung import TITLES


def as_json(ladder: Ladder) -> dict[str, object]:
    """Return a ladder as JSON values."""
    found = ladder.recommendation
    return {
        "suite": ladder.suite,
        "cases": ladder.cases,
        "of": ladder.of,
        "targets": dict(ladder.targets),
        "recommended": found.name or None,
        "nearest": found.nearest or None,
        "said": said(ladder),
        "notes": notes(ladder),
        "alike": [list(pair) for pair in found.alike],
        "untried": list(ladder.untried),
        "rungs": [_rung_json(ladder, one) for one in ladder.rungs],
        "points": points(ladder),
    }


def points(ladder: Ladder) -> list[dict[str, object]]:
    """Return cost of a case against quality, one point for each rung that was measured."""
    return [
        {
            "name": one.rung.title,
            "cost": one.figures.cost,
            "quality": one.figures.quality.mean,
            "low": one.figures.quality.low,
            "high": one.figures.quality.high,
        }
        for one in ladder.rungs
        if one.figures is not None
    ]


def notes(ladder: Ladder) -> list[str]:
    """Return what else is to be known of each rung that was asked, in sentences."""
    lines: list[str] = []
    for one in ladder.rungs:
        found = one.figures
        if found is None:
            continue
        name, of = f"{one.rung.number} {one.rung.title}", f"of {found.cases} cases"
        if found.failed:
            lines.append(f"{name}: {found.failed} {of} failed, the first with: {found.failure}")
        if found.proposed:
            lines.append(
                f"{name}: in {found.proposed} {of} something was proposed; nothing was done, and nobody was asked."
            )
        if one.rung.name == "reranked" and found.reranked < found.cases:
            lines.append(f"{name}: in {found.cases - found.reranked} {of} nothing was reranked.")
        if found.taken_over:
            lines.append(f"{name}: {found.taken_over} {of} were answered by an earlier run, with its times.")
    return lines


def said(ladder: Ladder) -> list[str]:
    """Return what is recommended, and what is not known, in sentences."""
    found = ladder.recommendation
    lines = [_recommended(ladder), *_unsure(ladder)]
    if found.name:
        lines += [
            f"{TITLES[_other(pair, found.name)].capitalize()} cannot be told apart from it "
            f"with {ladder.cases} cases."
            for pair in found.alike
            if found.name in pair
        ]
    lines += [
        f"{TITLES[one].capitalize()} and {TITLES[other]} pass too, and cannot be told apart "
        f"with {ladder.cases} cases."
        for one, other in found.alike
        if found.name not in (one, other) and found.verdict(one).passes and found.verdict(other).passes
    ]
    if ladder.untried:
        below = "simpler and " if found.name else ""
        lines.append(
            f"Not tried, though {below}perhaps enough: {', '.join(TITLES[n] for n in ladder.untried)}."
        )
    if ladder.cases < ladder.of:
        lines.append(f"Only {ladder.cases} of {ladder.of} cases were asked.")
    return lines


def _recommended(ladder: Ladder) -> str:
    found = ladder.recommendation
    if found.name:
        return f"Enough: {TITLES[found.name]}, the least complex way that reaches every target."
    if not found.nearest:
        return "No rung is available."
    missed = "; ".join(map(str, found.verdict(found.nearest).missed))
    return f"None is enough. Nearest: {TITLES[found.nearest]}, which misses {missed}."


def _unsure(ladder: Ladder) -> list[str]:
    found = ladder.recommendation
    if not found.name:
        return []
    figures = next(one.figures for one in ladder.rungs if one.rung.name == found.name)
    if figures is None:
        return []
    lines: list[str] = []
    for metric in found.verdict(found.name).unsure:
        one = figures.metrics[metric]
        far = one.high if METRICS[metric].lower_is_better else one.low
        cases = "1 case" if one.n == 1 else f"{one.n} cases"
        lines.append(
            f"It passes {metric}, but with {cases} {_shown(metric, one.mean)} cannot be told from "
            f"{_shown(metric, far)}, which misses {_shown(metric, ladder.targets[metric])}."
        )
    return lines


def _rung_json(ladder: Ladder, one: Climbed) -> dict[str, object]:
    rung, privacy = one.rung, one.rung.privacy
    told: dict[str, object] = {
        "rung": rung.name,
        "number": rung.number,
        "title": rung.title,
        "available": one.run is not None,
        "missing": rung.missing,
        "needs": list(rung.needs),
        "model": None if rung.endpoint is None else rung.endpoint.version,
        "privacy": None if privacy is None else asdict(privacy),
    }
    if one.figures is None or one.run is None:
        return told
    verdict = ladder.recommendation.verdict(rung.name)
    return {
        **told,
        "run": one.run.id,
        **one.figures.as_json(),
        "passes": verdict.passes,
        "missed": [str(short) for short in verdict.missed],
        "unsure": list(verdict.unsure),
        "lineage": dict(one.run.lineage),
    }


def _other(pair: tuple[str, str], name: str) -> str:
    return pair[1] if pair[0] == name else pair[0]


def _shown(metric: str, value: float) -> str:
    return (
        f"{value * 100:.1f} %" if METRICS[metric].unit == "share" else f"{value:,.4g} {METRICS[metric].unit}"
    )
