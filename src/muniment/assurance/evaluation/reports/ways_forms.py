"""Ways of answering beside each other, as one page that needs nothing else and as Markdown.

Invariants: those of `page` and of `markdown`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from muniment.assurance.evaluation.reports import charts, wording
from muniment.assurance.evaluation.reports.markdown import inert
from muniment.assurance.evaluation.reports.page import environment, policy
from muniment.assurance.evaluation.reports.reported import MetricRow
from muniment.assurance.evaluation.reports.ways import ReportedWays, WayRow

_PLAIN = re.compile(r"(?:[A-Za-z0-9 ,.;:%()]|(?<=[a-z])[-_'](?=[a-z]))+")


def ways_page(found: ReportedWays) -> str:
    """Return a report as a page."""
    filled = {"found": found, "policy": policy(), "charts": charts, "w": wording, "show": show_command}
    return environment().get_template("ways.html").render(filled)


def ways_markdown(found: ReportedWays) -> str:
    """Return a report in GitHub's Markdown: the recommendation and a table of what was asked."""
    return "\n".join(_lines(found)) + "\n"


def show_command(run: str) -> str:
    """Return the command that shows a stored run."""
    return f"muniment eval show {run}"


def _lines(found: ReportedWays) -> Iterator[str]:
    yield f"### {'✅' if found.ok else '❌'} {found.kind}: {inert(found.suite, 80)}"
    yield ""
    yield from (f"- {_sentence(line)}" for line in found.said)
    if found.asked:
        targets = [row.name for row in found.asked[0].metrics]
        yield ""
        yield f"| way | outcome | {' | '.join(map(inert, targets))} | cost of a case | p50 / p95 | run |"
        yield f"|---|---|{'--:|' * len(targets)}--:|--:|---|"
        yield from (_row(way) for way in found.asked)
    if found.lacking:
        yield ""
        yield from (f"- {inert(way.title)}: not available: {inert(way.missing)}" for way in found.lacking)
    yield ""
    yield (
        f"{wording.count(found.cases, 'case')} of {found.of:,}, {wording.figure(found.confidence)} intervals; "
        f"by {inert(found.by, 80)}, {wording.when(found.at)}."
    )


def _sentence(line: str) -> str:
    """Return a sentence of ours; as code where what it names could be markup or a link."""
    return line if _PLAIN.fullmatch(line) and "www." not in line else inert(line, 300)


def _row(way: WayRow) -> str:
    cells = [
        inert(way.title),
        way.word,
        *map(_cell, way.metrics),
        wording.figure(way.cost, "cost"),
        f"{wording.figure(way.p50, 'ms')} / {wording.figure(way.p95, 'ms')}",
        inert(way.run),
    ]
    return f"| {' | '.join(cells)} |"


def _cell(row: MetricRow) -> str:
    if row.mean is None:
        return "not measured"
    return f"{wording.figure(row.mean, row.unit)} ({wording.interval(row.low, row.high, row.unit)}, n {row.cases})"
