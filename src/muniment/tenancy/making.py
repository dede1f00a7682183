"""Making a tenant: its folder, its settings, its own keys and database."""

from __future__ import annotations

import tomllib
from pathlib import Path

from muniment import app
from muniment import settings as settings_file
from muniment.app import DATABASE_FILE, Workspace
from muniment.foundation.errors import BadInput, Conflict
from muniment.foundation.keyring_file import read_head
from muniment.foundation.private_file import write_private
from muniment.governance.audit.entry import Actor, Entry
from muniment.settings import Settings
from muniment.tenancy import deleted, places
from muniment.tenancy.own_key import require_own

LOCK = "tenants"


def create(own: Workspace, name: str, text: str, by: Actor) -> Path:
    """Make a tenant beside `own`, the host's workspace, with these settings; return its home.

    A making that was cut short goes on. Raises Conflict where the tenant is there, where old files of such a name
    are, or where its key is another's; BadInput for settings that do not fit.
    """
    home, place = own.home, places.place(own.home, name)
    with own.database.alone(LOCK):
        if deleted.is_under_way(home / places.FOLDER, name):
            places.existing(home, name)
        if name == own.keyring.tenant:
            raise Conflict(f"{name} is the name of this home's own tenant.", fix="Choose another name.")
        _refuse_old_files(home, name)
        if (place / settings_file.FILE_NAME).exists():
            _refuse_other_settings(place, text)
            settings = places.settings_of(home, name)
            require_own(home, name, settings)
        else:
            named = _named(text, name)
            settings = _checked(place, name, named)
            require_own(home, name, settings)
            write_private(place / settings_file.FILE_NAME, named.encode())
        own.audit.record([Entry("tenant.create", by, {"tenant": name, "provider": settings.keys.provider})])
        made = app.create(place, own.clock, own.ids, settings)
        try:
            public_key = made.audit.public_key()
        finally:
            made.close()
        own.audit.record([Entry("tenant.created", by, {"tenant": name, "public_key": public_key})])
    return place


def _refuse_old_files(home: Path, name: str) -> None:
    place = places.place(home, name)
    if place.is_symlink() or (place.exists() and not place.is_dir()):
        raise Conflict(f"{place} is no folder.", fix="Move it away; nothing was made.")
    keyring = settings_file.keyring_file(place)
    old = [one for one in (place / DATABASE_FILE, place / "segments") if one.exists()]
    if keyring.exists():
        if old:
            raise Conflict(f"There is already a tenant {name}.", fix="Nothing was changed.")
        head = read_head(keyring)
        if head.tenant != name or deleted.holds(home / places.FOLDER, name, head.identity):
            old = [keyring]
    if old:
        raise Conflict(f"{old[0]} is left from another time.", fix="Move it away; nothing was made.")


def _refuse_other_settings(place: Path, text: str) -> None:
    """Those of a making that was cut short stay as they are."""
    if text:
        raise Conflict(
            f"{place / settings_file.FILE_NAME} already exists.",
            fix="Edit it there, and leave --settings away.",
        )


def _named(text: str, name: str) -> str:
    """Return the settings with what identifies the tenant; raises BadInput for what is not TOML."""
    try:
        stated = tomllib.loads(text).get("workspace")
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"The settings are not TOML: {error}.", fix="Mend that line.") from error
    return text if stated else f'{text.rstrip()}\n\n[workspace]\ntenant = "{name}"\nhosted = true\n'.lstrip()


def _checked(place: Path, name: str, named: str) -> Settings:
    settings = settings_file.parse(tomllib.loads(named), "the tenant's settings")
    if settings.workspace.tenant != name or not settings.workspace.hosted:
        raise BadInput(
            "The settings are of another tenant.",
            fix=f'Leave [workspace] away, or write there: tenant = "{name}" and hosted = true.',
        )
    settings_file.database_url(settings, place)
    return settings
