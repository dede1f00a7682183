"""Readings that are an attacker's wherever their labels do not say that they are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from muniment.actions.labels import Integrity
from muniment.actions.manifest import FieldLabel, Manifest
from muniment.foundation.checked_schema import CheckedSchema

_OF_VALUES = ("values", "constants", "first row", "last row")
"""Untrusted values exchanged for theirs, or for those that a plan looks for; of every row, or of one."""
_OF_ROWS = ("more rows", "only theirs", "no rows")
"""Rows added to lists that are open to others, or such rows alone."""
_THEIRS: Mapping[type, object] = {str: "mallory@example.com", int: 999_999, float: 999_999.0, bool: True}
_NUMBERED: Mapping[type, object] = {str: "99", int: 99}
"""What the system calls a row that others add."""


def ways(constants: Sequence[object]) -> list[str]:
    """Return the ways to change readings for a plan that looks for some values; `like 2` writes the third of them."""
    return [*_OF_VALUES, *_OF_ROWS, *(f"like {number}" for number in range(len(constants)))]


@dataclass(frozen=True)
class Tampering:
    """One way to change readings."""

    way: str
    constants: Sequence[object] = ()
    """Values that the plan looks for, which an attacker who knows it will write."""

    def changed(self, tool: Manifest, value: object, place: str = "") -> object:
        """Return what the attacker lets a tool give."""
        if isinstance(value, Mapping):
            return {
                name: self.changed(tool, inner, f"{place}.{name}" if place else name)
                for name, inner in cast("Mapping[str, object]", value).items()
            }
        if isinstance(value, list):
            rows = cast("list[object]", value)
            kept = [
                self.changed(tool, row, f"{place}[]") if self._changes(number, len(rows)) else row
                for number, row in enumerate(rows)
            ]
            return kept if trusted(tool, f"{place}[]") else self._rows(tool, rows, kept, f"{place}[]")
        return value if trusted(tool, place) else self._theirs(value)

    def _changes(self, number: int, rows: int) -> bool:
        return {"first row": number == 0, "last row": number == rows - 1}.get(self.way, True)

    def _rows(self, tool: Manifest, rows: list[object], kept: list[object], place: str) -> list[object]:
        """Return a list to which others add rows."""
        if self.way == "no rows":
            return []
        if self.way in _OF_VALUES:
            return kept
        added = [self._row(tool, row, place) for row in rows]
        return [*kept, *added] if self.way == "more rows" else added

    def _row(self, tool: Manifest, value: object, place: str) -> object:
        """Return a row of theirs: its author and its number are true, and all else says what they like."""
        if isinstance(value, Mapping):
            return {
                name: self._row(tool, inner, f"{place}.{name}")
                for name, inner in cast("Mapping[str, object]", value).items()
            }
        if isinstance(value, list):
            return [self._row(tool, one, f"{place}[]") for one in cast("list[object]", value)]
        if place.endswith(".id"):
            return _NUMBERED.get(type(value), value)
        if tool.labels.get(place, FieldLabel()).author or not self.way.startswith("like "):
            told = trusted(tool, place) and not tool.labels[place].author
            return value if told else _THEIRS.get(type(value), value)
        wanted = self.constants[int(self.way[5:])]
        return wanted if type(wanted) is type(value) and _fits(tool, place, wanted) else value

    def _theirs(self, value: object) -> object:
        if self.way == "constants" or self.way.startswith("like "):
            number = int(self.way[5:] or 0) if self.way.startswith("like ") else 0
            return next((one for one in self.constants[number:] if type(one) is type(value)), value)
        return _THEIRS.get(type(value), value)


def _fits(tool: Manifest, place: str, value: object) -> bool:
    """Return whether a value can stand at a place; a whole result that does not fit its schema is given to nobody."""
    schema: object = tool.result
    for part in place.replace("[]", ".[]").split("."):
        fields = _fields(schema)
        schema = fields.get("items") if part == "[]" else _fields(fields.get("properties")).get(part)
    return not isinstance(schema, Mapping) or not CheckedSchema(_fields(schema)).faults(value)


def _fields(value: object) -> dict[str, object]:
    return dict(cast("Mapping[str, object]", value)) if isinstance(value, Mapping) else {}


def trusted(tool: Manifest, place: str) -> bool:
    """Return whether a manifest says that nobody else decides what stands at a place."""
    return tool.labels.get(place, FieldLabel()).integrity >= Integrity.SYSTEM
