"""Which rows of a table which roles are shown, page by page in the order of the key.

Each role asks by itself and is shown what the server shows it; whoever may not read one of the columns is shown
nothing. A key that stands for several rows, or a row of a view that reads differently for two of its readers, is
nobody's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from muniment.foundation.outside_postgres import Snapshot, quoted
from muniment.knowledge.sources.connectors.postgres_catalog import KeyKind, Shape

Key = tuple[int | str, ...]
_ARRAYS: Mapping[KeyKind, str] = {"number": "bigint", "uuid": "uuid", "text": "text"}
PAGE = 1000


@dataclass(frozen=True, slots=True)
class Asked:
    """What is read of a table, as the settings say."""

    shape: Shape
    key: tuple[str, ...]
    columns: tuple[str, ...]
    """Those whose text is read, without the key."""
    title: str
    modified: str
    only: Mapping[str, str]
    """Values by which rows are chosen."""


@dataclass(slots=True)
class Seen:
    """A row."""

    readers: set[str] = field(default_factory=set[str])
    mark: str = ""
    """Moves when its text does."""
    title: str = ""
    modified_at: str = ""
    problem: str = ""
    digests: set[str] = field(default_factory=set[str])


@dataclass(frozen=True, slots=True)
class Page:
    """Rows by key, and the last key that they reach to; None where they reach to the end."""

    rows: Mapping[Key, Seen]
    until: Key | None


@dataclass(frozen=True, slots=True)
class Text:
    """The text of a row as one role reads it; None for a value that is null."""

    values: Mapping[str, str | None]
    title: str
    mark: str
    size: int


def page(
    snapshot: Snapshot, asked: Asked, roles: Sequence[str], after: Key | None, limit: int = PAGE
) -> Page:
    """Return the next rows that any of the roles is shown."""
    found: dict[str, list[tuple[Key, int, str, str]]] = {}
    ends: list[Key] = []
    where, said = _behind(asked, after)
    for role in roles:
        rows = _keys(snapshot, asked, role, where, said, limit)
        if rows:
            found[role] = rows
            if len(rows) == limit:
                ends.append(rows[-1][0])
    until = min(ends) if ends else None
    seen: dict[Key, Seen] = {}
    for role, rows in found.items():
        for key, number, least, most in rows:
            if until is None or key <= until:
                _add(seen.setdefault(key, Seen()), role, number, least, most)
    _mark(snapshot, asked, seen)
    return Page(dict(sorted(seen.items())), until)


def row(snapshot: Snapshot, asked: Asked, roles: Sequence[str], key: Key) -> Seen | None:
    """Return one row, None where no role is shown it."""
    seen = Seen()
    where, said = _equal(asked, [key])
    for role in roles:
        for one, number, least, most in _keys(snapshot, asked, role, where, said, 2):
            if one == key:
                _add(seen, role, number, least, most)
    if not seen.readers:
        return None
    _mark(snapshot, asked, {key: seen})
    return seen


def text(snapshot: Snapshot, asked: Asked, role: str, key: Key, most_bytes: int) -> Text | None:
    """Return the text of a row as a role reads it, without values where it is too long; None if it is not shown."""
    where, said = _equal(asked, [key])
    names = asked.columns
    size = f"octet_length({_whole(asked)})"
    values = ", ".join(
        f"CASE WHEN {size} <= {int(most_bytes)} THEN c{at}::text END" for at in range(len(names))
    )
    title = "left(title::text, 300)" if asked.title else "NULL"
    statement = (
        f"SELECT {_outputs(asked)}, {size}, {title}, {_mark_of(asked)}{', ' if values else ''}{values} "
    )
    found = snapshot.rows_as(role, f"{statement} FROM ({_inner(asked)}) AS r WHERE {where} LIMIT 2", said)
    width = len(asked.key)
    whole = [one for one in found or [] if _key(asked, one[:width]) == key]
    if len(whole) != 1:
        return None
    size_, title_, mark = whole[0][width : width + 3]
    return Text(dict(zip(names, whole[0][width + 3 :], strict=True)), title_ or "", mark or "", size_)


def _add(seen: Seen, role: str, number: int, least: str, most: str) -> None:
    seen.readers.add(role)
    seen.digests |= {least, most}
    if number != 1:
        seen.problem = "its key stands for several rows"
    elif len(seen.digests) != 1:
        seen.problem = "its readers are shown different texts"


def _mark(snapshot: Snapshot, asked: Asked, seen: Mapping[Key, Seen]) -> None:
    """Ask for the marks of rows, each of one of its readers."""
    waiting = {key for key, one in seen.items() if not one.problem}
    while waiting:
        role = min(min(seen[key].readers) for key in waiting)
        mine = sorted(key for key in waiting if role in seen[key].readers)
        waiting.difference_update(mine)
        where, said = _equal(asked, mine)
        title = "left(title::text, 300)" if asked.title else "NULL"
        statement = f"SELECT {_outputs(asked)}, {_mark_of(asked)}, {title}, {_when(asked)} "
        found = snapshot.rows_as(role, f"{statement} FROM ({_inner(asked)}) AS r WHERE {where}", said) or []
        width = len(asked.key)
        for one in found:
            key = _key(asked, one[:width])
            if key in seen:
                mark, name, when = one[width:]
                seen[key].mark, seen[key].title, seen[key].modified_at = mark or "", name or "", when or ""
        for key in mine:
            if not seen[key].mark:
                # Shown a moment ago and not any more: a policy was changed in between.
                seen[key].problem = "its readers changed while it was read"


def _keys(
    snapshot: Snapshot, asked: Asked, role: str, where: str, said: Sequence[object], limit: int
) -> list[tuple[Key, int, str, str]]:
    # Without its table a name in ORDER BY is that of the output, which is text.
    numbers = [f"r.k{at}" for at in range(len(asked.key))]
    digest = "''" if asked.shape.same_for_all else _digest(asked)
    statement = (
        f"SELECT {_outputs(asked)}, count(*), min({digest}), max({digest}) FROM ({_inner(asked)}) AS r "
        f"WHERE {where} GROUP BY {', '.join(numbers)} ORDER BY {', '.join(numbers)} LIMIT {int(limit)}"
    )
    found = snapshot.rows_as(role, statement, said) or []
    width = len(asked.key)
    return [(_key(asked, one[:width]), *one[width:]) for one in found]


def _inner(asked: Asked) -> str:
    """Name every column that is read, so that whoever may not read one of them is refused."""
    parts = [
        f'{quoted(name)} COLLATE "C" AS k{at}' if kind == "text" else f"{quoted(name)} AS k{at}"
        for at, (name, kind) in enumerate(zip(asked.key, asked.shape.key_kinds, strict=True))
    ]
    parts += [f"{quoted(name)} AS c{at}" for at, name in enumerate(asked.columns)]
    parts += [f"{quoted(asked.title)} AS title"] if asked.title else []
    parts += [f"{quoted(asked.modified)} AS modified"] if asked.modified else []
    parts += [f"{quoted(name)} AS o{at}" for at, name in enumerate(asked.only)]
    return f"SELECT {', '.join(parts)} FROM {asked.shape.relation}"


def _outputs(asked: Asked) -> str:
    return ", ".join(f"k{at}::text" for at in range(len(asked.key)))


def _whole(asked: Asked) -> str:
    names = [f"c{at}" for at in range(len(asked.columns))] + (["title"] if asked.title else [])
    return f"ROW({', '.join(names)})::text"


def _digest(asked: Asked) -> str:
    return f"encode(sha256(convert_to({_whole(asked)}, 'UTF8')), 'hex')"


def _mark_of(asked: Asked) -> str:
    return f"coalesce(modified::text, {_digest(asked)})" if asked.modified else _digest(asked)


def _when(asked: Asked) -> str:
    kind = asked.shape.types.get(asked.modified, "")
    if kind == "timestamptz":
        return """to_char(modified AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"""
    return "NULL"


def _chosen(asked: Asked) -> tuple[list[str], list[object]]:
    terms = [f"k{at} IS NOT NULL" for at in range(len(asked.key))]
    terms += [f"o{at}::text = %s" for at in range(len(asked.only))]
    return terms, list(asked.only.values())


def _behind(asked: Asked, after: Key | None) -> tuple[str, list[object]]:
    terms, said = _chosen(asked)
    if after is not None:
        numbers = ", ".join(f"k{at}" for at in range(len(asked.key)))
        terms.append(f"({numbers}) > ({', '.join(['%s'] * len(after))})")
        said += [str(one) for one in after]
    return " AND ".join(terms), said


def _equal(asked: Asked, keys: Sequence[Key]) -> tuple[str, list[object]]:
    terms, said = _chosen(asked)
    numbers = ", ".join(f"k{at}" for at in range(len(asked.key)))
    arrays = ", ".join(f"%s::{_ARRAYS[kind]}[]" for kind in asked.shape.key_kinds)
    terms.append(f"({numbers}) IN (SELECT * FROM unnest({arrays}))")
    said += [[str(key[at]) for key in keys] for at in range(len(asked.key))]
    return " AND ".join(terms), said


def _key(asked: Asked, said: Sequence[str]) -> Key:
    kinds = asked.shape.key_kinds
    return tuple(int(one) if kind == "number" else one for one, kind in zip(said, kinds, strict=True))
