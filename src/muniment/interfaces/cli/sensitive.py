"""sensitive: what is found in a text, and what would be done about it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.governance.privacy.handling import Handling

LONGEST = 1_000_000
_LABELLING = "Labelling names"
app = typer.Typer(no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    """Add the group."""
    parent.add_typer(app, name="sensitive", help="Card numbers, identifiers, keys and the like in texts.")


@app.callback()
def group() -> None:
    """Card numbers, identifiers, keys and the like in texts."""


@app.command(
    epilog=example(
        "muniment sensitive check 'Pay with 4111 1111 1111 1111'", "… | muniment sensitive check -"
    )
)
def check(
    text: Annotated[
        str, typer.Argument(metavar="TEXT|-", help="A text, or - for standard input.", show_default=False)
    ],
) -> None:
    """Show the sensitive values of a text and what would be done about each; sends and stores nothing."""
    from muniment.governance.privacy.masking import mask, masked
    from muniment.governance.privacy.recognise import recognise

    given = _given() if text == "-" else text
    ways = _ways()
    found = recognise(given)
    shown = masked(given, found)
    if TERMINAL.json:
        rows = [
            {
                "class": one.kind,
                "what": one.what,
                "span": [one.start, one.end],
                "masked": mask(one.kind, given[one.start : one.end]),
                "done": {name: handling.action(one.kind) for name, handling in ways.items()},
            }
            for one in found
        ]
        TERMINAL.document({"found": rows, "masked": shown})
        return
    if not found:
        TERMINAL.show("Nothing was recognised.")
        return
    from muniment.interfaces.cli.render import table

    TERMINAL.show(
        visible(shown),
        table(
            ("characters", "class", "what", *(visible(name) for name in ways)),
            [
                [
                    f"{one.start}-{one.end}",
                    one.kind,
                    one.what,
                    *(way.action(one.kind) for way in ways.values()),
                ]
                for one in found
            ],
        ),
    )


@app.command(epilog=example("muniment sensitive label --dry-run", "muniment sensitive label"))
def label(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say how many pieces have no labels.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Label all anew.")] = False,
) -> None:
    """Label names of persons and places in what has no labels yet; exit 1 where some cannot be labelled."""
    from muniment.governance.identity.principal import OPERATOR
    from muniment.interfaces.cli.background import step_back
    from muniment.interfaces.cli.ingest import pieces
    from muniment.interfaces.cli.progress import progress
    from muniment.knowledge.ingestion.labelling import Labelled

    TERMINAL.interrupted = "muniment: Stopped. Labels so far are kept; run the same command again to go on."
    with TERMINAL.workspace() as workspace, progress() as stage:
        step_back(workspace)
        labelling = workspace.labelling
        done = (
            Labelled(0, labelling.lacking()) if dry_run else labelling.run(OPERATOR, stage(_LABELLING), again)
        )
    if TERMINAL.json:
        TERMINAL.document({"dry_run": dry_run, **done.as_json()})
    elif dry_run:
        TERMINAL.show(f"{pieces(done.left)} without labels of names.")
    else:
        TERMINAL.show(f"Names are labelled in {pieces(done.labelled)}.")
        if done.left:
            TERMINAL.show(f"{pieces(done.left)} without them still: {visible(done.note)}")
    if done.left and not dry_run:
        raise typer.Exit(1)


def _given() -> str:
    from muniment.foundation.errors import BadInput

    try:
        text = sys.stdin.buffer.read(LONGEST + 1).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput("Standard input is no text in UTF-8.", fix="Convert it first.") from error
    if len(text) > LONGEST:
        raise BadInput("Standard input is too long.", fix=f"Give at most {LONGEST:,} characters.")
    return text


def _ways() -> dict[str, Handling]:
    """Return what each endpoint and an answer do; of a home without settings, the defaults."""
    from muniment import settings as settings_file
    from muniment.governance.privacy.handling import ALLOWED
    from muniment.inference.catalog import QUOTES

    home = TERMINAL.home_folder()
    settings = settings_file.load(home)
    models = {
        f"to {name}": settings.sensitive.to_model(one.sensitive) for name, one in settings.models.items()
    }
    return {f"to {QUOTES}": ALLOWED, **models, "in answers": settings.sensitive.to_reader()}
