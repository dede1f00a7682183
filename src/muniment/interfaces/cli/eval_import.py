"""eval import: cases taken from tables and public collections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.eval import app as group
from muniment.interfaces.cli.eval import counting
from muniment.interfaces.cli.eval_suites import Many, NewName, made
from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.suite_places import places
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.assurance.evaluation.suites.imported import Imported
    from muniment.assurance.evaluation.suites.places import Place

app = typer.Typer()


def register(parent: typer.Typer) -> None:
    """Add the command to the group `eval`."""
    group.add_typer(app)


@app.command(
    "import",
    epilog=example(
        "muniment eval import support faq.csv --format csv --asker bob --columns question=Frage --dry-run"
    ),
)
def import_(
    name: NewName,
    source: Annotated[Path, typer.Argument(metavar="FILE|FOLDER", exists=True, show_default=False)],
    format_: Annotated[
        str, typer.Option("--format", metavar="csv|beir", help="A table, or a folder as BEIR's are.")
    ],
    asker: Annotated[str, typer.Option(metavar="USER", help="Who asks what names nobody.")] = "",
    split_: Annotated[str, typer.Option("--split", metavar="NAME", help="Of a BEIR folder.")] = "test",
    columns: Annotated[
        Many, typer.Option(metavar="KEY=NAME", help="Columns that have other names; with commas between.")
    ] = None,
    documents: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the corpus of a BEIR folder there.", show_default=False),
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Take the rest where some cannot be.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be taken.")] = False,
) -> None:
    """Take cases from elsewhere, all or none unless --skip-bad; makes the suite where there is none."""
    from muniment.assurance.evaluation.suite_file import as_line
    from muniment.assurance.evaluation.suites.beir import write_corpus
    from muniment.assurance.evaluation.suites.case_file import append, ids_in
    from muniment.foundation.errors import BadInput, NotFound

    try:
        place, there = places().find(name).writable(), True
    except NotFound:
        place, there = places().new(name), False
    known = ids_in(place.cases, place.drafts) if there else frozenset()
    if format_ not in ("csv", "beir"):
        raise BadInput(f"--format {format_} is not known.", fix="Give csv or beir.")
    if documents is not None and format_ != "beir":
        raise BadInput("Only a BEIR folder has documents.", fix="Leave --documents away.")
    found = _read(source, format_, asker, split_, columns or (), known).beside(known)
    taken = not dry_run and bool(found.cases) and (skip_bad or not found.refused)
    if taken:
        if documents is not None:
            readers = asker if asker.startswith("service:") else f"user:{asker.removeprefix('user:')}"
            with counting("Writing documents") as on_progress:
                write_corpus(source, documents, readers, on_progress)
        lines = [as_line(case) for case in found.cases]
        if there:
            append(place.cases, lines)
        else:
            made(name, documents, "", f"Taken from {source.name}.", lines)
    _show_import(place, found, taken, dry_run)
    if not taken and not dry_run:
        raise typer.Exit(1)


def _read(
    source: Path, format_: str, asker: str, split_: str, columns: Sequence[str], known: frozenset[str]
) -> Imported:
    from muniment.assurance.evaluation.suites.beir import read_beir
    from muniment.assurance.evaluation.suites.csv_cases import read_csv
    from muniment.foundation.errors import BadInput

    if format_ == "csv":
        return read_csv(source, _columns(columns), asker, known)
    if not asker:
        raise BadInput("A BEIR folder names no askers.", fix="Say who asks: --asker USER.")
    with counting("Reading") as on_progress:
        return read_beir(source, split_, asker, on_progress)


def _columns(columns: Sequence[str]) -> Mapping[str, str]:
    from muniment.foundation.errors import BadInput

    found: dict[str, str] = {}
    for one in (part for text in columns for part in text.split(",")):
        key, equals, name = one.partition("=")
        if not equals or key.strip() in found:
            raise BadInput(f"--columns '{one}' is not KEY=NAME, once each.", fix="Such as question=Frage.")
        found[key.strip()] = name.strip()
    return found


def _show_import(place: Place, found: Imported, taken: bool, dry_run: bool) -> None:
    if TERMINAL.json:
        TERMINAL.document(
            {
                "suite": place.name,
                "cases": len(found.cases),
                "taken": taken,
                "refused": [one.as_json() for one in found.refused],
                "unused_columns": list(found.unused),
            }
        )
        return
    from muniment.interfaces.cli.render import shortened, table

    if dry_run:
        rows = [
            (
                visible(one.id),
                visible(one.asker),
                shortened(one.question, 60),
                visible(", ".join(one.relevant)),
            )
            for one in found.cases[:5]
        ]
        TERMINAL.show(table(("id", "asker", "question", "relevant"), rows))
    if found.refused:
        shown = [(visible(one.where), visible(one.why)) for one in found.refused[:50]]
        TERMINAL.show(table(("refused", "why"), shown))
        if len(found.refused) > 50:
            TERMINAL.show(f"... and {len(found.refused) - 50} more; --json lists all.")
    if found.unused:
        TERMINAL.show(f"Columns that no key takes: {visible(', '.join(found.unused))}")
    counts = f"{len(found.cases)} cases, {len(found.refused)} refused"
    if taken:
        TERMINAL.show(f"{counts}: {visible(place.name)} has taken the cases.")
    elif dry_run:
        TERMINAL.show(f"{counts}; nothing was changed.")
    else:
        TERMINAL.show(f"{counts}: nothing was taken. Mend them, or give --skip-bad.")
