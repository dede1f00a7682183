"""What filters ask of documents, kept beside the index so that a filter costs no query.

Invariant: what a filter costs does not depend on which documents it admits: every value is judged, then every
document looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from muniment.knowledge.library import Change
from muniment.knowledge.retrieval.filters import Filters

Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int32]
Times = npt.NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class Columns:
    """The attributes of some documents, side by side; the codes are those of one `Attributes`."""

    places: Codes
    types: Codes
    authors: Codes
    times: Times
    """When last changed, UTC; NaT where unknown."""

    def replaced(self, at: Sequence[int], others: Columns) -> Columns:
        """Return the columns with those of `others` at the positions `at`."""
        found = Columns(self.places.copy(), self.types.copy(), self.authors.copy(), self.times.copy())
        found.places[at], found.types[at] = others.places, others.types
        found.authors[at], found.times[at] = others.authors, others.times
        return found


class Attributes:
    """The values that documents have, each under a code; it only grows, by one thread at a time."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, str], int] = {}
        self._types: dict[str, int] = {}
        self._authors: dict[str, int] = {}

    def columns(self, documents: Sequence[Change | None]) -> Columns:
        """Return the columns of these documents; one that is not known has values of its own that stay empty."""
        places, types, authors = self._places, self._types, self._authors
        known = [document or _UNKNOWN for document in documents]
        return Columns(
            np.array([places.setdefault((one.source, one.path), len(places)) for one in known], np.int32),
            np.array([types.setdefault(one.media_type, len(types)) for one in known], np.int32),
            np.array([authors.setdefault(one.author, len(authors)) for one in known], np.int32),
            np.array([_time(one.modified_at) for one in known], "datetime64[ms]"),
        )

    def admitting(self, filters: Filters) -> Callable[[Columns], Mask]:
        """Return what says which documents the filters admit; sensitivity belongs to access classes."""
        places = np.array([filters.admits_place(*one) for one in tuple(self._places)], np.bool_)
        types = np.array([filters.admits_type(one) for one in tuple(self._types)], np.bool_)
        authors = np.array([filters.admits_author(one) for one in tuple(self._authors)], np.bool_)

        def admitted(columns: Columns) -> Mask:
            found = places[columns.places] & types[columns.types] & authors[columns.authors]
            # A comparison with an unknown time is false.
            if filters.after:
                found &= columns.times >= _time(filters.after)
            if filters.before:
                found &= columns.times < _time(filters.before)
            return found

        return admitted


_UNKNOWN = Change(0, 0, "", "", "", "", "")


def _time(stated: str) -> np.datetime64:
    return np.datetime64(stated.removesuffix("Z") or "NaT", "ms")
