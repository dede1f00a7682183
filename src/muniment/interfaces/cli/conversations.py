"""conversations: questions that were asked one after the other, and who else may read them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from muniment.interfaces.cli.options import AsUser, example
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.assistant.conversation import Conversation, Summary
    from muniment.governance.audit.entry import Actor
    from muniment.governance.identity.principal import Principal

app = typer.Typer(no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="CONVERSATION", show_default=False)]
With = Annotated[
    str,
    typer.Option("--with", metavar="WHO", help="user:NAME, service:NAME or group:NAME.", show_default=False),
]


def register(parent: typer.Typer) -> None:
    """Add the group."""
    parent.add_typer(
        app, name="conversations", help="Questions asked one after the other: read, share, export, delete."
    )


@app.command("list", epilog=example("muniment conversations list --as alice"))
def list_(
    as_: AsUser,
    count: Annotated[int, typer.Option("-n", min=1, max=10_000, help="Most conversations.")] = 50,
) -> None:
    """Show the conversations that USER may open, last changed first."""
    with TERMINAL.workspace() as workspace:
        principal = workspace.directory.principal(as_)
        found = workspace.conversations.listing(principal, _by(principal), count)
    if TERMINAL.json:
        TERMINAL.document({"conversations": [one.as_json() for one in found]})
        return
    if not found:
        TERMINAL.show("There are none yet. Begin one: muniment ask QUESTION --conversation new --as USER")
        return
    from muniment.interfaces.cli.render import table

    rows = [(one.changed[:16], one.title or "(nothing asked yet)", _whose(one), one.id) for one in found]
    TERMINAL.show(
        table(("changed", "title", "whose", "conversation"), [[visible(c) for c in row] for row in rows])
    )


@app.command(epilog=example("muniment conversations show CONVERSATION --as alice"))
def show(conversation: Id, as_: AsUser) -> None:
    """Show a conversation, turn by turn as far as USER may read it now."""
    with TERMINAL.workspace() as workspace:
        principal = workspace.directory.principal(as_)
        whole = workspace.conversations.read(principal, conversation, _by(principal))
    if TERMINAL.json:
        TERMINAL.document(whole.as_json())
    else:
        _show(whole)


@app.command(epilog=example("muniment conversations search 'parental leave' --as alice"))
def search(
    words: Annotated[str, typer.Argument(metavar="WORDS", show_default=False)],
    as_: AsUser,
    count: Annotated[int, typer.Option("-n", min=1, max=1_000, help="Most places.")] = 50,
) -> None:
    """Find where all the words stand in what USER may read now of questions, answers and titles."""
    with TERMINAL.workspace() as workspace:
        principal = workspace.directory.principal(as_)
        hits = workspace.conversations.search(principal, words, _by(principal), count)
    if TERMINAL.json:
        TERMINAL.document({"hits": [one.as_json() for one in hits]})
        return
    for one in hits:
        place = f"turn {one.number}" if one.number else "title"
        TERMINAL.show(visible(f"{one.conversation.id}, {place}: {one.excerpt}"))
    TERMINAL.show(f"{len(hits)} found" if hits else "Nothing found.")


@app.command(epilog=example("muniment conversations rename CONVERSATION 'Leave in 2027' --as alice"))
def rename(
    conversation: Id,
    title: Annotated[str, typer.Argument(metavar="TITLE", show_default=False)],
    as_: AsUser,
) -> None:
    """Give a conversation of USER's own another title."""
    with TERMINAL.workspace() as workspace:
        principal = workspace.directory.principal(as_)
        workspace.conversations.rename(principal, conversation, title, _by(principal))
    _done({"conversation": conversation, "title": title}, "Renamed.")


