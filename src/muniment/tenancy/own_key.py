"""Each tenant has a key of its own: which one that is, and who else uses it."""

from __future__ import annotations

from pathlib import Path

from muniment import settings as settings_file
from muniment.foundation.errors import Conflict, MunimentError
from muniment.foundation.keyring_file import read_head
from muniment.settings import Settings
from muniment.tenancy import places


def key_of(settings: Settings, home: Path) -> tuple[str, ...]:
    """Return what tells the key of a home from every other key: that which wraps it, or is going to.

    Raises BadInput for settings that name none, NotSetUp for a keyring that cannot be read.
    """
    file = settings_file.keyring_file(home)
    wrapped = read_head(file).wrapped if file.exists() else None
    keys = settings_file.key_settings(settings, wrapped)
    if keys.provider == "local":
        return (keys.provider, str(settings_file.kek_file(settings, home).resolve()))
    if keys.provider == "vault":
        vault = keys.vault
        return (keys.provider, vault.address.rstrip("/"), vault.namespace.strip("/"), vault.mount, vault.key)
    return (keys.provider, keys.aws.key, keys.aws.region)


def sharers(home: Path, name: str, settings: Settings) -> tuple[list[str], dict[str, MunimentError]]:
    """Return who has the same key as a tenant, and of whom nobody can tell, and why."""
    mine = key_of(settings, places.place(home, name))
    others = {"this home itself": home, **{one: places.place(home, one) for one in places.names(home)}}
    others.pop(name, None)
    same, unknown = list[str](), dict[str, MunimentError]()
    for who, place in others.items():
        if not settings_file.keyring_file(place).exists():
            continue
        try:
            if key_of(settings_file.load(place), place) == mine:
                same.append(who)
        except MunimentError as error:
            unknown[who] = error
    return same, unknown


def require_own(home: Path, name: str, settings: Settings) -> None:
    """Refuse a tenant whose key is, or for all that can be read could be, another's; raises Conflict naming it."""
    same, unknown = sharers(home, name, settings)
    if same:
        raise Conflict(
            f"The tenant {name} has the same key as {same[0]}.",
            fix="Give it one of its own: name it under [keys] in its settings and run `muniment keys rewrap`.",
        )
    for who, why in unknown.items():
        raise Conflict(
            f"Nobody can tell whether {who} has the same key: {why.public}", fix="Mend that one first."
        )
