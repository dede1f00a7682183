"""lineage: how answers came about, beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.app import Workspace
    from muniment.governance.audit.entry import Actor
    from muniment.governance.identity.principal import Principal

app = typer.Typer(no_args_is_help=True)
Answer = Annotated[str, typer.Argument(metavar="ANSWER-ID", show_default=False)]
Reader = Annotated[
    str | None,
    typer.Option("--as", metavar="USER", help="Who reads it; default: whoever asked.", show_default=False),
]


def register(parent: typer.Typer) -> None:
    """Add the group."""
    parent.add_typer(app, name="lineage", help="What took part in answers, and what of it has changed.")


@app.command(epilog=example("muniment lineage diff ANSWER-ID ANSWER-ID"))
def diff(a: Answer, b: Answer, as_: Reader = None) -> None:
    """Name what took part in two answers of one person and differs, the most specific first."""
    with TERMINAL.workspace() as workspace:
        principal = _reader(workspace, a, as_)
        found = workspace.comparing.compare(principal, a, b, by(principal))
    if TERMINAL.json:
        TERMINAL.document(found.as_json())
    else:
        TERMINAL.show(visible(found.text()))


@app.command(epilog=example("muniment lineage replay ANSWER-ID", "muniment lineage replay ANSWER-ID --ask"))
def replay(
    answer_id: Answer,
    as_: Reader = None,
    ask: Annotated[
        bool,
        typer.Option("--ask", help="Ask the language model too, with the prompt and parameters of then."),
    ] = False,
) -> None:
    """Search again as of then, by what the reader may read now, and show what has changed."""
    with TERMINAL.workspace() as workspace:
        principal = _reader(workspace, answer_id, as_)
        found = workspace.replaying.replay(principal, answer_id, by(principal), ask)
    if TERMINAL.json:
        TERMINAL.document(found.as_json())
    else:
        TERMINAL.show(visible(found.text()))


def _reader(workspace: Workspace, answer_id: str, as_: str | None) -> Principal:
    return workspace.directory.principal(as_) if as_ else workspace.lineage.owner(answer_id)


def by(principal: Principal) -> Actor:
    """Return who reads, through this door."""
    from muniment.governance.audit.entry import Actor

    return Actor(principal.ref, "cli")
