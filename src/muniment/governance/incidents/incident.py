"""What an incident is. Types only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from muniment.governance.frozen import Frozen

Severity = Literal["low", "medium", "high", "critical"]
State = Literal["open", "closed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule of detection found."""

    rule: str
    subject: str
    """What it is about, such as `user:alice`, `source:hr`, `tool:pay`, `endpoint:gpt`, `document:doc_…`."""
    severity: Severity
    says: str
    """In our own words: counts, names and times, and nothing that anybody wrote."""
    entries: tuple[int, ...]
    """Places in the log that it rests on."""
    touches: tuple[tuple[str, str], ...] = ()
    """Kind and name of what it touches and could be frozen."""


@dataclass(frozen=True, slots=True)
class Freeze:
    """Something that nobody may use, or who may do nothing, until that is ended."""

    kind: Frozen
    name: str
    incident: str
    at: str
    by: str

    def as_json(self) -> dict[str, str]:
        """Return it as the interfaces show it."""
        return {"kind": self.kind, "name": self.name, "incident": self.incident, "at": self.at, "by": self.by}


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that has to be looked into."""

    id: str
    state: State
    rule: str
    """Of detection; empty where a person opened it."""
    subject: str
    severity: Severity
    says: str
    opened_at: str
    opened_by: str
    last_at: str
    """When it was last found again."""
    count: int
    """How often it was found."""
    entries: tuple[int, ...]
    """Places in the log that it rests on, at most `MOST_ENTRIES`."""
    closed_at: str
    closed_by: str
    outcome: str
    frozen: tuple[Freeze, ...]
    """What is frozen for it now."""

    def as_json(self) -> dict[str, object]:
        """Return it as the interfaces show it."""
        plain: dict[str, object] = {name: getattr(self, name) for name in self.__slots__}
        return {**plain, "entries": list(self.entries), "frozen": [one.as_json() for one in self.frozen]}
