"""What the half of a suite that was tuned on tells of the half that judges: the same questions, the same facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from muniment.assurance.evaluation.case import Case
from muniment.assurance.evaluation.suites.finding import Finding
from muniment.assurance.evaluation.suites.similar import asked, near_pairs


def leaks(cases: Mapping[int, Case], others: Sequence[Case], where: str) -> Iterator[Finding]:
    """Yield what cases, given by line, have in common with those of the other half, which is called `where`."""
    lines, own = list(cases), list(cases.values())
    texts = [asked(case) for case in (*own, *others)]
    facts = {key: case.id for case in others for key in _facts(case)}
    fix = "Make both halves again: muniment eval split."
    for first, second in near_pairs(texts):
        if first < len(own) <= second:
            other = others[second - len(own)]
            how = "the question" if texts[first] == texts[second] else "nearly the question"
            yield Finding(
                "error", f"It asks {how} of {other.id} in {where}.", fix, own[first].id, lines[first]
            )
    for line, case in cases.items():
        for key in _facts(case):
            if key in facts:
                what = f"It wants the fact of {facts[key]} in {where}, from {key[0]}."
                yield Finding("error", what, fix, case.id, line)


def _facts(case: Case) -> Iterator[tuple[str, str]]:
    for path in case.relevant:
        for fact in case.facts:
            yield from ((path, " ".join(spelling.casefold().split())) for spelling in fact)
