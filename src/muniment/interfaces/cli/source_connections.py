"""sources kinds, add, test, pause, resume and remove: which systems of record are connected."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.source_settings import Set, SettingsFile, stated
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from muniment.app import Workspace
    from muniment.knowledge.sources.connector import Checked
    from muniment.knowledge.syncing.dry_run import Counted


Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]
KindName = Annotated[str, typer.Argument(metavar="KIND", show_default=False)]


def register(parent: typer.Typer) -> None:
    """Add the commands to their group."""
    parent.command(epilog=example("muniment sources kinds", "muniment sources kinds folder"))(kinds)
    parent.command(
        epilog=example(
            "muniment sources add files folder --set root=/srv/files --dry-run",
            "muniment sources add files folder --settings files.toml",
        )
    )(add)
    parent.command(
        "test",
        epilog=example("muniment sources test files", "muniment sources test folder --set root=/srv/files"),
    )(try_)
    parent.command(epilog=example("muniment sources pause files"))(pause)
    parent.command(epilog=example("muniment sources resume files"))(resume)
    parent.command(epilog=example("muniment sources remove files --dry-run"))(remove)


def kinds(
    kind: Annotated[str | None, typer.Argument(metavar="KIND", show_default=False)] = None,
) -> None:
    """List the kinds of source that can be added, or the settings of one."""
    from muniment.interfaces.cli.render import table
    from muniment.knowledge.sources.kinds import KINDS, fields_of, kind_of

    if kind is None:
        every = sorted(KINDS.values(), key=lambda one: one.name)
        if TERMINAL.json:
            plain = [{"kind": k.name, "says": k.says, "needs": k.needs, "proven": k.proven} for k in every]
            TERMINAL.document({"kinds": plain})
            return
        rows = [(k.name, k.says, f"muniment[{k.needs}]" if k.needs else "", k.proven) for k in every]
        TERMINAL.show(table(("kind", "what it reads", "needs", "proven against"), rows))
        return
    found, fields = kind_of(kind), fields_of(kind)
    if TERMINAL.json:
        settings = [
            {"name": f.name, "takes": f.takes, "needed": f.needed, "default": f.default, "says": f.says}
            for f in fields
        ]
        about = {"kind": kind, "says": found.says, "needs": found.needs, "proven": found.proven}
        TERMINAL.document({**about, "settings": settings})
        return
    TERMINAL.show(f"{kind}: {found.says} Proven against {found.proven}.")
    if found.needs:
        TERMINAL.show(f"It needs pip install 'muniment[{found.needs}]'.")
    rows = [(f.name, "must be set" if f.needed else _default(f.default), f.takes, f.says) for f in fields]
    TERMINAL.show(table(("setting", "otherwise", "takes", "what it says"), rows))


def _default(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value in (None, "", [], {}, ()) else str(value)


def add(
    name: Name,
    kind: KindName,
    set_: Set = None,
    settings: SettingsFile = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count what would be read; add nothing.")
    ] = False,
    no_test: Annotated[bool, typer.Option("--no-test", help="Do not try the connection first.")] = False,
) -> None:
    """Connect a system of record, or give a connected one other settings; the connection is tried first."""
    from muniment.foundation.errors import BadInput
    from muniment.governance.identity.principal import OPERATOR
    from muniment.interfaces.cli.progress import progress
    from muniment.knowledge.sources.kinds import settings_of
    from muniment.knowledge.syncing.sources import check_name

    if dry_run and no_test:
        raise BadInput("--dry-run and --no-test do not go together.", fix="Leave one of them away.")
    given = stated(set_, settings)
    check_name(name)
    settings_of(kind, given)
    checked: Checked | None = None
    counted: Counted | None = None
    with TERMINAL.workspace() as workspace:
        if not no_test:
            checked = workspace.sources.test(kind, given)
        if dry_run:
            with progress() as stage:
                tell = stage("Counting")
                counted = workspace.sources.preview(
                    kind, given, ("access", "content"), on_step=lambda c: tell(c.items, c.items)
                )
        else:
            workspace.sources.add(name, kind, given, OPERATOR)
    if TERMINAL.json:
        from dataclasses import asdict

        found = {"says": checked.says, "warnings": checked.warnings} if checked else None
        would = asdict(counted) if counted else None
        TERMINAL.document(
            {"source": name, "kind": kind, "added": not dry_run, "checked": found, "would_read": would}
        )
        return
    if checked is not None:
        show_checked(checked)
    if counted is not None:
        show_counted(counted, ("access", "content"))
        TERMINAL.show("Nothing was added.")
        return
    TERMINAL.show(
        f"{visible(name)} is added. `muniment serve` keeps it fresh from now on; to read it at once: "
        f"muniment sources sync {visible(name)}"
    )


def try_(
    name: Annotated[str, typer.Argument(metavar="NAME-OR-KIND", show_default=False)],
    set_: Set = None,
    settings: SettingsFile = None,
) -> None:
    """Try the connection of a source, or of a kind with settings; nothing is kept."""
    from muniment.foundation.errors import BadInput
    from muniment.knowledge.sources.kinds import KINDS

    given = stated(set_, settings)
    with TERMINAL.workspace() as workspace:
        known = {one.connected.name: one.connected for one in workspace.sources.listing()}
        if name in known:
            kind = known[name].kind
            checked = workspace.sources.test(kind, {**(known[name].stated or {}), **given})
        elif name in KINDS:
            kind = name
            checked = workspace.sources.test(kind, given)
        else:
            raise BadInput(
                f"{name} is neither a connected source nor a kind of source.",
                fix="See `muniment sources list` and `muniment sources kinds`.",
            )
    if TERMINAL.json:
        TERMINAL.document({"name": name, "kind": kind, "says": checked.says, "warnings": checked.warnings})
        return
    show_checked(checked)


def pause(name: Name) -> None:
    """Read a source no more; its documents are withheld when its lease runs out."""
    from muniment.governance.identity.principal import OPERATOR

    with TERMINAL.workspace() as workspace:
        workspace.sources.pause(name, OPERATOR)
        standing = workspace.sources.standing(name)
    if TERMINAL.json:
        TERMINAL.document({"source": name, "state": "paused", "served": standing.served})
        return
    TERMINAL.show(f"{visible(name)} is paused. Its documents are withheld once its lease has run out.")


def resume(name: Name) -> None:
    """Read a paused source again."""
    from muniment.governance.identity.principal import OPERATOR

    with TERMINAL.workspace() as workspace:
        workspace.sources.resume(name, OPERATOR)
    if TERMINAL.json:
        TERMINAL.document({"source": name, "state": "active"})
        return
    TERMINAL.show(f"{visible(name)} is read again, by `muniment serve` or by `muniment sources sync`.")


def remove(
    name: Name,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a source with everything of it; nobody reads any of it from the beginning on."""
    from muniment.governance.identity.principal import OPERATOR
    from muniment.interfaces.cli.progress import progress

    TERMINAL.interrupted = (
        "muniment: Stopped. Nobody reads the source any more; run the same command again to go on."
    )
    with TERMINAL.workspace() as workspace:
        documents, items = _held(workspace, name)
        if dry_run:
            if TERMINAL.json:
                TERMINAL.document({"source": name, "dry_run": True, "documents": documents, "items": items})
            else:
                TERMINAL.show(f"{visible(name)}: {documents} documents and {items} items would go.")
            return
        if not yes:
            _ask(name, documents)
        with progress() as stage:
            tell = stage("Removing")
            removed = workspace.sources.remove(name, OPERATOR, lambda _step, done, total: tell(done, total))
    if TERMINAL.json:
        TERMINAL.document({"source": name, "dry_run": False, "documents": removed.documents})
        return
    TERMINAL.show(f"{visible(name)} is removed, with {removed.documents} documents.")