@app.command(epilog=example("muniment conversations share CONVERSATION --with group:sales --as alice"))
def share(conversation: Id, with_: With, as_: AsUser) -> None:
    """Let somebody read a conversation of USER's own: of each turn, what their own rights open to them."""
    from muniment.foundation.errors import BadInput

    with TERMINAL.workspace() as workspace:
        principal = workspace.directory.principal(as_)
        if not workspace.directory.knows(with_):
            raise BadInput(f"The directory knows no {visible(with_)}.", fix="See `muniment directory list`.")
        left = workspace.conversations.share(principal, conversation, with_, _by(principal))
    _done({"conversation": conversation, "shares": left}, f"Shared with {visible(', '.join(left))}.")


@app.command(epilog=example("muniment conversations unshare CONVERSATION --with group:sales --as alice"))
def unshare(conversation: Id, with_: With, as_: AsUser) -> None:
    """Take a share back, from the next request on."""
    with TERMINAL.workspace() as workspace:
        principal = workspace.directory.principal(as_)
        left = workspace.conversations.unshare(principal, conversation, with_, _by(principal))
    said = f"Still shared with {visible(', '.join(left))}." if left else "Shared with nobody."
    _done({"conversation": conversation, "shares": left}, said)


@app.command(epilog=example("muniment conversations export CONVERSATION --to leave.md --as alice"))
def export(
    conversation: Id,
    as_: AsUser,
    to: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A new file; default: standard output.", show_default=False),
    ] = None,
    format_: Annotated[
        Literal["markdown", "json"], typer.Option("--format", help="How it is written.")
    ] = "markdown",
) -> None:
    """Write a conversation down as far as USER may read it now; what is withheld is marked."""
    import json

    from muniment.foundation.errors import BadInput

    if to is not None and to.exists():
        raise BadInput(f"{to} is there already.", fix="Name a new file.")
    with TERMINAL.workspace() as workspace:
        principal = workspace.directory.principal(as_)
        whole = workspace.conversations.read(principal, conversation, _by(principal), export=True)
    as_json = format_ == "json" or (TERMINAL.json and to is None)
    text = json.dumps(whole.as_json(), ensure_ascii=False, indent=2) + "\n" if as_json else whole.markdown()
    if to is None:
        if as_json:
            TERMINAL.document(whole.as_json())
        else:
            TERMINAL.show(visible(text).rstrip("\n"))
        return
    from muniment.foundation.private_file import write_private

    write_private(to, text.encode())
    _done({"conversation": conversation, "file": str(to)}, f"Written to {to}.")


@app.command(epilog=example("muniment conversations delete CONVERSATION --as alice"))
def delete(conversation: Id, as_: AsUser) -> None:
    """Remove a conversation of USER's own with its answers, for good; the log keeps that it was removed."""
    with TERMINAL.workspace() as workspace:
        principal = workspace.directory.principal(as_)
        workspace.conversations.delete(principal, conversation, _by(principal))
    _done({"conversation": conversation, "deleted": True}, "Deleted.")


def _show(whole: Conversation) -> None:
    from rich.text import Text

    from muniment.interfaces.cli.render import QUIET, citation

    TERMINAL.show(Text(visible(whole.summary.title or "(nothing asked yet)"), style="bold"))
    TERMINAL.show(Text(visible(f"{whole.summary.id}, {_whose(whole.summary)}"), style=QUIET))
    for turn in whole.turns:
        TERMINAL.show("", Text(f"{turn.number}. {visible(turn.question)}", style="bold"))
        if turn.standalone:
            TERMINAL.show(Text(f"Answered as: {visible(turn.standalone)}", style=QUIET))
        TERMINAL.show(visible(turn.answer), *(citation(one) for one in turn.citations))


def _whose(one: Summary) -> str:
    return "yours" if one.mine else f"of {one.owner}"


def _done(document: dict[str, object], said: str) -> None:
    if TERMINAL.json:
        TERMINAL.document(document)
    else:
        TERMINAL.show(said)


def _by(principal: Principal) -> Actor:
    from muniment.governance.audit.entry import Actor

    return Actor(principal.ref, "cli")
