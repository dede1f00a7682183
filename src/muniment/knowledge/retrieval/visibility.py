"""Which documents a principal may read, decided from one snapshot and never remembered.

Invariants:
- a class is visible when some allow entry is held, no deny entry is, and its label lies within the clearance;
  everything else is invisible;
- entries and grants compare byte for byte, so an unknown spelling matches nobody;
- whatever cannot be worked out is not visible, or raises Denied: nothing is visible then.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from muniment.foundation.database import confine
from muniment.foundation.errors import Denied
from muniment.foundation.revisions import Revisions, current
from muniment.governance.identity.clearance import clears, labels_within
from muniment.governance.identity.directory import clearance, grants
from muniment.governance.identity.principal import Principal
from muniment.knowledge.access import AccessList
from muniment.knowledge.library import DocumentRow, access_classes, access_lists

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]
_Key = TypeVar("_Key")
_REMEMBERED = 4096


class AccessLists:
    """What lists say, so that one is read and parsed once and judged anew each time; safe to share between threads.

    A class never changes and its number is never given twice, so what was read in any snapshot stays true. What is
    not there, or cannot be read, is not remembered.
    """

    def __init__(self) -> None:
        self._known: dict[int, AccessList] = {}

    def of(self, connection: sa.Connection, numbers: Sequence[int]) -> Mapping[int, AccessList]:
        """Return up to 500 lists by number; one that is not there or cannot be read is left out."""
        known = self._known
        found = {number: access for number in numbers if (access := known.get(number)) is not None}
        missing = [number for number in numbers if number not in found]
        if missing:
            read = access_lists(connection, missing)
            found |= read
            # Made anew and not changed, since others are reading it.
            self._known = {**known, **read} if len(known) + len(read) <= _REMEMBERED else read
        return found


@dataclass(frozen=True, slots=True)
class Visibility:
    """What one principal may read as of one snapshot; valid inside that transaction only."""

    principal: Principal
    revisions: Revisions
    grants: frozenset[str]
    clearance: str
    _connection: sa.Connection
    _lists: AccessLists = field(default_factory=AccessLists, repr=False)
    _judged: dict[int, bool] = field(default_factory=dict[int, bool], repr=False)

    def may_read(self, document: DocumentRow) -> bool:
        """Return whether this live document, read in the same transaction, may be read."""
        if document.access_class not in self._judged:
            self.judge([document])
        return self._judged[document.access_class]

    def judge(self, documents: Iterable[DocumentRow]) -> None:
        """Read what `may_read` asks of up to 500 documents at once."""
        wanted = sorted({one.access_class for one in documents} - self._judged.keys())
        found = self._lists.of(self._connection, wanted)
        for number in wanted:
            access = found.get(number)
            self._judged[number] = access is not None and self.admits(access)

    def sensitivity_of(self, document: DocumentRow) -> str | None:
        """Return the label of a document that was judged."""
        found = self._lists.of(self._connection, [document.access_class]).get(document.access_class)
        return None if found is None else found.sensitivity

    def admits(self, access: AccessList) -> bool:
        """Return whether this list, read in the same transaction, opens what it covers; a broken one does not."""
        try:
            return access.permits(self.grants) and clears(self.clearance, access.sensitivity)
        except (ValueError, TypeError):
            return False


def visible(connection: sa.Connection, principal: Principal, lists: AccessLists | None = None) -> Visibility:
    """Work out what a principal may read now; raises Denied when the principal cannot be judged.

    `lists` are those of this database that were read before. What a read transaction reads after this is confined to
    it, where the database can do that.
    """
    held = grants(connection, principal)
    cleared = clearance(connection, principal)
    found = Visibility(principal, current(connection), held, cleared, connection, lists or AccessLists())
    confine(connection, held, labels_within(cleared))
    return found


class AccessIndex:
    """Which access classes name whom, so that a search need not read every list; safe to share between threads.

    It remembers what lists say and nothing about principals. A class never changes and its number is never given
    twice, so what was read stays true. One that was dropped before it was read here is nobody's, for a reader whose
    older snapshot still holds it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0
        self._epoch = -1
        """Changes behind the state that was last read; a list comes into use with one."""
        self._allow: dict[str, Numbers] = {}
        self._deny: dict[str, Numbers] = {}
        self._labels: dict[str | None, Numbers] = {}

    def readable(
        self,
        connection: sa.Connection,
        visibility: Visibility,
        asked: Callable[[str | None], bool] = lambda _label: True,
    ) -> Mask:
        """Return, by number, which classes may be read and have a sensitivity that is asked for.

        Raises Denied when a list cannot be judged.
        """
        with self._lock:
            self._read_new(connection, visibility.revisions.content + visibility.revisions.access)
            mask = np.zeros(self._last + 1, np.bool_)
            for lists, value in ((self._allow, True), (self._deny, False)):
                held = [lists[entry] for entry in visibility.grants & lists.keys()]
                if held:
                    mask[np.concatenate(held)] = value
            for label, numbers in self._labels.items():
                if not (asked(label) and clears(visibility.clearance, label)):
                    mask[numbers] = False
        return mask

    def _read_new(self, connection: sa.Connection, epoch: int) -> None:
        if epoch <= self._epoch:
            return
        try:
            found = access_classes(connection, self._last)
        except (ValueError, TypeError) as error:
            raise Denied(
                "The access lists cannot be read.",
                fix="Ask whoever runs this workspace to ingest the sources again.",
                detail=f"{type(error).__name__}: {error}",
            ) from error
        _enter(self._labels, ((access.sensitivity, number) for number, access in found.items()))
        _enter(self._allow, ((one, number) for number, access in found.items() for one in access.allow))
        _enter(self._deny, ((one, number) for number, access in found.items() for one in access.deny))
        self._last = max(found, default=self._last)
        self._epoch = epoch


def _enter(known: dict[_Key, Numbers], more: Iterable[tuple[_Key, int]]) -> None:
    found: defaultdict[_Key, list[int]] = defaultdict(list)
    for key, number in more:
        found[key].append(number)
    for key, numbers in found.items():
        new = np.array(numbers, np.int64)
        known[key] = np.concatenate([known[key], new]) if key in known else new
