"""keys: what protects the workspace, and what its operator does with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from muniment.interfaces.cli.options import example
from muniment.interfaces.cli.terminal import TERMINAL, visible

if TYPE_CHECKING:
    from pathlib import Path

    from muniment.foundation.key_provider import KeyProvider
    from muniment.foundation.keyring_file import KeyringHead
    from muniment.governance.key_custody import Rewrapped
    from muniment.settings import Settings

app = typer.Typer(no_args_is_help=True)

KeepOld = Annotated[
    bool, typer.Option("--keep-old", help="Leave the old versions usable, for copies of the home elsewhere.")
]


def register(parent: typer.Typer) -> None:
    """Add the group."""
    parent.add_typer(app, name="keys", help="The keys of the workspace.")


@app.command(epilog=example("muniment keys status"))
def status() -> None:
    """Say who keeps the key, its versions, what it wraps, and whether it opens; exit 4 where it does not."""
    from muniment.app import open as open_workspace
    from muniment.foundation.clock import Clock
    from muniment.foundation.errors import MunimentError
    from muniment.foundation.keys import ALGORITHM, PURPOSES
    from muniment.settings import kek_file, keyring_file

    home, settings, head = _found()
    state = _keeper(home, settings, head).describe()
    facts: dict[str, object] = {
        "tenant": head.tenant,
        "provider": state.provider,
        "key": state.key,
        "condition": state.condition,
        "versions": list(state.versions),
        "newest": state.newest,
        "tenant_key_wrapped_by": {"key": head.wrapped.key, "version": head.wrapped.version},
        "keyring": str(keyring_file(home).resolve()),
        "algorithm": ALGORITHM.decode().rstrip("\x00"),
        "data_keys": list(PURPOSES),
        "lease_seconds": settings.keys.lease_seconds,
    }
    if state.provider == "local":
        facts["kek_file"] = str(kek_file(settings, home).resolve())
    if state.note:
        facts["note"] = state.note
    clock = Clock()
    began = clock.seconds()
    try:
        open_workspace(home).close()
        facts |= {"opens": True, "proven_ms": round(1000 * (clock.seconds() - began), 1)}
    except MunimentError as error:
        facts |= {"opens": False, "problem": str(error)}
    if TERMINAL.json:
        TERMINAL.document(facts)
    else:
        from muniment.interfaces.cli.render import facts_table

        TERMINAL.show(facts_table(facts))
    if not facts["opens"]:
        raise typer.Exit(4)


@app.command(epilog=example("muniment keys public > muniment-log-key.txt"))
def public() -> None:
    """Print the public key that proves the log's checkpoints; give it to your auditors."""
    with TERMINAL.workspace() as workspace:
        key = workspace.audit.public_key()
    if TERMINAL.json:
        TERMINAL.document({"public_key": key})
    else:
        TERMINAL.out.print(key, soft_wrap=True)


@app.command(epilog=example("muniment keys rotate"))
def rotate(keep_old: KeepOld = False) -> None:
    """Make a new version of the key, wrap the keys under it, and make the old versions useless."""
    from muniment.governance.identity.principal import OPERATOR

    with TERMINAL.workspace() as workspace:
        made = workspace.key_custody.rotate(OPERATOR, keep_old)
    _show_rewrapped(made)


@app.command(epilog=example("muniment keys rewrap"))
def rewrap(keep_old: KeepOld = False) -> None:
    """Wrap the keys under the newest version of the key that the settings name, also one of another provider."""
    from muniment.app import key_provider
    from muniment.app import open as open_workspace
    from muniment.governance.identity.principal import OPERATOR

    home, settings, head = _found()
    workspace = open_workspace(home, settings=settings, provider=_keeper(home, settings, head))
    try:
        made = workspace.key_custody.rewrap(key_provider(settings, home), OPERATOR, keep_old)
    finally:
        workspace.close()
    _show_rewrapped(made)


@app.command(epilog=example("muniment keys disable"))
def disable() -> None:
    """Switch the key off: within 5 seconds nothing can be read, in servers that run too, until `keys enable`."""
    from muniment.governance.identity.principal import OPERATOR

    with TERMINAL.workspace() as workspace:
        said = workspace.key_custody.disable(OPERATOR)
    _show_done("disabled", said, "Running servers refuse within 5 seconds. Back: muniment keys enable")


