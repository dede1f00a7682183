"""A report in Markdown, such as a comment on a pull request.

Invariant: every text that is not ours stands in a span of code, on one line and without a backtick, so that it makes
no markup, no link and no mention of anybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from muniment.actions.visible import code as spelled_out
from muniment.assurance.evaluation.reports import wording
from muniment.assurance.evaluation.reports.charts import CHANGE
from muniment.assurance.evaluation.reports.page import command
from muniment.assurance.evaluation.reports.reported import Baseline, CaseRow, MetricRow, ReportedRun

_MOST_CASES = 50
_LONGEST = 200
_SIGNS = {"breached": "⛔", "unfinished": "⚠️", "missed": "❌", "met": "✅", "untold": "▫️"}


def markdown(run: ReportedRun) -> str:
    """Return a report in GitHub's Markdown: the verdict, a table, and what fell short folded away."""
    return "\n".join(_lines(run)) + "\n"


def inert(text: str, most: int = _LONGEST) -> str:
    """Return a text as a span of code that nothing in it ends."""
    shown = wording.visible(text[: most + 1]).replace("`", spelled_out("`"))
    # In a table a bar would end the cell, even within code.
    shown = shown.replace("|", spelled_out("|"))
    if len(shown) > most:
        # Of what is shown: a comment may be no longer than 65,536 letters.
        shown = f"{shown[:most].rstrip()}…"
    return f"`{shown}`" if shown else "_nothing_"


def _lines(run: ReportedRun) -> Iterator[str]:
    yield f"### {_SIGNS[run.verdict]} {wording.sentence(run)}"
    yield ""
    yield (
        f"Suite {inert(run.suite, 80)}, {wording.count(run.cases, 'case')}, put to {inert(run.subject, 80)}"
        + (f" with {inert(run.model, 80)}." if run.model else ".")
    )
    for remark in wording.remarks(run):
        yield f"**{remark}**"
    if run.breaches:
        yield ""
        yield from (
            f"- **{wording.capital(row.short[0])}**: case {inert(row.case, 80)}, asked as {inert(row.asker, 80)}"
            for row in run.breaches[:_MOST_CASES]
        )
    rows = run.judged or run.headline
    if rows:
        yield ""
        yield from _scores(rows)
    yield ""
    yield wording.reach(run, inert)
    if run.baseline and run.baseline.rows:
        yield ""
        yield from _changes(run.baseline)
    if run.short:
        yield ""
        yield from _cases(run.short, len(run.results))
    yield ""
    yield f"Run {inert(run.run, 80)}, suite {inert(run.suite_digest[:16])}, corpus {inert(run.corpus[:16])}."


def _scores(rows: Sequence[MetricRow]) -> Iterator[str]:
    yield "| metric | cases | mean | interval | target | outcome |"
    yield "|---|--:|--:|--:|--:|---|"
    for row in rows:
        word = wording.outcome(row)
        yield (
            f"| {inert(row.name)} | {row.cases} | {wording.figure(row.mean, row.unit)} "
            f"| {wording.interval(row.low, row.high, row.unit)} | {wording.aim(row)} "
            f"| {f'**{word}**' if row.missed else word} |"
        )


def _changes(baseline: Baseline) -> Iterator[str]:
    yield f"Against {inert(baseline.subject, 80)} (run {inert(baseline.run, 80)}):"
    yield ""
    yield "| metric | cases | before | after | difference | interval | verdict |"
    yield "|---|--:|--:|--:|--:|--:|---|"
    for row in baseline.rows:
        yield (
            f"| {inert(row.metric)} | {row.cases} | {wording.figure(row.before, row.unit)} "
            f"| {wording.figure(row.after, row.unit)} | {wording.difference(row.difference, row.unit)} "
            f"| {wording.differences(row.low, row.high, row.unit)} | {CHANGE[row.verdict]} |"
        )


def _cases(short: Sequence[CaseRow], cases: int) -> Iterator[str]:
    yield f"<details><summary>{len(short)} of {cases} cases fell short</summary>"
    yield ""
    for row in short[:_MOST_CASES]:
        yield f"- {inert(row.case, 80)}, asked as {inert(row.asker, 80)}: {inert(row.question)}"
        yield f"  {wording.capital('; '.join(row.short))}."
        if row.error:
            yield f"  {inert(row.error)}"
        if row.answer_id:
            yield f"  {inert(command(row.answer_id))}"
    if len(short) > _MOST_CASES:
        yield f"- and {len(short) - _MOST_CASES} more"
    yield ""
    yield "</details>"
