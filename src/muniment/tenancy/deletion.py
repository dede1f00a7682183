"""Deleting a tenant: its key first, so that whatever is left of it anywhere opens no more, then its folder.

Invariants:
- the intent is durable in the host's log and beside the tenants before anything is taken away, and from then on the
  tenant is neither opened nor served;
- a deletion that was cut short is finished by the next one of that name, and by nothing less;
- no other tenant's key is destroyed with it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from muniment import app
from muniment import settings as settings_file
from muniment.app import Workspace
from muniment.foundation.clock import timestamp
from muniment.foundation.errors import MunimentError, NotSetUp, Unavailable
from muniment.foundation.key_provider import KeyProvider
from muniment.foundation.keyring_file import KeyringHead, read_head
from muniment.foundation.private_file import shred, sync_folder
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.settings import Settings
from muniment.tenancy import deleted, places, rows
from muniment.tenancy.making import LOCK
from muniment.tenancy.own_key import require_own

_GONE = ("absent", "pending deletion")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a deletion takes away."""

    tenant: str
    home: Path
    key: str
    """The key above all its keys, in words; empty where it never had one, or it is destroyed already."""
    files: int
    size: int
    """Bytes."""
    rows: str
    """The schema of Postgres that is dropped; empty where there is none, or muniment cannot drop it."""
    left: str
    """What muniment cannot take away; empty where there is nothing."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a tenant."""

    tenant: str
    how: str
    """How its key was destroyed."""
    told: bool
    """Whether its own log was told, as far as anybody could read it now."""
    left: str


def plan(own: Workspace, name: str) -> Plan:
    """Return what `delete` would do, and raise as it would; changes nothing."""
    place = _found(own.home, name)
    settings, head = _settings(own.home, name), _head(place)
    provider = None
    if head is not None:
        require_own(own.home, name, settings)
        provider = _reached(settings, place, head)
    kept = rows.found(place, settings, provider)
    left = rows.left(settings, kept.kept) if kept and kept.kept else ""
    sizes = [one.lstat().st_size for one in place.rglob("*") if not one.is_dir()]
    key, schema = provider.place if provider else "", kept.schema if kept and not left else ""
    return Plan(name, place, key, len(sizes), sum(sizes), schema, left)


def delete(own: Workspace, name: str, by: Actor) -> Done:
    """Destroy a tenant's key and remove its folder, or finish doing so.

    Raises NotSetUp where there is none of that name, Conflict where its key is another's too, and Unavailable or
    KeyUnreachable where its key service does not answer: the tenant then stays as it is, or stays under deletion.
    """
    tenants = own.home / places.FOLDER
    with own.database.alone(LOCK):
        place = _found(own.home, name)
        begun = deleted.under_way(tenants, name)
        told = False
        if begun is None or begun.stage == "began":
            settings, head = _settings(own.home, name), _head(place)
            provider = None
            if head is not None:
                require_own(own.home, name, settings)
                provider = _reached(settings, place, head)
            kept = rows.found(place, settings, provider)
            about: dict[str, Json] = {"tenant": name, "provider": provider.name if provider else None}
            own.audit.record([Entry("tenant.delete", by, about)])
            if begun is None:
                identity, mark = head.identity if head else "", kept.mark if kept else ""
                deleted.begin(tenants, name, timestamp(own.clock.now()), identity, mark)
            how = "It had no key."
            if provider is not None:
                how, told = _destroyed(settings, place, provider, by)
            left = rows.left(settings, "nobody knows whether they are gone") if kept else ""
            deleted.advance(tenants, name, "key destroyed", how, left)
        done = _rows_gone(own.home, name)
        _remove(place)
        own.audit.record([Entry("tenant.deleted", by, {"tenant": name, "how": done.how, "left": done.left})])
        deleted.advance(tenants, name, "done", left=done.left)
    return Done(name, done.how, told, done.left)


def _rows_gone(home: Path, name: str) -> deleted.Deletion:
    """Take its rows away while its folder still says where they are; what is left is known after that too."""
    tenants = home / places.FOLDER
    begun = deleted.under_way(tenants, name)
    if begun is None:
        raise NotSetUp(f"Nothing says that {name} is being deleted.", fix="See `muniment tenants list`.")
    place = places.place(home, name)
    if not (place / settings_file.FILE_NAME).exists():
        return begun
    try:
        left = rows.taken_away(place, _settings(home, name), begun.rows)
    except MunimentError:
        return begun
    deleted.advance(tenants, name, "key destroyed", left=left)
    return replace(begun, left=left)


def _found(home: Path, name: str) -> Path:
    """Return the folder of a tenant that is there, or under deletion, when it may be gone."""
    place = places.place(home, name)
    if not (places.is_there(home, name) or deleted.is_under_way(home / places.FOLDER, name)):
        raise NotSetUp(f"There is no tenant {name}.", fix="See `muniment tenants list`.")
    return place


def _settings(home: Path, name: str) -> Settings:
    """Return the settings, which say where the key is kept."""
    return settings_file.load(places.place(home, name))


def _head(place: Path) -> KeyringHead | None:
    file = settings_file.keyring_file(place)
    return read_head(file) if file.exists() else None


def _reached(settings: Settings, place: Path, head: KeyringHead) -> KeyProvider:
    """Return the keeper of the key, who must answer: a deletion shall not stop half-way for that."""
    provider = app.key_provider(settings, place, wrapped=head.wrapped)
    if provider.describe().condition == "unreachable":
        raise Unavailable(
            f"The key in {provider.place} cannot be destroyed now: its keeper does not answer.",
            fix="Nothing was changed by this try. Try again when it does.",
        )
    return provider


def _destroyed(settings: Settings, place: Path, provider: KeyProvider, by: Actor) -> tuple[str, bool]:
    """Destroy the key by way of the tenant's own log where that opens; return how, and whether it did."""
    if provider.describe().condition in _GONE:
        return "Its key was destroyed before.", False
    try:
        workspace = app.open(place, settings=settings, provider=provider)
    except MunimentError:
        return provider.destroy(), False
    try:
        workspace.audit.record([Entry("tenant.delete", by, {})])
        return workspace.key_custody.destroy(by), True
    finally:
        workspace.close()


def _remove(place: Path) -> None:
    """Overwrite the wrapped keys, and remove the folder under a name that no tenant has."""
    shred(settings_file.keyring_file(place))
    gone = place.with_name(f".{place.name}.gone")
    with suppress(FileNotFoundError):
        os.rename(place, gone)
    if gone.exists():
        shutil.rmtree(gone)
        sync_folder(gone.parent)


def as_json(found: Plan | Done) -> Mapping[str, object]:
    """Return a plan or an outcome as plain values."""
    if isinstance(found, Plan):
        names = ("tenant", "home", "key", "files", "size", "rows", "left")
    else:
        names = ("tenant", "how", "told", "left")
    return {name: getattr(found, name) for name in names}