@app.command(epilog=example("muniment keys enable"))
def enable() -> None:
    """Switch the key on again; servers that run go on by themselves."""
    from muniment.governance.identity.principal import OPERATOR

    home, settings, head = _found()
    said = _keeper(home, settings, head).enable(head.wrapped)
    with TERMINAL.workspace() as workspace:
        workspace.key_custody.enabled(OPERATOR)
    _show_done("enabled", said, "The workspace opens; running servers go on within seconds.")


@app.command(epilog=example("muniment keys destroy --yes TENANT"))
def destroy(
    yes: Annotated[
        str | None,
        typer.Option("--yes", metavar="TENANT", help="The tenant's name, instead of asking for it."),
    ] = None,
) -> None:
    """Destroy the key: all that it protects is unreadable for ever, in backups too."""
    from muniment.foundation.errors import BadInput

    home, settings, head = _found()
    provider = _keeper(home, settings, head)
    if yes is None:
        if TERMINAL.json:
            raise BadInput("Nothing confirms this.", fix=f"Add --yes {head.tenant}.")
        TERMINAL.say(f"This destroys the key in {provider.place}, for every workspace that it protects.")
        yes = typer.prompt(f"Type the tenant's name ({head.tenant}) to go on", err=True)
    if yes != head.tenant:
        raise BadInput(
            "That is not the tenant's name: nothing was destroyed.", fix=f"The name is {head.tenant}."
        )
    said, recorded = _destroyed(home, provider)
    unreadable = _protected(home, settings)
    if TERMINAL.json:
        TERMINAL.document(
            {"tenant": head.tenant, "destroyed": said, "recorded": recorded, "unreadable": unreadable}
        )
        return
    TERMINAL.show(
        visible(said),
        "The log tells of it." if recorded else "The log could not be opened, so it does not tell of it.",
        "Unreadable from now on:",
        *(f"  {visible(line)}" for line in unreadable),
    )
    if settings.database.url:
        TERMINAL.show("The rows in Postgres are not encrypted by muniment: delete the database as well.")


def _destroyed(home: Path, provider: KeyProvider) -> tuple[str, bool]:
    """Destroy by way of the log where the workspace opens, else without it."""
    from muniment.app import open as open_workspace
    from muniment.foundation.errors import MunimentError
    from muniment.governance.identity.principal import OPERATOR

    try:
        workspace = open_workspace(home, provider=provider)
    except MunimentError:
        return provider.destroy(), False
    try:
        return workspace.key_custody.destroy(OPERATOR), True
    finally:
        workspace.close()


def _protected(home: Path, settings: Settings) -> list[str]:
    from muniment.app import DATABASE_FILE
    from muniment.settings import keyring_file

    segments = len(list((home / "segments").glob("*.segment")))
    kept = (
        [] if settings.database.url else [str(home / DATABASE_FILE), f"{segments} index segments in {home}"]
    )
    return [*kept, str(keyring_file(home)), "every backup of these, with whatever keyring.json"]


def _found() -> tuple[Path, Settings, KeyringHead]:
    """Return home, settings and what the keyring says in clear; opens nothing."""
    from muniment import settings as settings_file
    from muniment.foundation.keyring_file import read_head

    home = TERMINAL.home_folder()
    settings = settings_file.load(home)
    return home, settings, read_head(settings_file.keyring_file(home))


def _keeper(home: Path, settings: Settings, head: KeyringHead) -> KeyProvider:
    from muniment.app import key_provider

    return key_provider(settings, home, wrapped=head.wrapped)


def _show_rewrapped(made: Rewrapped) -> None:
    before, after = (
        {"provider": one.provider, "key": one.key, "version": one.version}
        for one in (made.before, made.after)
    )
    if TERMINAL.json:
        TERMINAL.document(
            {"before": before, "after": after, "former_useless": not made.left, "left": made.left}
        )
        return
    TERMINAL.show(
        f"The tenant key is wrapped by {made.after.provider}, {visible(made.after.key)}"
        + (f", version {made.after.version}." if made.after.version else "."),
        "No data was rewritten; running servers go on.",
        f"Left to do: {visible(made.left)}." if made.left else "What wrapped it before opens nothing more.",
    )


def _show_done(what: str, said: str, follows: str) -> None:
    if TERMINAL.json:
        TERMINAL.document({what: True, "how": said})
    else:
        TERMINAL.show(visible(said), follows)
