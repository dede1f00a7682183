"""What a proposal comes to, as files: a comment for the pull request, JUnit for the job, and a report of each suite.

As in `reports/markdown`, every text that is not ours stands in a span of code.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from muniment.assurance.evaluation.reports.from_summary import report
from muniment.assurance.evaluation.reports.markdown import inert, markdown
from muniment.assurance.evaluation.reports.page import environment
from muniment.assurance.evaluation.reports.reported import ReportedRun
from muniment.assurance.evaluation.reports.write import write_reports
from muniment.assurance.evaluation.verdict import Block
from muniment.assurance.release.proposed import Outcome, Proposed
from muniment.foundation.private_file import put_private

COMMENT, GATE = "comment.md", "gate.xml"
_LONGEST = 60_000
"""Of a comment, so that a forge takes it."""
_MOST_CASES = 20
_WORDS = 600


def write_proposed(found: Proposed, folder: Path) -> None:
    """Write everything into a folder, for its owner alone; raises Unavailable where it cannot be."""
    runs = [report(one.run, one.baseline) for one in found.outcomes]
    for one, run in zip(found.outcomes, runs, strict=True):
        write_reports(run, folder / one.name)
    put_private(folder / COMMENT, comment(found, runs).encode())
    put_private(folder / GATE, gate_junit(found).encode())


def comment(found: Proposed, runs: list[ReportedRun]) -> str:
    """Return the verdict in Markdown, then the report of each suite as far as it fits."""
    lines = [
        "## ✅ Nothing stands against this change" if found.ok else "## ⛔ This change is blocked",
        "",
        f"Changed: {', '.join(found.changed) or 'nothing that answers come from'}.",
    ]
    for one in found.outcomes:
        lines += ["", *_suite(one)]
    text = "\n".join(lines) + "\n"
    for run in runs:
        more = f"\n---\n{markdown(run)}"
        fits = len(text) + len(more) < _LONGEST
        text += more if fits else f"\n---\nThe report of {inert(run.suite, 80)} is too long for a comment.\n"
    return text


def gate_junit(found: Proposed) -> str:
    """Return the verdict as XML: each suite is a case, which fails where it blocks."""
    suites = [(one.name, [str(block) for block in one.verdict.blocks]) for one in found.outcomes]
    failures = sum(bool(blocks) for _, blocks in suites)
    return environment().get_template("gate.xml").render(suites=suites, failures=failures)


def _suite(one: Outcome) -> Iterator[str]:
    yield f"**{inert(one.name, 80)}**: {'passes' if one.verdict.ok else 'blocked'}"
    for block in one.verdict.blocks:
        yield f"- **{block.component or block.why}** {_metric(block)}: {inert(block.what, _WORDS)}"
        if block.cases:
            yield f"  Cases: {', '.join(inert(case, 80) for case in block.cases[:_MOST_CASES])}{_more(block)}"
    for note in one.notes:
        yield f"- Note: {inert(note, _WORDS)}"


def _metric(block: Block) -> str:
    return f"({block.metric})" if block.metric else f"({block.stage or block.why})"


def _more(block: Block) -> str:
    more = len(block.cases) - _MOST_CASES
    return f" and {more} more" if more > 0 else ""
