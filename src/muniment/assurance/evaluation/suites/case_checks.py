"""What a suite's own cases say against it, without a corpus: contradictions, doubles, what cannot be graded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import sqrt

import numpy as np

from muniment.assurance.evaluation.case import Case, Suite
from muniment.assurance.evaluation.graders.facts import share
from muniment.assurance.evaluation.statistics.detectable import detectable, in_words
from muniment.assurance.evaluation.suites.finding import Finding, Severity
from muniment.assurance.evaluation.suites.similar import asked, near_pairs
from muniment.foundation.checked_schema import CheckedSchema

SLICE = 5
"""A tag with fewer cases says nothing about its slice."""
FEW = 30
"""Fewer cases tell only very large effects."""


def case_findings(cases: Mapping[int, Case]) -> Iterator[Finding]:
    """Yield what is wrong with cases, given by line."""
    for line, case in cases.items():
        for severity, what, fix in _of_one(case):
            yield Finding(severity, what, fix, case.id, line)
    yield from _doubles(cases)


def suite_findings(suite: Suite) -> Iterator[Finding]:
    """Yield what is wrong with a suite as a whole."""
    cases = suite.cases
    counts = Counter(tag for case in cases for tag in set(case.tags))
    small = [f"{tag} {count}" for tag, count in sorted(counts.items()) if count < SLICE]
    if small:
        what = f"Tags with too few cases: {', '.join(small)}."
        yield Finding("warning", what, f"A slice needs {SLICE} to say anything.")
    yield from (
        Finding(
            "warning", f"targets.{metric} is never given: no case has {needed}.", "Add one, or take it out."
        )
        for metric, needed in _ungiven(cases)
        if metric in suite.targets
    )
    if not suite.reason:
        yield Finding("note", "The suite states no reason.", "Write `reason`, or give --reason at each run.")
    yield _size(cases)


Said = tuple[Severity, str, str]


def _of_one(case: Case) -> Iterator[Said]:
    if case.abstain:
        for key in ("relevant", "facts", "citations", "result", "tools"):
            if getattr(case, key) not in (None, ()):
                yield "error", f"It must abstain and has {key}.", "Leave one of them out."
    both = {
        "": {*case.gains, *case.citations}.intersection(case.forbidden),
        "The tool ": {call.tool for call in case.tools}.intersection(case.forbidden_tools),
        "The fact ": {repr(one[0]) for one in case.facts if one in case.forbidden_facts},
    }
    for kind, names in both.items():
        for name in sorted(names):
            yield "error", f"{kind}{name} is both wanted and forbidden.", "Leave one of them out."
    for path in case.citations if case.gains else ():
        if path not in case.relevant:
            yield "warning", f"{path} must be cited and is not relevant.", "Add it to relevant."
    yield from _facts(case)
    checked = None if case.schema is None else CheckedSchema(dict(case.schema))
    if checked is not None and case.result is not None and checked.faults(case.result):
        yield "error", "The result does not keep to the schema.", "Mend one of them."


def _facts(case: Case) -> Iterator[Said]:
    question = "\n".join([*case.earlier, case.question])
    for one in case.facts:
        if share([one], question) == 1.0:
            yield "error", f"The fact {one[0]!r} stands in the question itself.", "Ask without naming it."
        if max(len(spelling.strip()) for spelling in one) < 2:
            yield "warning", f"The fact {one[0]!r} is so short that it stands in anything.", "Give its unit."


def _doubles(cases: Mapping[int, Case]) -> Iterator[Finding]:
    lines, all_cases = list(cases), list(cases.values())
    texts = [asked(case) for case in all_cases]
    near: set[int] = set()
    for first, second in near_pairs(texts):
        one, other = all_cases[first], all_cases[second]
        same = texts[first] == texts[second]
        # Of many that are alike, one is enough to tell.
        if one.asker == other.asker and (same or second not in near):
            near.add(second)
            said = _double(one, other, same)
            yield Finding(*said, other.id, lines[second])


def _double(one: Case, other: Case, same: bool) -> Said:
    if not same:
        fix = "Nothing, if both are meant; a split keeps them on one side."
        return "note", f"It is nearly the question of {one.id}.", fix
    if _answer(one) != _answer(other):
        what = f"It asks what {one.id} asks, and wants another answer."
        return "error", what, "Make them agree, or leave one out."
    return "warning", f"It is the same case as {one.id}, and counts twice.", "Leave one out, or use weight."


def _answer(case: Case) -> object:
    return case.abstain, dict(case.gains), case.facts, case.result, case.tools


def _ungiven(cases: Sequence[Case]) -> Iterator[tuple[str, str]]:
    """Yield metrics that no case is given, with what a case would need."""
    needs = {
        "abstain": (any(case.abstain for case in cases), ("abstained",)),
        "facts": (any(case.facts for case in cases), ("facts", "all_facts", "completeness")),
        "forbidden_facts": (any(case.forbidden_facts for case in cases), ("no_forbidden_facts",)),
        "a schema": (any(case.schema is not None for case in cases), ("format",)),
        "a result": (any(case.result is not None for case in cases), ("result",)),
        "tools": (any(case.tools for case in cases), ("tool_calls",)),
        "forbidden_tools": (any(case.forbidden_tools for case in cases), ("no_forbidden_calls",)),
    }
    for needed, (there, metrics) in needs.items():
        if not there:
            yield from ((metric, needed) for metric in metrics)


def _size(cases: Sequence[Case]) -> Finding:
    """Say what so many cases can tell at all, where half of them pass: the worst case."""
    weights = np.array([case.weight for case in cases], np.float64)
    # Weights make a suite count as fewer cases than it has.
    counted = float(weights.sum() ** 2 / np.square(weights).sum())
    least = detectable(np.array([at % 2 for at in range(len(cases))], np.float64), weights)
    margin = min(100.0, 98 / sqrt(counted))
    says = (
        f"{len(cases)} cases: a share may be off by {margin:.0f} points either way (95 in 100), and "
        f"{in_words(least, len(cases))}, where half of them pass."
    )
    if counted < FEW:
        return Finding("warning", says, "Add cases before you decide by it.")
    return Finding("note", says)
