"""A report as lines for a terminal: plain text, without markup of any kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from muniment.assurance.evaluation.reports import wording
from muniment.assurance.evaluation.reports.charts import CHANGE
from muniment.assurance.evaluation.reports.page import command
from muniment.assurance.evaluation.reports.reported import CaseRow, MetricRow, ReportedRun

_MOST_CASES = 20
_LONGEST = 160


def lines(run: ReportedRun) -> list[str]:
    """Return a report for a person: the verdict, the figures, then the cases that fell short."""
    return list(_lines(run))


def _lines(run: ReportedRun) -> Iterator[str]:
    yield f"Suite {_said(run.suite)}, {wording.count(run.cases, 'case')}: {wording.sentence(run)}"
    yield from (f"  {remark}" for remark in wording.remarks(run))
    yield from _figures(run.metrics)
    yield f"  {wording.reach(run, _said)}"
    yield from comparison_lines(run)
    if run.short:
        yield f"{len(run.short)} of {len(run.results):,} cases fell short"
        for row in run.short[:_MOST_CASES]:
            yield from _case(row)
        if len(run.short) > _MOST_CASES:
            yield f"  and {len(run.short) - _MOST_CASES} more"


def comparison_lines(run: ReportedRun) -> Iterator[str]:
    """Yield how a run differs from its baseline, where it has one."""
    if run.baseline:
        yield f"Against run {_said(run.baseline.run)} of {_said(run.baseline.subject)}"
        width = max((len(_said(row.metric)) for row in run.baseline.rows), default=0)
        yield from (
            f"  {_said(row.metric):<{width}}  {wording.difference(row.difference, row.unit):>9}"
            f"  ({wording.differences(row.low, row.high, row.unit)}, n {row.cases})  {CHANGE[row.verdict]}"
            for row in run.baseline.rows
        )


def _figures(rows: Sequence[MetricRow]) -> Iterator[str]:
    width = max((len(_said(row.name)) for row in rows), default=0)
    for row in rows:
        said = f"  {_said(row.name):<{width}}  {wording.figure(row.mean, row.unit):>8}"
        said += f"  {wording.interval(row.low, row.high, row.unit):>14}  n {row.cases:<5}"
        if row.target is not None:
            word = wording.outcome(row)
            said += f" target {wording.aim(row)}: {word.upper() if row.missed else word}"
        yield said.rstrip()


def _case(row: CaseRow) -> Iterator[str]:
    yield f"  {_said(row.case)} [{_said(row.asker)}] {_said(row.question)}"
    yield f"    {'BREACH: ' if row.breach else ''}{'; '.join(row.short)}"
    if row.error:
        yield f"    {_said(row.error)}"
    if row.answer_id:
        yield f"    {_said(command(row.answer_id))}"


def _said(text: str) -> str:
    return wording.visible(wording.clipped(text, _LONGEST))
