"""Who may do what here, as `permissions.toml` says; the file is read at every request, so a change holds from the next."""

from __future__ import annotations

import shutil
import sqlite3
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from problems import Problem
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from shapes import Amount, UserName, cents

SHIPPED = Path(__file__).parent / "permissions.toml"
DOMAIN = "marrowby.example"

Capability = Literal[
    "orders:read",
    "refunds:read",
    "refunds:write",
    "purchases:read",
    "purchases:read-all",
    "purchases:write",
    "mail:read",
    "mail:draft",
    "mail:send",
    "calendar:read",
    "calendar:write",
    "access:read",
    "access:grant",
]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Everyone(_Closed):
    holds: list[Capability]


class _User(_Closed):
    holds: list[Capability] = []
    orders: Literal["none", "own", "all"] = "none"
    refund_limit: Amount = "0.00"
    purchase_limit: Amount = "0.00"


class _File(_Closed):
    everyone: _Everyone
    systems: dict[str, list[Capability]] = Field(default_factory=dict)
    users: dict[UserName, _User]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the company, with what they may do now."""

    name: str
    holds: frozenset[str]
    orders: str
    """Which orders: `none`, `own` or `all`."""
    refund_limit: int
    """For one order, in hundredths."""
    purchase_limit: int


class Permissions:
    """The folder's copy of the permissions."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "permissions.toml"
        if not self._path.exists():
            shutil.copyfile(SHIPPED, self._path)
        self._read()

    def _read(self) -> _File:
        try:
            found: dict[str, Any] = tomllib.loads(self._path.read_text("utf-8"))
            return _File.model_validate(found)
        except (OSError, ValueError, ValidationError) as error:
            raise Problem(
                503,
                "no-permissions",
                "The permissions cannot be read.",
                f"Mend {self._path.name} in the folder.",
            ) from error

    def person(self, name: str, granted: sqlite3.Connection, now: str) -> Person | None:
        """Return a person with what the file gives them and what access grants add until now."""
        file = self._read()
        user = file.users.get(name)
        if user is None:
            return None
        rows = granted.execute(
            "SELECT system FROM access_grants WHERE user = ? AND state = 'active' AND until > ?", (name, now)
        )
        added = {held for row in rows for held in file.systems.get(row["system"], [])}
        sees = "all" if "orders:read" in added else user.orders
        return Person(
            name,
            frozenset({*file.everyone.holds, *user.holds, *added}),
            sees,
            cents(user.refund_limit),
            cents(user.purchase_limit),
        )

    def people(self) -> frozenset[str]:
        """Return the names of all people."""
        return frozenset(self._read().users)

    def systems(self) -> frozenset[str]:
        """Return the names of the systems to which access can be granted."""
        return frozenset(self._read().systems)


def address_of(name: str) -> str:
    """Return a person's address."""
    return f"{name}@{DOMAIN}"
