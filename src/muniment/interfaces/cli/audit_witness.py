"""audit witness: who outside holds checkpoints of the log, and co-signs them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.app import Workspace
    from muniment.governance.audit.witnesses import Standing

app = typer.Typer(no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]
OneOrAll = Annotated[str | None, typer.Argument(metavar="[NAME]", show_default=False)]


@app.command("list", epilog=example("muniment audit witness list"))
def list_() -> None:
    """Show each witness that the settings name, and how far it is."""
    with TERMINAL.workspace() as workspace:
        found = workspace.witnesses.listing()
    _show(found)


@app.command(epilog=example("muniment audit witness add vault"))
def add(name: Name) -> None:
    """Take up a witness of the settings: make a folder's key, or check a bucket's lock, and bring it the log."""
    with TERMINAL.workspace() as workspace:
        _prepare(workspace, name)
        made = workspace.witnesses.enroll(name)
    _show([made])


@app.command(epilog=example("muniment audit witness run"))
def run(name: OneOrAll = None) -> None:
    """Bring one witness, or all, the newest checkpoint now; a running server does so by itself."""
    from muniment.foundation.errors import MunimentError

    failed: list[tuple[str, MunimentError]] = []
    with TERMINAL.workspace() as workspace:
        for one in [name] if name else [each.name for each in workspace.witnesses.listing()]:
            try:
                workspace.witnesses.bring(one)
            except MunimentError as error:
                failed.append((one, error))
        found = [one for one in workspace.witnesses.listing() if name in (None, one.name)]
    _show(found)
    for one, error in failed:
        TERMINAL.say(f"{one}: {error}")
    if failed:
        raise typer.Exit(1)


@app.command(epilog=example("muniment audit witness check vault"))
def check(name: OneOrAll = None) -> None:
    """Walk the whole log and compare it with all that one witness saw, or each; exit 1 where it is another."""
    documents: list[dict[str, object]] = []
    with TERMINAL.workspace() as workspace:
        for one in [name] if name else [each.name for each in workspace.witnesses.listing()]:
            found = workspace.witnesses.verify(one)
            documents.append(
                {"witness": one, "ok": found.ok, "entries": found.entries, "findings": list(found.findings)}
            )
            if not TERMINAL.json:
                TERMINAL.show(f"{one}: {'it is the log that it saw' if found.ok else 'the log is another'}")
                for finding in found.findings:
                    TERMINAL.show(f"  {visible(finding)}")
    if TERMINAL.json:
        TERMINAL.document({"ok": all(one["ok"] for one in documents), "witnesses": documents})
    if not all(one["ok"] for one in documents):
        raise typer.Exit(1)


@app.command(epilog=example("muniment audit witness key"))
def key() -> None:
    """Show the key that this workspace co-signs other logs with (`audit.logs`)."""
    with TERMINAL.workspace() as workspace:
        line = workspace.cosigning.public_key()
    if TERMINAL.json:
        TERMINAL.document({"public_key": line})
    else:
        TERMINAL.show(line)


def _prepare(workspace: Workspace, name: str) -> None:
    from muniment.app.witnessing import folder_of
    from muniment.foundation.errors import Conflict
    from muniment.governance.audit import folder_witness

    one = workspace.settings.audit.witnesses.get(name)
    if one is not None and one.kind == "folder":
        try:
            folder = folder_of(workspace.home, one)
            folder_witness.make(
                folder, f"muniment-witness/{name}", workspace.audit.public_key(), workspace.ids
            )
        except Conflict:
            TERMINAL.say(f"There is a witness in {folder_of(workspace.home, one)} already: it is taken up.")


def _show(found: list[Standing]) -> None:
    if TERMINAL.json:
        TERMINAL.document({"witnesses": [asdict(one) for one in found]})
        return
    if not found:
        TERMINAL.show("There are no witnesses: write [audit.witnesses.NAME] in settings.toml.")
    for one in found:
        state = "behind" if one.behind else "current" if one.size else "has seen nothing"
        TERMINAL.show(f"{one.name}: {state}, {one.size} entries{f' at {one.at}' if one.at else ''}")
        if one.waiting:
            TERMINAL.show(f"  {one.waiting} signed entries wait for it")
        if one.problem:
            TERMINAL.show(f"  the last try failed: {one.problem}")
        if one.public_key:
            TERMINAL.show(f"  {visible(one.public_key)}")
