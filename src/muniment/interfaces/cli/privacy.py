"""privacy: what is known of a person, forgotten or held."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.policy import AsOfficer, Reason, acting
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.governance.privacy.erasure import Erased
    from muniment.governance.privacy.holds import Hold

app = typer.Typer(no_args_is_help=True)
hold = typer.Typer(no_args_is_help=True)
User = Annotated[str, typer.Argument(metavar="USER", show_default=False)]


def register(parent: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(hold, name="hold", help="Legal holds: what they name is not erased.")
    parent.add_typer(app, name="privacy", help="Tell, erase or hold what is stored of a person.")


@app.command(epilog=example("muniment privacy erase alice --reason 'Request of 27 November' --dry-run"))
def erase(
    user: User,
    reason: Reason,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be erased.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_: AsOfficer = None,
) -> None:
    """Erase a person for ever: their rows, and the key that leads from the log to their name.

    The reason stays in the log: it is not to name the person. Documents are not changed.
    """
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        planned = workspace.erasure.plan(user, who, by)
        if dry_run:
            _show_erased(planned, dry_run=True)
            return
        if not yes:
            _ask(user, planned)
        found = workspace.erasure.erase(user, reason, who, by)
    _show_erased(found, dry_run=False)


@app.command(epilog=example("muniment privacy export alice ./alice"))
def export(
    user: User,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", show_default=False)],
    as_: AsOfficer = None,
) -> None:
    """Write all that is stored of a person to a new folder, for that person: JSON files and an index.

    Answers are as the person may read them now; other people are not named.
    """
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        made = workspace.subject_access.write(user, folder, who, by)
    if TERMINAL.json:
        TERMINAL.document({"folder": str(made.folder), "files": dict(made.files)})
        return
    TERMINAL.show(f"Wrote what is stored of {visible(user)} to {made.folder}.")
    for name, count in made.files.items():
        TERMINAL.show(f"  {count:>6}  {name}")


@app.command(epilog=example("muniment privacy retention"))
def retention() -> None:
    """Remove what is older than `[retention]` lets it be kept; a server does so every hour."""
    from muniment.governance.identity.principal import OPERATOR

    with TERMINAL.workspace() as workspace:
        removed = workspace.retention.sweep(OPERATOR)
        is_on = workspace.retention.is_on
    if TERMINAL.json:
        TERMINAL.document({"on": is_on, "removed": dict(removed)})
    elif not is_on:
        TERMINAL.show("Everything is kept for ever: [retention] of the settings states nothing else.")
    else:
        said = ", ".join(f"{count} {name}" for name, count in removed.items())
        TERMINAL.show(f"Removed: {said or 'nothing'}.")


def _ask(user: str, planned: Erased) -> None:
    from muniment.foundation.errors import BadInput

    if TERMINAL.json or not sys.stdin.isatty():
        raise BadInput("Nothing confirms this.", fix="Add --yes.")
    TERMINAL.say(f"muniment: {sum(planned.rows.values())} rows of {visible(user)} would be erased for ever.")
    if not typer.confirm("Go on?", err=True):
        raise typer.Exit(1)


def _show_erased(found: Erased, *, dry_run: bool) -> None:
    if TERMINAL.json:
        TERMINAL.document({"dry_run": dry_run, **_plain(found)})
        return
    said = "Would erase" if dry_run else "Erased"
    TERMINAL.show(f"{said} {sum(found.rows.values())} rows; the log says {found.pseudonym}.")
    for what, count in sorted(found.rows.items()):
        TERMINAL.show(f"  {count:>6}  {what}")
    if found.plain_entries:
        TERMINAL.show(
            f"{found.plain_entries} entries of the log are older than its pseudonyms: they keep the name, and "
            "cannot be changed."
        )
    if not dry_run and not found.scrubbed:
        TERMINAL.show(
            "The write-ahead log is in use: `muniment privacy erase` again, or a restart, empties it."
        )


def _plain(found: Erased) -> Mapping[str, object]:
    return {
        "pseudonym": found.pseudonym,
        "rows": dict(found.rows),
        "plain_entries": found.plain_entries,
        "scrubbed": found.scrubbed,
    }


@hold.command(epilog=example("muniment privacy hold add alice --reason 'Case 12'"))
def add(
    subject: Annotated[
        str, typer.Argument(metavar="USER|workspace", help="`workspace` holds all.", show_default=False)
    ],
    reason: Reason,
    as_: AsOfficer = None,
) -> None:
    """Hold a person, or the whole workspace, back from erasure."""
    from muniment.governance.privacy.erasure import ref_of
    from muniment.governance.privacy.holds import WORKSPACE

    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        made = workspace.holds.add(subject if subject == WORKSPACE else ref_of(subject), reason, who, by)
    _show_hold(made, f"{made.subject} is held: nothing of it is erased until `privacy hold lift {made.id}`.")


@hold.command("list", epilog=example("muniment privacy hold list"))
def list_() -> None:
    """Show the holds, also those that were lifted."""
    with TERMINAL.workspace() as workspace:
        found = workspace.holds.listing()
    if TERMINAL.json:
        TERMINAL.document({"holds": [asdict(one) for one in found]})
        return
    from muniment.interfaces.cli.render import table

    rows = [
        (one.id, visible(one.subject), visible(one.reason), one.at[:10], (one.lifted_at or "holds")[:10])
        for one in found
    ]
    TERMINAL.show(table(("hold", "of", "why", "since", "lifted"), rows) if rows else "Nothing is held.")


@hold.command(epilog=example("muniment privacy hold lift hold_2m3k…"))
def lift(
    hold_id: Annotated[str, typer.Argument(metavar="HOLD", show_default=False)], as_: AsOfficer = None
) -> None:
    """End a hold."""
    with TERMINAL.workspace() as workspace:
        by, who = acting(workspace, as_)
        made = workspace.holds.lift(hold_id, who, by)
    _show_hold(made, f"{visible(made.subject)} is no longer held by {made.id}.")


def _show_hold(found: Hold, said: str) -> None:
    if TERMINAL.json:
        TERMINAL.document(asdict(found))
    else:
        TERMINAL.show(said)
