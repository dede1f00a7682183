"""eval ci: judge a proposed change of a repository against the branch that it is to be merged into."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.eval import app as evaluations
from muniment.interfaces.cli.eval import counting_cases
from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from muniment.app.checkout import Checkout, Layout
    from muniment.assurance.evaluation.case import Suite
    from muniment.assurance.evaluation.verdict import Block
    from muniment.assurance.release.proposed import Outcome, Proposed, Put
    from muniment.knowledge.ingestion.report import IngestReport

SUITES = "evals"
"""Of a checkout."""
_MOST_CASES = 10


def register(parent: typer.Typer) -> None:
    """Add nothing: the command belongs to `eval`."""


@evaluations.command(epilog=example("muniment eval ci --base ../base --report report"))
def ci(
    base: Annotated[
        Path,
        typer.Option(metavar="DIR", help="A checkout of what is merged into.", show_default=False),
    ],
    report: Annotated[Path, typer.Option(metavar="DIR", help="Where reports go.", show_default=False)],
    checkout: Annotated[Path, typer.Option(metavar="DIR", help="The checkout that is judged.")] = Path(),
    suite: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH", help="From the checkout; else all in evals.", show_default=False),
    ] = None,
    documents: Annotated[str, typer.Option(metavar="PATH", help="From the checkout.")] = "documents",
    directory: Annotated[str, typer.Option(metavar="PATH", help="From the checkout.")] = "directory.toml",
    settings: Annotated[str, typer.Option(metavar="PATH", help="From each checkout.")] = "settings.toml",
    prompts: Annotated[str, typer.Option(metavar="PATH", help="From each checkout.")] = "prompts",
    policy: Annotated[str, typer.Option(metavar="PATH", help="From each checkout.")] = "policy",
    source: Annotated[str, typer.Option(metavar="NAME", help="What the documents are called.")] = "documents",
    security: Annotated[
        bool, typer.Option("--security", help="Play the shipped security suite too.")
    ] = False,
    keep: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep workspaces there for the next job.", show_default=False),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Cases at one time.")] = 4,
) -> None:
    """Judge a checkout against another, on the same documents in workspaces of their own; exit 1 where it is blocked.

    Reads and writes no workspace of yours; reaches nothing but the model endpoints that the settings name.
    """
    from muniment.app.checkout import Layout, Library, checkouts, read_checkout
    from muniment.app.proposing import side_of
    from muniment.assurance.release.proposed import judge_proposal
    from muniment.assurance.release.proposed_report import write_proposed

    _there(base, "--base")
    _there(checkout / settings, "--settings")
    layout = Layout(settings, prompts, policy)
    library = Library(
        _there(checkout / documents, "--documents"), _there(checkout / directory, "--directory"), source
    )
    puts = _suites(checkout, base, suite or [], security)
    before, after = read_checkout(base, layout), read_checkout(checkout, layout)
    _say_prompts(before, after, layout)
    with (
        checkouts(library, checkout, keep, on_read=_saying_once()) as opens,
        counting_cases("Asking") as on_progress,
    ):
        found = judge_proposal(
            puts, side_of(opens, before, workers, on_progress), side_of(opens, after, workers, on_progress)
        )
    write_proposed(found, report)
    _show(found, report)
    if not found.ok:
        raise typer.Exit(1)


def _there(path: Path, option: str) -> Path:
    from muniment.foundation.errors import BadInput

    if not path.exists():
        raise BadInput(f"{path} is not there.", fix=f"Name it with {option}.")
    return path


def _suites(checkout: Path, base: Path, named: list[str], security: bool) -> list[Put]:
    from muniment.assurance.evaluation.suite_file import read_suite
    from muniment.assurance.release.proposed import Put
    from muniment.foundation.errors import BadInput
    from muniment.foundation.shipped import shipped

    folder = checkout / SUITES
    all_of_them = sorted(
        f"{SUITES}/{one.name}" for one in (folder.iterdir() if folder.is_dir() else ()) if one.is_dir()
    )
    places = [(_there(checkout / one, "--suite"), base / one) for one in named or all_of_them]
    puts = [Put(place, read_suite(place), _earlier(other)) for place, other in places]
    if security:
        place = shipped("evals/security")
        puts.append(Put(place, read_suite(place)))
    if not puts:
        raise BadInput(f"There is no suite in {folder}.", fix="Make one: muniment eval new evals/NAME.")
    names = [one.name for one in puts]
    if double := next((name for name in names if names.count(name) > 1), None):
        raise BadInput(f"Two suites lie in folders of the name {double}.", fix="Rename one.")
    return puts


def _earlier(place: Path) -> Suite | None:
    from muniment.assurance.evaluation.suite_file import read_suite
    from muniment.foundation.errors import BadInput

    try:
        return read_suite(place) if place.exists() else None
    except BadInput as error:
        TERMINAL.say(f"muniment: The base's suite cannot be read, so nothing is compared: {error.public}")
        return None


def _say_prompts(before: Checkout, after: Checkout, layout: Layout) -> None:
    for name, side in (("base", before), ("change", after)):
        said = ", ".join(f"{one.version} for {purpose}" for purpose, one in sorted(side.prompts.items()))
        TERMINAL.say(f"Prompts of the {name}: {said or f'as shipped, none in {layout.prompts}'}.")


def _saying_once() -> Callable[[IngestReport], None]:
    """Return what says how the documents were read, each thing once: both sides read them."""
    said: set[str] = set()

    def say(report: IngestReport) -> None:
        lines = [f"Not read: {problem.path}: {problem.reason}" for problem in report.failed]
        for line in (*lines, *([] if report.vectors else [f"Without vectors: {report.vectors_note}"])):
            if line not in said:
                said.add(line)
                TERMINAL.say(line)

    return say


def _show(found: Proposed, report: Path) -> None:
    if TERMINAL.json:
        TERMINAL.document(
            {
                "ok": found.ok,
                "changed": list(found.changed),
                "suites": [_plain(one) for one in found.outcomes],
                "report": report,
            }
        )
        return
    TERMINAL.show(f"Changed: {', '.join(found.changed) or 'nothing that answers come from'}.")
    for one in found.outcomes:
        for line in _lines(one):
            TERMINAL.show(visible(line))
    TERMINAL.show(f"Reports: {report}")


def _lines(one: Outcome) -> Iterator[str]:
    run, compared = one.run, len(one.baseline.results) if one.baseline else 0
    over = sum(result.cached for result in run.results)
    word = "passes" if one.verdict.ok else "BLOCKED"
    yield f"{one.name}: {word} ({run.cases} cases, {compared} compared, {over} taken over)"
    for block in one.verdict.blocks:
        yield f"  {_headline(block)}: {block.what}"
        if block.cases:
            more = len(block.cases) - _MOST_CASES
            yield f"    cases: {', '.join(block.cases[:_MOST_CASES])}{f' and {more} more' if more > 0 else ''}"
    for note in one.notes:
        yield f"  note: {note}"


def _headline(block: Block) -> str:
    return ", ".join(part for part in (block.component, block.metric or block.stage or block.why) if part)


def _plain(one: Outcome) -> dict[str, object]:
    return {
        "suite": one.name,
        "ok": one.verdict.ok,
        "cases": one.run.cases,
        "taken_over": sum(result.cached for result in one.run.results),
        "compared": len(one.baseline.results) if one.baseline else 0,
        "blocks": [
            {
                "component": block.component,
                "metric": block.metric,
                "stage": block.stage,
                "why": block.why,
                "what": block.what,
                "cases": list(block.cases),
            }
            for block in one.verdict.blocks
        ],
        "notes": list(one.notes),
    }
