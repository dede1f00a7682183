"""What was read from elsewhere: the cases that can be taken, and what cannot, each with its place and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from muniment.assurance.evaluation.case import Case

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Refused:
    """Something that cannot be taken."""

    where: str
    """Such as `questions.csv:4, column facts`."""
    why: str

    def as_json(self) -> dict[str, str]:
        """Return it as JSON values."""
        return {"where": self.where, "why": self.why}


@dataclass(frozen=True, slots=True)
class Imported:
    """A file or folder that was read."""

    cases: tuple[Case, ...]
    refused: tuple[Refused, ...] = ()
    unused: tuple[str, ...] = field(default_factory=tuple)
    """Columns that no key of a case takes."""

    def beside(self, known: Iterable[str]) -> Imported:
        """Return it for a suite that has cases of these ids already: theirs are refused."""
        taken = frozenset(known)
        again = [one for one in self.cases if one.id in taken]
        refused = (Refused(one.id, "The suite has a case of this id.") for one in again)
        kept = tuple(one for one in self.cases if one.id not in taken)
        return Imported(kept, (*self.refused, *refused), self.unused)
