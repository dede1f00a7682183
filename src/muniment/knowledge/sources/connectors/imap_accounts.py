"""The accounts of a mail server, as the operator lists them: IMAP itself names none."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from muniment.foundation.errors import BadInput, Unavailable
from muniment.knowledge.sources.connectors.imap_rights import ANYONE, RESERVED

_KEYS = {"email", "groups", "password"}
_SPECIAL = (ANYONE, "authenticated", "owner")


@dataclass(frozen=True, slots=True)
class Listed:
    """An account of the list."""

    email: str = ""
    password: str = ""
    """A reference to what it signs in with; empty where a master signs in for it."""
    groups: frozenset[str] = frozenset()
    """As access lists spell them, such as `$engineering`."""


def listed(users: Iterable[str], file: Path | None, separator: str) -> dict[str, Listed]:
    """Return the accounts by name; raises BadInput, and Unavailable for a file that cannot be read."""
    found = {name: Listed() for name in users}
    if file is not None:
        found |= _of_file(file)
    if not found:
        raise BadInput("users: no account is listed.", fix="List accounts in users or accounts_file.")
    for name in found:
        if not name or not name.isprintable() or name.startswith(RESERVED) or name in _SPECIAL:
            raise BadInput(f"users: {name!r} cannot name an account.", fix="Write it as it signs in.")
        if separator and separator in name:
            raise BadInput(
                f"users: {name!r} holds {separator!r}, which goes before the master's name.",
                fix="Leave it out, or choose another separator at the server.",
            )
    return dict(sorted(found.items()))


def _of_file(file: Path) -> dict[str, Listed]:
    try:
        stated = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Unavailable(
            f"accounts_file: {file} cannot be read.", fix="Mend the file, or its path."
        ) from error
    users = stated.get("users")
    if not isinstance(users, dict) or set(stated) != {"users"}:
        raise Unavailable(f"accounts_file: {file} lists no accounts.", fix="Write [users.NAME] for each.")
    return {name: _listed(name, facts, file) for name, facts in cast("dict[str, object]", users).items()}


def _listed(name: str, facts: object, file: Path) -> Listed:
    said = cast("Mapping[str, object]", facts) if isinstance(facts, dict) else {"": ""}
    groups = said.get("groups", [])
    names = (
        [one for one in cast("list[object]", groups) if isinstance(one, str)]
        if isinstance(groups, list)
        else None
    )
    email, password = said.get("email", ""), said.get("password", "")
    right = names is not None and len(names) == len(cast("list[object]", groups))
    if (
        set(said) - _KEYS
        or names is None
        or not right
        or not isinstance(email, str)
        or not isinstance(password, str)
    ):
        raise Unavailable(
            f"accounts_file: users.{name} in {file} is not understood.",
            fix="Use email, password (env:NAME or file:PATH) and groups, a list of identifiers.",
        )
    return Listed(email, password, frozenset(names))
