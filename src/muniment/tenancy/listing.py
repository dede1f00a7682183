"""How each tenant is, as far as can be seen without opening it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, cast

from muniment import app
from muniment import settings as settings_file
from muniment.app import DATABASE_FILE
from muniment.foundation.errors import MunimentError
from muniment.foundation.keyring_file import read_head
from muniment.tenancy import deleted, places
from muniment.tenancy.own_key import sharers

State = Literal["ready", "unavailable", "unfinished", "being deleted"]


@dataclass(frozen=True, slots=True)
class Listed:
    """One tenant."""

    name: str
    state: State
    """`unfinished`: its making was cut short; the same command goes on with it."""
    key_provider: str
    key_condition: str
    """As its keeper says; empty where nobody could be asked."""
    reachable: bool
    """Whether the keeper says that the key is switched on."""
    problem: str

    def as_json(self) -> Mapping[str, object]:
        """Return plain values."""
        return cast("Mapping[str, object]", asdict(self))


def listing(home: Path) -> Iterator[Listed]:
    """Yield every tenant that has a folder or is being deleted, by name; asks the keeper of each key."""
    for name in sorted({*places.names(home), *deleted.names(home / places.FOLDER)}):
        if deleted.is_under_way(home / places.FOLDER, name):
            yield Listed(name, "being deleted", "", "", False, f"finish it: muniment tenants delete {name}")
        else:
            yield _listed(home, name)


def _listed(home: Path, name: str) -> Listed:
    place = places.place(home, name)
    provider, condition = "", ""
    try:
        settings = settings_file.load(place)
        provider = settings.keys.provider
        keyring = settings_file.keyring_file(place)
        in_file = not settings.database.url
        if not keyring.exists() or (in_file and not (place / DATABASE_FILE).exists()):
            return Listed(name, "unfinished", provider, "", False, "it has no keys or no database")
        head = read_head(keyring)
        provider = head.wrapped.provider
        condition = app.key_provider(settings, place, wrapped=head.wrapped).describe().condition
        problem = places.problem(home, name)
        same, _ = sharers(home, name, settings)
    except MunimentError as error:
        return Listed(name, "unavailable", provider, condition, condition == "enabled", str(error))
    if same and not problem:
        problem = f"it has the same key as {same[0]}: it needs one of its own"
    # A service need not tell us how its key is: then only opening says.
    if not problem and condition not in ("enabled", "unknown"):
        problem = f"its key is {condition}"
    state: State = "unavailable" if problem else "ready"
    return Listed(name, state, provider, condition, condition == "enabled", problem)
