"""How far a value can be trusted, and who may know it: kept beside values by the runtime, never in text of a model.

Invariants:
- what is combined is trusted no more than the least of its parts, and known to nobody whom one of them is kept from;
- nothing raises the trust of a value, and nothing but a pinned or an approved call lets more people know it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum


class Integrity(IntEnum):
    """Whose word a value is, from the least to the most trusted."""

    UNTRUSTED = 0
    """Anybody's: text of documents, mails and pages, and every word of a model that has read such text."""
    SYSTEM = 1
    """A system of record's own, such as an identifier that it gave or an amount that it booked."""
    USER = 2
    """The caller's own."""

    @property
    def spelled(self) -> str:
        """Return the name that manifests and the log use."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Audience:
    """Who may know a value: whoever holds an entry of `allow` and none of `deny`."""

    allow: frozenset[str]
    """`user:NAME`, `service:NAME`, `group:NAME`."""
    deny: frozenset[str] = frozenset()
    owner: str = ""
    """Whose own it is, who may let others know it by a call that is pinned or approved; empty: nobody may."""

    def admits(self, grants: frozenset[str]) -> bool:
        """Return whether somebody who holds these grants may know it."""
        return not self.allow.isdisjoint(grants) and self.deny.isdisjoint(grants)


def own(principal: str) -> Audience:
    """Return the audience of what is a person's own, such as their mailbox."""
    return Audience(frozenset({principal}), owner=principal)


@dataclass(frozen=True, slots=True)
class Label:
    """Both together. Each audience has to admit whoever is told; without one, anybody may know."""

    integrity: Integrity = Integrity.USER
    audiences: frozenset[Audience] = field(default_factory=frozenset[Audience])

    @property
    def trusted(self) -> bool:
        """Return whether no word of it is anybody's."""
        return self.integrity >= Integrity.SYSTEM

    def admits(self, grants: frozenset[str]) -> bool:
        """Return whether somebody who holds these grants may know all of it."""
        return all(audience.admits(grants) for audience in self.audiences)

    def keeps(self, grants: frozenset[str], released_by: str = "") -> bool:
        """Return whether it must be kept from somebody, though `released_by` lets others know what is their own."""
        return any(
            not audience.admits(grants) and (not audience.owner or audience.owner != released_by)
            for audience in self.audiences
        )


USERS = Label()
"""The caller's own words."""
NOBODYS = Label(Integrity.UNTRUSTED, frozenset({Audience(frozenset())}))
"""Of what nothing is known: trusted by nobody, told to nobody."""


def join(labels: Iterable[Label]) -> Label:
    """Return the label of what is made of parts with these labels; of nothing, that of a constant."""
    integrity, audiences = Integrity.USER, frozenset[Audience]()
    for label in labels:
        integrity = min(integrity, label.integrity)
        audiences |= label.audiences
    return Label(integrity, audiences)