def _held(workspace: Workspace, name: str) -> tuple[int, int]:
    from muniment.foundation.errors import NotFound
    from muniment.knowledge import library

    with workspace.database.read() as connection:
        row = next((one for one in library.sources(connection) if one.name == name), None)
    if row is None:
        raise NotFound(f"No source named {name}.", fix="See `muniment sources list`.")
    standing = next((one for one in workspace.sources.listing() if one.connected.name == name), None)
    return row.documents, sum(standing.items.values()) if standing else 0


def _ask(name: str, documents: int) -> None:
    from muniment.foundation.errors import BadInput

    if TERMINAL.json or not sys.stdin.isatty():
        raise BadInput("Nothing confirms this.", fix="Add --yes.")
    TERMINAL.say(f"muniment: {visible(name)} and its {documents} documents would be removed for ever.")
    if not typer.confirm("Go on?", err=True):
        raise typer.Exit(1)


def show_checked(checked: Checked) -> None:
    """Show what a trial found."""
    for line in checked.says:
        TERMINAL.show(f"  {visible(line)}")
    for line in checked.warnings:
        TERMINAL.show(f"  Warning: {visible(line)}")


def show_counted(counted: Counted, feeds: tuple[str, ...]) -> None:
    """Show what passes would read."""
    if "access" in feeds:
        TERMINAL.show(
            f"  access   {counted.accounts} accounts, {counted.matched} of them matched to names here; "
            f"{counted.groups} groups; {counted.lists} lists, {counted.nobody} of them nobody's"
        )
    if "content" in feeds:
        TERMINAL.show(
            f"  content  {counted.items} items listed: {counted.new} new, {counted.changed} changed, "
            f"{counted.gone} gone, {counted.unreadable} that cannot be read"
        )
