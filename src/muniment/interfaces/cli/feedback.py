"""feedback: what people say of their answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.assistant.feedback import Given

app = typer.Typer(no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    """Add the group."""
    parent.add_typer(app, name="feedback", help="What people say of their answers.")


@app.command("list", epilog=example("muniment feedback list --reason 'Cases for the next suite'"))
def list_(
    count: Annotated[int, typer.Option("-n", min=1, max=10_000, help="Most opinions.")] = 50,
    reason: Annotated[
        str | None,
        typer.Option(
            metavar="WHY",
            help="Show what people wrote too; the log keeps that you did, and why.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show the last opinions, newest first; without what people wrote, unless you say why you read it."""
    from muniment.governance.identity.principal import OPERATOR

    with TERMINAL.workspace() as workspace:
        found = workspace.feedback.listing(OPERATOR, count, reason)
    if TERMINAL.json:
        TERMINAL.document({"feedback": [one.as_json() for one in found], "words": reason is not None})
        return
    if not found:
        TERMINAL.show("Nobody has said anything of an answer yet.")
        return
    from muniment.interfaces.cli.render import table

    rows = [
        (one.at[:16], "yes" if one.useful else "no", one.principal, one.answer, _wrote(one)) for one in found
    ]
    TERMINAL.show(
        table(("when", "useful", "who", "answer", "wrote"), [[visible(c) for c in row] for row in rows])
    )
    useful = sum(one.useful for one in found)
    TERMINAL.show(f"{useful} of {len(found)} useful; how one came about: muniment explain ANSWER-ID")


@app.command(
    epilog=example("muniment feedback give ANSWER-ID --not-useful --reason 'The price is of last year'")
)
def give(
    answer_id: Annotated[str, typer.Argument(metavar="ANSWER-ID", show_default=False)],
    useful: Annotated[bool, typer.Option("--useful/--not-useful", help="Was it?", show_default=False)],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why.")] = "",
    right_answer: Annotated[str, typer.Option(metavar="TEXT", help="What it should have said.")] = "",
    as_: Annotated[
        str | None,
        typer.Option("--as", metavar="USER", help="Who says so; default: whoever asked.", show_default=False),
    ] = None,
) -> None:
    """Say whether an answer was useful, as whoever asked; again replaces what was said before."""
    from muniment.assistant.feedback import Opinion
    from muniment.governance.audit.entry import Actor

    with TERMINAL.workspace() as workspace:
        principal = workspace.directory.principal(as_) if as_ else workspace.lineage.owner(answer_id)
        opinion = Opinion(useful, reason, right_answer)
        at = workspace.feedback.give(principal, answer_id, opinion, Actor(principal.ref, "cli"))
    if TERMINAL.json:
        TERMINAL.document({"answer": answer_id, "principal": principal.ref, "useful": useful, "at": at})
    else:
        TERMINAL.show(f"Kept, as the word of {visible(principal.ref)}.")


def _wrote(one: Given) -> str:
    if one.words is None:
        there = {"a reason": one.has_reason, "the right answer": one.has_right_answer}
        return " and ".join(name for name, is_there in there.items() if is_there)
    said = {"": one.words.question, "because: ": one.words.reason, "right: ": one.words.right_answer}
    return "\n".join(f"{name}{text}" for name, text in said.items() if text)
