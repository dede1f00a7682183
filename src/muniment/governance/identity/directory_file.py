"""Reads a directory file (TOML) into people, services and groups, or refuses it whole.

Names are kept byte for byte. Every refusal names the file, the line where it is known, the name and the fix.
"""

from __future__ import annotations

import hashlib
import tomllib
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, cast

from muniment.foundation.errors import BadInput
from muniment.governance.identity.clearance import LEVELS
from muniment.governance.identity.groups import MAX_DEPTH, deepest_chain

MAX_BYTES = 32 * 1024 * 1024
MAX_NAME = 256
RESERVED_GROUP = "everyone"
_KEYS = {
    "users": {"name": str, "groups": list, "active": bool, "clearance": str},
    "services": {"name": str, "groups": list, "active": bool, "clearance": str},
    "groups": {"name": str, "members_of": list},
}
_SINGULAR = {"users": "user", "services": "service", "groups": "group"}


@dataclass(frozen=True, slots=True)
class Account:
    """A user or service as the file states it."""

    title: str
    groups: frozenset[str]
    active: bool
    clearance: str
    """One of LEVELS, or empty: without a ceiling."""


@dataclass(frozen=True, slots=True)
class Group:
    """A group and the groups that its members are also members of."""

    title: str
    members_of: frozenset[str]


@dataclass(frozen=True, slots=True)
class DirectoryFile:
    """A whole, consistent directory: every named group exists and no group reaches itself."""

    users: Mapping[str, Account]
    services: Mapping[str, Account]
    groups: Mapping[str, Group]
    digest: str
    """Of the file's bytes, `sha256:` and hex."""
    warnings: tuple[str, ...]


def read_directory_file(path: Path, beside: Collection[str] = ()) -> DirectoryFile:
    """Return what the file states; raises BadInput for anything unknown, dangling, circular or unreadable.

    `beside` are groups that it may name without stating them.
    """
    return _Reader(path, _text(path), beside).read()


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadInput(
            f"The directory file {path} cannot be read ({error.strerror}).", fix="Check the path."
        ) from error
    if len(raw) > MAX_BYTES:
        raise BadInput(f"The directory file {path} is larger than {MAX_BYTES // 2**20} MiB.", fix="Split it.")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise BadInput(f"{path}, line {line}: not UTF-8 text.", fix="Save the file as UTF-8.") from error


