"""What a rule is, and the span of time that most of them look at."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from muniment.governance.audit.entry import StoredEntry
from muniment.governance.incidents.incident import Finding

MOST_SUBJECTS = 10_000
"""That one rule keeps in mind; whoever did nothing for longest is forgotten first."""
T = TypeVar("T")


class Rule(Protocol):
    """Reads the log entry by entry, in order."""

    @property
    def name(self) -> str:
        """What incidents are named after it."""
        ...

    @property
    def minutes(self) -> float:
        """How far back it has to have read before it can judge."""
        ...

    def look(self, entry: StoredEntry) -> Iterator[Finding]:
        """Take an entry in, and yield what is found with it."""
        ...


class Recent(Generic[T]):
    """What each subject did in the last minutes, by the times of the log."""

    def __init__(self, minutes: float, most: int = 10_000) -> None:
        self._seconds = minutes * 60
        self._most = most
        self._by_subject: OrderedDict[str, deque[tuple[float, int, T]]] = OrderedDict()
        self._raised: OrderedDict[str, float] = OrderedDict()

    def add(self, subject: str, entry: StoredEntry, value: T) -> int:
        """Take one more in; return how many that are in the last minutes."""
        at = seconds(entry.at)
        held = self._by_subject.setdefault(subject, deque(maxlen=self._most))
        self._by_subject.move_to_end(subject)
        held.append((at, entry.seq, value))
        while held[0][0] <= at - self._seconds:
            held.popleft()
        while len(self._by_subject) > MOST_SUBJECTS:
            self._by_subject.popitem(last=False)
        return len(held)

    def held(self, subject: str) -> list[tuple[int, T]]:
        """Return the places and values of the last minutes, oldest first."""
        return [(seq, one) for _, seq, one in self._by_subject.get(subject, ())]

    def due(self, subject: str, entry: StoredEntry) -> bool:
        """Return whether a subject may be reported now: once in the minutes, however much it does."""
        at = seconds(entry.at)
        last = self._raised.get(subject)
        if last is not None and 0 <= at - last < self._seconds:
            return False
        self._raised[subject] = at
        self._raised.move_to_end(subject)
        while len(self._raised) > MOST_SUBJECTS:
            self._raised.popitem(last=False)
        return True


class Distinct:
    """Which different things each subject touched in the last minutes; a touch again costs no more than the first."""

    def __init__(self, minutes: float, most: int = 10_000) -> None:
        self._seconds = minutes * 60
        self._most = most
        self._by_subject: OrderedDict[str, OrderedDict[str, tuple[float, int]]] = OrderedDict()

    def add(self, subject: str, entry: StoredEntry, thing: str) -> int:
        """Take one more in; return how many different ones there are."""
        at = seconds(entry.at)
        held = self._by_subject.setdefault(subject, OrderedDict())
        self._by_subject.move_to_end(subject)
        held[thing] = (at, entry.seq)
        held.move_to_end(thing)
        while len(held) > self._most or next(iter(held.values()))[0] <= at - self._seconds:
            held.popitem(last=False)
        while len(self._by_subject) > MOST_SUBJECTS:
            self._by_subject.popitem(last=False)
        return len(held)

    def places(self, subject: str) -> list[int]:
        """Return where each was last touched."""
        return [seq for _, seq in self._by_subject.get(subject, {}).values()]


def seconds(at: str) -> float:
    """Return the time of an entry as seconds since 1970."""
    return datetime.fromisoformat(at).timestamp()


def person(entry: StoredEntry) -> str:
    """Return whose request it was: the principal where the entry names one, else whoever caused it."""
    named = entry.about.get("principal")
    return named if isinstance(named, str) else entry.actor


def account(subject: str) -> tuple[str, str] | None:
    """Return kind and name of a user or service, None for anybody else."""
    kind, _, name = subject.partition(":")
    return (kind, name) if kind in ("user", "service") and name else None
