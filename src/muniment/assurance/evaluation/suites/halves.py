"""The halves of a suite as suites of their own, which remember where each case was."""

from __future__ import annotations

from collections.abc import Mapping

from muniment.assurance.evaluation.suite_file import as_line, cases_of, read_suite
from muniment.assurance.evaluation.suites.case_file import change, put, read_text
from muniment.assurance.evaluation.suites.new import about, new_suite
from muniment.assurance.evaluation.suites.places import Place, Places
from muniment.assurance.evaluation.suites.split import Halves, Side, split
from muniment.foundation.errors import BadInput

SIDES: tuple[Side, ...] = ("tuning", "test")


def write_halves(
    place: Place, share: float, seed: int, again: bool, places: Places
) -> tuple[Halves, Mapping[Side, Place]]:
    """Part a suite and write both halves beside it, those of a shipped one into the home; return them.

    Cases stay on the side that an earlier half has them on, unless `again`. Raises BadInput for a share that leaves
    nothing on a side.
    """
    if not 0 < share < 1:
        raise BadInput(f"--test is {share:g}.", fix="Give a share between 0 and 1, such as .5.")
    suite = read_suite(place.path)
    where: dict[Side, Place] = {
        side: places.new(f"{place.name}-{side}") if place.kind == "shipped" else place.sibling(side)
        for side in SIDES
    }
    earlier: dict[str, Side] = {}
    for side in SIDES:
        file = where[side].cases
        earlier.update({} if again else {case.id: side for case in cases_of(read_text(file), str(file))})
    halves = split(suite.cases, share, seed, earlier)
    cases = {"tuning": halves.tuning, "test": halves.test}
    if not (halves.tuning and halves.test):
        raise BadInput(
            f"The cases of {suite.name} all belong together: each shares a document or a question with another.",
            fix="Add cases on other documents.",
        )
    for side in SIDES:
        described = about(
            where[side].path.name,
            description=f"The {side} half of {suite.name}. Change that one, and split it again.",
            reason=suite.reason,
            kind=suite.kind,
            version=suite.version,
            targets=suite.targets,
        )
        lines = [as_line(case) for case in cases[side]]
        if where[side].path.exists():
            put(where[side].about, described)
            change(where[side].cases, lambda _, lines=lines: "".join(f"{one}\n" for one in lines))
        else:
            new_suite(where[side], described, lines, explained=False)
    return halves, where
