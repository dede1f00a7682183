"""tenants: making, listing and deleting the tenants of a host; `--tenant NAME` works on one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.tenancy.deletion import Plan

app = typer.Typer(no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    """Add the group."""
    parent.add_typer(app, name="tenants", help="The tenants of this host, each a home of its own.")


@app.command(epilog=example("muniment tenants create acme --settings acme.toml"))
def create(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="Lower-case letters, digits and hyphens.", show_default=False),
    ],
    settings: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Its settings, such as who keeps its key.", show_default=False),
    ] = None,
) -> None:
    """Make a tenant: a home of its own, with its own keys and database, below this home."""
    from muniment.foundation.errors import BadInput
    from muniment.governance.identity.principal import OPERATOR
    from muniment.tenancy.making import create as make

    text = ""
    if settings is not None:
        try:
            text = settings.read_text("utf-8")
        except UnicodeDecodeError as error:
            raise BadInput(f"{settings} is not TOML.", fix="Mend that file.") from error
    with TERMINAL.host() as own:
        place = make(own, name, text, OPERATOR)
    if TERMINAL.json:
        TERMINAL.document({"tenant": name, "home": str(place.resolve())})
        return
    TERMINAL.show(
        f"Made the tenant {name} in {place}.",
        "  A server that has tenants already takes it up within seconds; with the first one, start it again.",
        "",
        f"Next: muniment --tenant {name} directory import DIRECTORY.toml",
    )


@app.command(name="list", epilog=example("muniment tenants list"))
def list_() -> None:
    """Say how each tenant is, as far as can be seen without opening it; its key's keeper is asked."""
    from muniment.tenancy.listing import listing

    found = [one.as_json() for one in listing(TERMINAL.host_folder())]
    if TERMINAL.json:
        TERMINAL.document({"tenants": found})
        return
    if not found:
        TERMINAL.show("There are no tenants: this home is one by itself.")
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("tenant", "state", "key", "says"):
        table.add_column(column, overflow="fold")
    for one in found:
        cells = (one["name"], one["state"], f"{one['key_provider']}, {one['key_condition']}", one["problem"])
        table.add_row(*(visible(str(cell)) for cell in cells))
    TERMINAL.show(table)


@app.command(epilog=example("muniment tenants delete acme --yes acme"))
def delete(
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    yes: Annotated[
        str | None,
        typer.Option("--yes", metavar="NAME", help="The tenant's name again, instead of asking for it."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> None:
    """Destroy a tenant's key, so that all of it is unreadable for ever, in backups too; then remove its folder."""
    from muniment.foundation.errors import BadInput
    from muniment.governance.identity.principal import OPERATOR
    from muniment.tenancy import deletion

    with TERMINAL.host() as own:
        plan = deletion.plan(own, name)
        if dry_run:
            _show_plan(plan)
            return
        if yes is None:
            if TERMINAL.json:
                raise BadInput("Nothing confirms this.", fix=f"Add --yes {name}.")
            for line in _planned(plan):
                TERMINAL.say(line)
            yes = typer.prompt(f"Type the tenant's name ({name}) to go on", err=True)
        if yes != name:
            raise BadInput("That is not the tenant's name: nothing was done.", fix=f"The name is {name}.")
        done = deletion.delete(own, name, OPERATOR)
    if TERMINAL.json:
        TERMINAL.document(deletion.as_json(done))
        return
    TERMINAL.show(f"The tenant {name} is deleted.", f"  {visible(done.how)}")
    if done.left:
        TERMINAL.show(f"  Left to do: {visible(done.left)}")


def _show_plan(plan: Plan) -> None:
    from muniment.tenancy import deletion

    if TERMINAL.json:
        TERMINAL.document({**deletion.as_json(plan), "dry_run": True})
    else:
        TERMINAL.show(*map(visible, _planned(plan)), "Nothing was done.")


def _planned(plan: Plan) -> list[str]:
    lines = [f"This deletes the tenant {plan.tenant}:"]
    if plan.key:
        lines.append(f"  the key in {plan.key}, without which no copy of its data opens")
    lines.append(f"  {plan.files} files, {plan.size / 1e6:.1f} MB, in {plan.home}")
    if plan.rows:
        lines.append(f"  the schema {plan.rows} in Postgres, with all rows in it")
    return [*lines, f"  left to do then: {plan.left}"] if plan.left else lines
