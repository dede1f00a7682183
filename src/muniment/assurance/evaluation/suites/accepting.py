"""Drafts that a person takes over into the suite, or throws away."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from muniment.assurance.evaluation.case import Case
from muniment.assurance.evaluation.suite_file import as_line, cases_of, numbered, read_case
from muniment.assurance.evaluation.suites.case_file import append, read_text, remove
from muniment.assurance.evaluation.suites.places import Place
from muniment.foundation.errors import BadInput

_SOURCE = "draft"


@dataclass(frozen=True, slots=True)
class Draft:
    """A case that waits."""

    case: Case
    note: str
    """The words that it was drafted from."""
    line: str


def waiting(place: Place) -> list[Draft]:
    """Return the drafts, in order; raises BadInput naming the line that cannot be read."""
    text, where = read_text(place.drafts), str(place.drafts)
    cases = cases_of(text, where)
    lines = [line for _, line in numbered(text)]
    return [
        Draft(case, str(json.loads(line).get("note", "")), line)
        for case, line in zip(cases, lines, strict=True)
    ]


def chosen(place: Place, ids: Collection[str]) -> list[Draft]:
    """Return the drafts of these ids; raises BadInput for one that does not wait."""
    found = {draft.case.id: draft for draft in waiting(place)}
    unknown = next((name for name in ids if name not in found), None)
    if unknown is not None:
        raise BadInput(f"There is no draft {unknown}.", fix=f"Waiting: {', '.join(found) or 'none'}.")
    return [found[name] for name in dict.fromkeys(ids)]


def accept(
    place: Place, drafts: Sequence[Draft], edited: Callable[[str], str] = lambda text: text
) -> tuple[Case, ...]:
    """Move drafts to the cases and return them, as `edited` leaves their lines; one whose line is gone still waits.

    Raises BadInput for a line that is no case, or an id that the suite has; nothing is moved then.
    """
    text = edited("".join(f"{draft.line}\n" for draft in drafts))
    read = [read_case(line, f"line {at} of what you edited") for at, line in numbered(text)]
    cases = tuple(replace(case, source=_SOURCE) for case in read)
    strange = {case.id for case in cases} - {draft.case.id for draft in drafts}
    if strange:
        raise BadInput(f"{min(strange)} is the id of no draft.", fix="Leave the ids as they are.")
    there = {case.id: case for case in cases_of(read_text(place.cases), str(place.cases))}
    # Cut short between the two files, it is in both: then it only waits no more.
    new = [case for case in cases if there.get(case.id) != case]
    append(place.writable().cases, [as_line(case) for case in new])
    remove(place.drafts, {case.id for case in cases})
    return cases


def reject(place: Place, drafts: Sequence[Draft]) -> None:
    """Throw drafts away."""
    remove(place.writable().drafts, {draft.case.id for draft in drafts})
