"""eval new, add, check, split, list: suites made, added to, looked through and parted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.eval import Evaluator
from muniment.interfaces.cli.eval import app as group
from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.policy import acting
from muniment.interfaces.cli.suite_places import places
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.assurance.evaluation.suites.finding import Checked, Finding
    from muniment.assurance.evaluation.suites.places import Place
    from muniment.governance.audit.entry import Json

SuiteName = Annotated[
    str, typer.Argument(metavar="SUITE", help="A folder, or the name of a suite.", show_default=False)
]
NewName = Annotated[
    str, typer.Argument(metavar="SUITE", help="A name in the home, or a path.", show_default=False)
]
Many = list[str] | None
app = typer.Typer()


def register(parent: typer.Typer) -> None:
    """Add the commands to the group `eval`."""
    group.add_typer(app)


@app.command(epilog=example("muniment eval new support --reason 'Before each release'"))
def new(
    name: NewName,
    documents: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The documents that it is written for.", show_default=False),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why these people's questions are asked in their name.")] = "",
    description: Annotated[str, typer.Option(help="What it is, for whoever reads reports.")] = "",
) -> None:
    """Make a suite without cases, with a page that says how they are written; overwrites nothing."""
    place = made(name, documents, reason, description)
    if TERMINAL.json:
        TERMINAL.document({"suite": place.name, "path": place.path})
    else:
        TERMINAL.show(
            f"Made {visible(str(place.path))}: {place.about.name}, {place.cases.name}, README.md.",
            f"Next: muniment eval add {visible(name)} --asker USER --question ... --relevant PATH --fact ...",
        )


@app.command(
    epilog=example(
        "muniment eval add support --asker bob --question 'How long is the warranty?' "
        "--relevant support/warranty.md --fact '24 months|two years'"
    )
)
def add(
    name: SuiteName,
    asker: Annotated[str, typer.Option(metavar="USER", help="Who asks, with that person's rights.")],
    question: Annotated[str, typer.Option(help="What is asked.")],
    id_: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="Its name; else the next that is free.")
    ] = None,
    earlier: Annotated[Many, typer.Option(help="A question asked before it, in order.")] = None,
    relevant: Annotated[
        Many, typer.Option(metavar="PATH[=GRADE]", help="A document that answers it.")
    ] = None,
    fact: Annotated[
        Many, typer.Option(metavar="TEXT|TEXT", help="What the answer must hold, in any of these spellings.")
    ] = None,
    forbidden_fact: Annotated[Many, typer.Option(metavar="TEXT|TEXT", help="What it may not hold.")] = None,
    abstain: Annotated[bool, typer.Option("--abstain", help="The only right answer is none.")] = False,
    forbidden: Annotated[
        Many, typer.Option(metavar="PATH", help="A document that must never show to the asker.")
    ] = None,
    citation: Annotated[Many, typer.Option(metavar="PATH", help="A document that must be cited.")] = None,
    tool: Annotated[Many, typer.Option(metavar="NAME[:JSON]", help="A call that must be made.")] = None,
    forbidden_tool: Annotated[
        Many, typer.Option(metavar="NAME", help="A tool that must not be called.")
    ] = None,
    schema: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON Schema of the result.", show_default=False)
    ] = None,
    result: Annotated[str | None, typer.Option(metavar="JSON", help="The result that is right.")] = None,
    tag: Annotated[Many, typer.Option(help="A slice that it belongs to.")] = None,
    weight: Annotated[float, typer.Option(help="How much it counts.")] = 1.0,
) -> None:
    """Add one case, checked as a run would read it."""
    from muniment.assurance.evaluation.suite_file import read_case
    from muniment.assurance.evaluation.suites import typed
    from muniment.assurance.evaluation.suites.case_file import append, ids_in, next_id

    place = places().find(name).writable()
    schema_text = None if schema is None else _text(schema)
    fields: dict[str, Json] = {
        "id": id_ or next_id(ids_in(place.cases, place.drafts)),
        "asker": asker,
        "earlier": list(earlier or ()),
        "question": question,
        "relevant": typed.graded(relevant or ()),
        "facts": [typed.fact(one) for one in fact or ()],
        "forbidden_facts": [typed.fact(one) for one in forbidden_fact or ()],
        "abstain": abstain,
        "forbidden": list(forbidden or ()),
        "citations": list(citation or ()),
        "tools": [typed.call(one) for one in tool or ()],
        "forbidden_tools": list(forbidden_tool or ()),
        "schema": None if schema_text is None else typed.parsed(schema_text, str(schema)),
        "result": None if result is None else typed.parsed(result, "--result"),
        "tags": list(tag or ()),
        "weight": weight if weight != 1 else None,
    }
    line = typed.as_text(fields)
    case = read_case(line, "The case")
    cases = append(place.cases, [line])
    if TERMINAL.json:
        TERMINAL.document({"suite": place.name, "case": case.id, "cases": len(cases)})
    else:
        TERMINAL.show(f"{visible(place.name)} has {len(cases)} cases; the new one is {visible(case.id)}.")


@app.command(epilog=example("muniment eval check sample"))
def check(
    name: SuiteName,
    reason: Annotated[str, typer.Option(help="Why, for whoever reads the log; else as the suite says.")] = "",
    record: Annotated[
        bool, typer.Option("--record", help="Record the digest of its version, to be held to it from now on.")
    ] = False,
    by: Evaluator = None,
) -> None:
    """Look through a suite, reading documents as its askers; exit 1 where figures would be wrong."""
    from muniment.assurance.evaluation.commission import Commission
    from muniment.assurance.evaluation.suites.check import check as checked

    with TERMINAL.workspace() as workspace:
        found = checked(
            places().find(name),
            Commission(reason, *acting(workspace, by)),
            database=workspace.database,
            policy=workspace.policy,
            gate=workspace.gate,
            audit=workspace.audit,
            directory=workspace.directory,
            tools=frozenset(tool.manifest.name for tool in workspace.tools.listing()),
            keep=record,
        )
    if TERMINAL.json:
        TERMINAL.document(found.as_json())
    else:
        _show_check(found)
    if not found.ok:
        raise typer.Exit(1)


@app.command(epilog=example("muniment eval split support --test .5"))
def split(
    name: SuiteName,
    test: Annotated[float, typer.Option(metavar="SHARE", help="How much of it judges, 0 to 1.")] = 0.5,
    seed: Annotated[int, typer.Option(help="Another one draws other halves.")] = 0,
    again: Annotated[
        bool, typer.Option("--again", help="Draw anew, and forget where cases were before.")
    ] = False,
) -> None:
    """Part a suite into NAME-tuning and NAME-test; cases stay where they were when more are added."""
    from muniment.assurance.evaluation.suites.halves import write_halves

    place = places().find(name)
    halves, where = write_halves(place, test, seed, again, places())
    if TERMINAL.json:
        TERMINAL.document(
            {
                "tuning": {"path": where["tuning"].path, "cases": [one.id for one in halves.tuning]},
                "test": {"path": where["test"].path, "cases": [one.id for one in halves.test]},
                "left_out": [one.id for one in halves.left_out],
            }
        )
        return
    for cases, place in ((halves.tuning, where["tuning"]), (halves.test, where["test"])):
        TERMINAL.show(f"{len(cases):>5} cases in {visible(str(place.path))}")
    if halves.left_out:
        ids = ", ".join(visible(one.id) for one in halves.left_out)
        TERMINAL.show(f"{len(halves.left_out):>5} left out, near to cases of both: {ids}")


@app.command("list", epilog=example("muniment eval list"))
def list_() -> None:
    """List the suites of the home and those that ship."""
    found = [_described(place) for place in places().all()]
    if TERMINAL.json:
        TERMINAL.document({"suites": found})
        return
    from muniment.interfaces.cli.render import table

    rows = [
        [
            visible(str(one["suite"])),
            str(one["where"]),
            str(one.get("cases", "")),
            str(one.get("kind", "")),
            str(one.get("version", "")),
            visible(str(one.get("digest", one.get("problem", "")))[: 19 if "digest" in one else None]),
            str(one["drafts"]),
        ]
        for one in found
    ]
    TERMINAL.show(table(("suite", "where", "cases", "kind", "version", "digest", "drafts"), rows))


def _described(place: Place) -> dict[str, object]:
    from muniment.assurance.evaluation.suite_file import numbered, read_suite
    from muniment.assurance.evaluation.suites.case_file import read_text
    from muniment.foundation.errors import MunimentError

    found: dict[str, object] = {"suite": place.name, "where": place.kind, "path": place.path}
    try:
        found["drafts"] = len(numbered(read_text(place.drafts)))
        if place.cases.is_file() and not numbered(read_text(place.cases)):
            return {**found, "cases": 0}
        suite = read_suite(place.path)
    except MunimentError as error:
        return {"drafts": 0, **found, "problem": error.public}
    counted: dict[str, object] = {"cases": len(suite.cases), "kind": suite.kind}
    return {**found, **counted, "version": suite.version, "digest": suite.digest}


def made(
    name: str, documents: Path | None, reason: str, description: str, lines: Sequence[str] = ()
) -> Place:
    """Make a suite where none is, and return where it lies."""
    from muniment.assurance.evaluation.suites.new import about, new_suite
    from muniment.foundation.errors import NotSetUp

    place = places().new(name)
    if place.kind == "home" and not TERMINAL.home_folder().is_dir():
        raise NotSetUp(f"There is no workspace in {TERMINAL.home_folder()}.", fix="Run: muniment init")
    given = "" if documents is None else str(documents)
    described = about(place.path.name, description=description, reason=reason, documents=given)
    new_suite(place, described, lines)
    return place


def _text(path: Path) -> str:
    from muniment.assurance.evaluation.suites.case_file import read_text
    from muniment.foundation.errors import BadInput

    if not path.is_file():
        raise BadInput(f"{path} is no file.", fix="Give one that holds a JSON Schema.")
    return read_text(path)


def _show_check(found: Checked) -> None:
    from muniment.interfaces.cli.render import table

    rows = [
        (one.severity, visible(one.case), str(one.line or ""), visible(_said(one))) for one in found.findings
    ]
    TERMINAL.show(table(("", "case", "line", "what"), rows))
    names = ("error", "warning", "note")
    counts = [sum(one.severity == name for one in found.findings) for name in names]
    says = ", ".join(f"{n} {name}{'s' * (n != 1)}" for n, name in zip(counts, names, strict=True))
    TERMINAL.show(f"{visible(found.suite)}: {found.cases} cases, {says}.")


def _said(one: Finding) -> str:
    return f"{one.what}\n{one.fix}" if one.fix else one.what
