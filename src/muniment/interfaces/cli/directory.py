"""directory: who there is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.terminal import TERMINAL, visible

app = typer.Typer(no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    """Add the group."""
    parent.add_typer(app, name="directory", help="Users, groups and services.")


@app.command("import", epilog=example("muniment directory import directory.toml"))
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE.toml", show_default=False)],
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Also replace what an identity provider provisioned.")
    ] = False,
) -> None:
    """Replace the directory by a file; who is no longer in it can no longer ask.

    What an identity provider provisioned stays.
    """
    from muniment.governance.identity.principal import OPERATOR

    with TERMINAL.workspace() as workspace:
        change = workspace.directory.import_file(file, OPERATOR, take_over=take_over)
    if TERMINAL.json:
        TERMINAL.document(
            {
                "users": change.users,
                "groups": change.groups,
                "services": change.services,
                "added": list(change.added),
                "removed": list(change.removed),
                "changed": list(change.changed),
                "warnings": list(change.warnings),
            }
        )
        return
    TERMINAL.show(
        f"{change.users} users, {change.groups} groups, {change.services} services "
        f"({len(change.added)} added, {len(change.removed)} removed, {len(change.changed)} changed)."
    )
    for warning in change.warnings:
        TERMINAL.say(f"muniment: {warning}")


@app.command("list", epilog=example("muniment directory list"))
def list_() -> None:
    """Show users with their groups, groups with their members, and services."""
    with TERMINAL.workspace() as workspace:
        listing = workspace.directory.listing()
    if TERMINAL.json:
        accounts = {
            kind: [
                {
                    "name": a.name,
                    "title": a.title,
                    "groups": list(a.groups),
                    "active": a.active,
                    "clearance": a.clearance or None,
                    "provisioned": a.provisioned,
                }
                for a in found
            ]
            for kind, found in (("users", listing.users), ("services", listing.services))
        }
        groups = [
            {
                "name": g.name,
                "title": g.title,
                "members_of": list(g.members_of),
                "members": list(g.members),
                "provisioned": g.provisioned,
            }
            for g in listing.groups
        ]
        TERMINAL.document({"users": accounts["users"], "groups": groups, "services": accounts["services"]})
        return
    from muniment.interfaces.cli.render import table

    rows = [
        (
            f"{kind}:{a.name}",
            visible(a.title),
            ", ".join(a.groups) + ("" if a.active else " (inactive)"),
            a.clearance or "any",
            _origin(a.provisioned),
        )
        for kind, found in (("user", listing.users), ("service", listing.services))
        for a in found
    ]
    groups_rows = [
        (f"group:{g.name}", ", ".join(g.members_of), str(len(g.members)), _origin(g.provisioned))
        for g in listing.groups
    ]
    TERMINAL.show(table(("who", "name", "groups", "clearance", "from"), rows))
    TERMINAL.show(table(("group", "members of", "direct members", "from"), groups_rows))


def _origin(provisioned: bool) -> str:
    return "SCIM" if provisioned else "file"


@app.command("remove-member", epilog=example("muniment directory remove-member platform alice"))
def remove_member(
    group: Annotated[str, typer.Argument(metavar="GROUP", show_default=False)],
    member: Annotated[str, typer.Argument(metavar="MEMBER", show_default=False)],
) -> None:
    """Take someone out of a group; felt by the next request."""
    from muniment.governance.identity.principal import OPERATOR

    with TERMINAL.workspace() as workspace:
        workspace.directory.remove_member(group, member, OPERATOR)
    if TERMINAL.json:
        TERMINAL.document({"group": group, "removed": member})
    else:
        TERMINAL.show(f"{member} is no longer in {group}.")
