"""A home folder made, and opened."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from muniment import settings as settings_file
from muniment.app.adapters import database_of, key_provider
from muniment.app.opened import Injected, Models
from muniment.app.workspace import Workspace
from muniment.foundation.clock import Clock
from muniment.foundation.errors import Conflict, MunimentError, NotSetUp
from muniment.foundation.ids import Ids
from muniment.foundation.key_provider import KeyProvider
from muniment.foundation.keyring_file import create_keyring, open_keyring
from muniment.governance.audit.entry import Entry
from muniment.governance.identity.principal import OPERATOR
from muniment.settings import Settings


def exists(home: Path) -> bool:
    """Return whether both halves of a workspace are there: its keys and its database."""
    settings = settings_file.load(home)
    with closing(database_of(home, settings, settings.workspace.tenant, b"")) as database:
        return (home / "keys" / "keyring.json").exists() and database.exists()


def create(
    home: Path | str | None = None,
    clock: Clock | None = None,
    ids: Ids | None = None,
    settings: Settings | None = None,
    embedder: Injected | None = None,
    models: Models | None = None,
    kind: type[Workspace] = Workspace,
) -> Workspace:
    """Make keys and database in `home` and open it as a `kind`; raises Conflict where a workspace already is.

    A making that was cut short after the keys goes on with them.
    """
    place = Path(home) if home is not None else settings_file.default_home()
    chosen = settings or settings_file.load(place)
    ids = ids or Ids()
    clock = clock or Clock()
    provider, keys = key_provider(chosen, place, ids), settings_file.keyring_file(place)
    with closing(database_of(place, chosen, chosen.workspace.tenant, b"")) as database:
        if database.exists():
            raise Conflict(f"{database.place} already exists.", fix="Nothing was overwritten.")
    proven = clock.seconds()
    if keys.exists():
        keyring = open_keyring(provider, keys, ids)
    else:
        keyring = create_keyring(provider, keys, chosen.workspace.tenant, ids)
    workspace = kind(place, chosen, keyring, provider, proven, clock, ids, embedder, models)
    workspace.database.create()
    try:
        workspace.audit.record([Entry("workspace.created", OPERATOR, {"tenant": keyring.tenant})])
    except MunimentError:
        workspace.database.discard()
        raise
    return workspace


def open(
    home: Path | str | None = None,
    clock: Clock | None = None,
    ids: Ids | None = None,
    settings: Settings | None = None,
    embedder: Injected | None = None,
    provider: KeyProvider | None = None,
    models: Models | None = None,
    worker: int = 0,
) -> Workspace:
    """Open the workspace in `home`; raises NotSetUp where there is none, or its key is missing or wrong.

    Where a key service keeps the key, raises KeyUnreachable while it does not answer and KeyRefused where it
    refuses. `provider` stands for the one that the settings name; `worker` is the number of this process among
    several that serve the home.
    """
    place = Path(home) if home is not None else settings_file.default_home()
    if not place.is_dir():
        raise NotSetUp(f"No workspace at {place}.", fix="Run `muniment init` first.")
    chosen = settings or settings_file.load(place)
    ids = ids or Ids()
    clock = clock or Clock()
    provider = provider or key_provider(chosen, place, ids)
    proven = clock.seconds()
    keyring = open_keyring(provider, settings_file.keyring_file(place), ids)
    workspace = Workspace(place, chosen, keyring, provider, proven, clock, ids, embedder, models, worker)
    try:
        workspace.database.check()
    except MunimentError:
        workspace.database.close()
        raise
    return workspace
