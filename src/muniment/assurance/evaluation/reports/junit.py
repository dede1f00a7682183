"""A report as JUnit XML, so that a CI system shows each case.

A breach is a failure and a case without an answer to judge is an error. Whatever else fell short is said in the
case's output: it counts through the targets, which are cases of their own beside those of the suite.
"""

from __future__ import annotations

from muniment.assurance.evaluation.reports import wording
from muniment.assurance.evaluation.reports.page import environment
from muniment.assurance.evaluation.reports.reported import ReportedRun


def junit(run: ReportedRun) -> str:
    """Return a report as XML; characters that XML cannot hold are spelled out."""
    broken = sum(row.breach for row in run.results)
    failed = sum(row.status == "failed" and not row.breach for row in run.results)
    missed = sum(row.missed for row in run.judged)
    return (
        environment()
        .get_template("junit.xml")
        .render(
            run=run,
            w=wording,
            broken=broken,
            failed=failed,
            missed=missed,
            seconds=sum(row.milliseconds or 0.0 for row in run.results) / 1000,
        )
    )