class _Reader:
    def __init__(self, path: Path, text: str, beside: Collection[str]) -> None:
        self._path = path
        self._text = text
        self._beside = beside

    def read(self) -> DirectoryFile:
        tables = self._tables()
        users = self._accounts(tables["users"])
        services = self._accounts(tables["services"])
        groups = self._groups(tables["groups"])
        self._check_groups("users", users, groups)
        self._check_groups("services", services, groups)
        self._check_nesting(groups)
        if not users and not services:
            self._refuse((), "no user and no service in the file", "Add at least one [users.NAME].")
        digest = "sha256:" + hashlib.sha256(self._text.encode()).hexdigest()
        return DirectoryFile(users, services, groups, digest, tuple(_look_alikes(users, services, groups)))

    def _tables(self) -> dict[str, dict[str, dict[str, object]]]:
        try:
            parsed = tomllib.loads(self._text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise BadInput(
                f"{self._path} is not valid TOML: {error}.", fix="Mend that line; nothing was changed."
            ) from error
        for key in parsed:
            if key not in _KEYS:
                self._refuse(
                    (key,),
                    f"unknown table '{_shown(key)}'",
                    "Use [users.NAME], [groups.NAME], [services.NAME].",
                )
        return {kind: self._entries(kind, parsed.get(kind, {})) for kind in _KEYS}

    def _entries(self, kind: str, table: object) -> dict[str, dict[str, object]]:
        if not isinstance(table, dict):
            self._refuse((kind,), f"'{kind}' is not a table", f"Write [{kind}.NAME].")
        entries = cast(dict[str, object], table)
        for name, entry in entries.items():
            self._check_name(kind, name)
            if not isinstance(entry, dict):
                self._refuse(
                    (kind, name), f"'{_shown(name)}' is not a table", f"Write [{kind}.{_shown(name)}]."
                )
            self._check_keys(kind, name, cast(dict[str, object], entry))
        return cast(dict[str, dict[str, object]], entries)

    def _check_name(self, kind: str, name: str) -> None:
        problem = name_problem(name)
        if problem:
            self._refuse((kind, name), f"the {_SINGULAR[kind]} name '{_shown(name)}' {problem}", "Rename it.")
        if kind == "groups" and name == RESERVED_GROUP:
            self._refuse(
                (kind, name),
                "the group 'everyone' is built in and holds every active user and service",
                "Remove it, or choose another name.",
            )

    def _check_keys(self, kind: str, name: str, entry: Mapping[str, object]) -> None:
        allowed = _KEYS[kind]
        for key, value in entry.items():
            where = f"{_SINGULAR[kind]} '{_shown(name)}'"
            if key not in allowed:
                known = ", ".join(allowed)
                self._refuse(
                    (kind, name, key), f"unknown key '{_shown(key)}' of {where}", f"Known keys: {known}."
                )
            wanted = allowed[key]
            texts = not isinstance(value, list) or all(isinstance(v, str) for v in cast(list[object], value))
            if type(value) is not wanted or not texts:
                kinds = {str: "text", list: "a list of group names", bool: "true or false"}
                self._refuse((kind, name, key), f"'{key}' of {where} must be {kinds[wanted]}", "Mend it.")
            if key == "clearance" and value not in LEVELS:
                what = f"'clearance' of {where} is '{_shown(str(value))}'"
                self._refuse((kind, name, key), what, f"Use one of {', '.join(LEVELS)}, or leave it out.")

    def _accounts(self, entries: Mapping[str, Mapping[str, object]]) -> dict[str, Account]:
        return {
            name: Account(
                cast(str, entry.get("name", "")),
                frozenset(cast(list[str], entry.get("groups", []))),
                cast(bool, entry.get("active", True)),
                cast(str, entry.get("clearance", "")),
            )
            for name, entry in entries.items()
        }

    def _groups(self, entries: Mapping[str, Mapping[str, object]]) -> dict[str, Group]:
        return {
            name: Group(
                cast(str, entry.get("name", "")), frozenset(cast(list[str], entry.get("members_of", [])))
            )
            for name, entry in entries.items()
        }

    def _check_groups(self, kind: str, accounts: Mapping[str, Account], groups: Mapping[str, Group]) -> None:
        for name, account in accounts.items():
            self._check_known(kind, name, "groups", account.groups, groups)

    def _check_nesting(self, groups: Mapping[str, Group]) -> None:
        for name, group in groups.items():
            self._check_known("groups", name, "members_of", group.members_of, groups)
        chain, circular = deepest_chain({name: group.members_of for name, group in groups.items()})
        if circular:
            self._refuse(
                ("groups", chain[0], "members_of"),
                f"groups reach themselves: {' -> '.join(_shown(g) for g in chain)}",
                "Break the circle.",
            )
        if len(chain) > MAX_DEPTH:
            self._refuse(
                ("groups", chain[0], "members_of"),
                f"group '{_shown(chain[0])}' is nested {len(chain)} deep; the limit is {MAX_DEPTH}",
                "Flatten the chain.",
            )

    def _check_known(
        self, kind: str, name: str, key: str, named: Iterable[str], groups: Mapping[str, Group]
    ) -> None:
        for group in sorted(named):
            if group in groups or group in self._beside:
                continue
            what = f"{_SINGULAR[kind]} '{_shown(name)}' names the unknown group '{_shown(group)}'"
            if group == RESERVED_GROUP:
                fix = "Leave 'everyone' out: every active user and service is in it."
            else:
                fix = f"Add [groups.{_shown(group)}] or correct the name."
            self._refuse((kind, name, key), what, fix)

    def _refuse(self, keys: tuple[str, ...], what: str, fix: str) -> NoReturn:
        line = _line_of(self._text, keys)
        place = f"{self._path}, line {line}" if line else str(self._path)
        raise BadInput(f"{place}: {what}.", fix=fix)


def name_problem(name: str) -> str:
    """Return why a name cannot be used ("is empty", ...), or an empty string."""
    if not name.strip():
        return "is empty"
    if len(name) > MAX_NAME:
        return f"is longer than {MAX_NAME} characters"
    if ":" in name:
        return "holds a colon, which separates kind and name in access lists"
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in name):
        return "holds an invisible or control character"
    return ""


def _look_alikes(*kinds: Collection[str]) -> Iterator[str]:
    for kind, names in zip(("user", "service", "group"), kinds, strict=True):
        folded: dict[str, str] = {}
        for name in sorted(names):
            key = unicodedata.normalize("NFKC", name).casefold().strip()
            if key in folded:
                yield (
                    f"The {kind}s '{_shown(folded[key])}' and '{_shown(name)}' look alike; "
                    "they are different principals."
                )
            else:
                folded[key] = name


def _shown(name: str) -> str:
    """Return the name with whatever is invisible escaped, and cut to a line."""
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)
    return text if len(text) <= 80 else text[:77] + "..."


def _line_of(text: str, keys: tuple[str, ...]) -> int | None:
    """Return the line that states `keys` (table, name, key), or its table's header, or None."""
    found = None
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        stated = _stated(line)
        if line.lstrip().startswith("["):
            inside = stated == keys[:2] or (len(keys) == 1 and stated[:1] == keys)
            if inside and found is None:
                found = number
        elif inside and len(keys) == 3 and stated[:1] == keys[2:]:
            return number
        elif found is None and keys and stated[: len(keys)] == keys:
            found = number
    return found


def _stated(line: str) -> tuple[str, ...]:
    """Return the dotted key that one line of TOML opens; empty when it opens none by itself."""
    head = line if line.lstrip().startswith("[") else line.partition("=")[0] + "= 0"
    try:
        value: object = tomllib.loads(head)
    except (tomllib.TOMLDecodeError, RecursionError):
        return ()
    keys: list[str] = []
    while isinstance(value, dict) and len(cast(dict[str, object], value)) == 1:
        key, value = next(iter(cast(dict[str, object], value).items()))
        keys.append(key)
    return tuple(keys)
