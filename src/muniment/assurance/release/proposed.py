"""A change that is proposed, judged before it is merged: what answers with it against what answers without it.

Invariants:
- both sides are asked the proposal's cases about the same documents; the baseline those that it has too;
- a suite that is new, or was unreadable before, is judged without a baseline, and that is said;
- a case that failed on either side blocks: nothing is known of it;
- a time that was measured in an earlier run is compared with none: another machine may have measured it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from muniment.assurance.evaluation.case import Suite
from muniment.assurance.evaluation.finding import counted, figure, listed
from muniment.assurance.evaluation.metric import METRICS
from muniment.assurance.evaluation.results import CaseResult, Run
from muniment.assurance.evaluation.summary import meets
from muniment.assurance.evaluation.verdict import Block, Verdict, judged
from muniment.assurance.release.manifest import Manifest, changed


@dataclass(frozen=True, slots=True)
class Put:
    """A suite that judges the proposal."""

    place: Path
    suite: Suite
    before: Suite | None = None
    """As it is without the proposal; None where it is not there, or is not to be asked."""

    @property
    def name(self) -> str:
        """Return what the folder or file is called that it lies in."""
        return self.place.stem if self.place.is_file() else self.place.resolve().name

    @property
    def common(self) -> Suite | None:
        """Return what both sides are asked; None where that is nothing."""
        known = {case.digest for case in self.before.cases} if self.before else set[str]()
        cases = tuple(case for case in self.suite.cases if case.digest in known)
        return replace(self.suite, cases=cases) if cases else None


class Side(Protocol):
    """What answers with the proposal, or without it."""

    @property
    def manifest(self) -> Manifest:
        """Return the versions of all that answers come from."""
        ...

    def check(self, put: Put) -> None:
        """Raise BadInput where the figures of a suite would be wrong."""
        ...

    def run(self, put: Put, suite: Suite) -> Run:
        """Ask the cases of a suite."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one suite comes to."""

    name: str
    """Of the folder or file that the suite lies in."""
    run: Run
    baseline: Run | None
    """Without times that are not to be compared."""
    verdict: Verdict
    notes: tuple[str, ...]
    """What the proposal does to the suite itself, then what the verdict notes."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """What a proposal comes to."""

    changed: tuple[str, ...]
    """Components that differ."""
    outcomes: tuple[Outcome, ...]

    @property
    def ok(self) -> bool:
        """Return whether nothing stands against it."""
        return all(one.verdict.ok for one in self.outcomes)


Opens = Callable[[], AbstractContextManager[Side]]


def judge_proposal(suites: Sequence[Put], before: Opens, after: Opens) -> Proposed:
    """Run every suite on both sides, one side after the other, and return what the proposal comes to."""
    with before() as side:
        was = side.manifest
        baselines = [None if put.common is None else side.run(put, put.common) for put in suites]
    with after() as side:
        differing = tuple(sorted(changed(was, side.manifest)))
        for put in suites:
            side.check(put)
        runs = [side.run(put, put.suite) for put in suites]
    outcomes: list[Outcome] = []
    for put, run, found in zip(suites, runs, baselines, strict=True):
        baseline = found and comparable(found, run)
        verdict = judged(run, baseline, {}, differing)
        blocks = (*verdict.blocks, *_unknown(run, baseline, verdict.blocks))
        verdict = replace(verdict, ok=not blocks, blocks=blocks)
        outcomes.append(Outcome(put.name, run, baseline, verdict, (*_about(put), *verdict.notes)))
    return Proposed(differing, tuple(outcomes))


def comparable(baseline: Run, run: Run) -> Run:
    """Return the baseline without the times of cases that either run took over from an earlier one."""
    over = {one.digest for one in (*baseline.results, *run.results) if one.cached}
    return replace(
        baseline,
        results=tuple(_timeless(one) if one.digest in over else one for one in baseline.results),
    )


def _unknown(run: Run, baseline: Run | None, blocks: Sequence[Block]) -> Iterator[Block]:
    if any(one.why == "failures" for one in blocks):
        return
    for words, side in (("", run), (" in the baseline", baseline)):
        failed = [one for one in (side.results if side else ()) if one.status == "failed"]
        if failed:
            names = tuple(one.case for one in failed)
            what = (
                f"{counted(len(failed), 'case')} failed{words}: {listed(names)}. The first: {failed[0].error}"
            )
            yield Block("failures", "", "", "", what, {"failed": len(failed)}, names)


def _timeless(result: CaseResult) -> CaseResult:
    return replace(
        result, scores={name: score for name, score in result.scores.items() if METRICS[name].unit != "ms"}
    )


def _about(put: Put) -> Iterator[str]:
    """Yield how the proposal makes it easier to pass."""
    if put.before is None:
        return
    kept = {case.digest for case in put.suite.cases}
    gone = [case.id for case in put.before.cases if case.digest not in kept]
    if gone:
        are = "is" if len(gone) == 1 else "are"
        yield f"{counted(len(gone), 'case')} of the suite {are} taken out or changed: {listed(gone)}."
    for name, target in put.before.targets.items():
        now, metric = put.suite.targets.get(name), METRICS[name]
        if now is None or not meets(metric, now, target):
            words = "no longer asked for" if now is None else f"now {figure(now, metric.unit)}"
            yield f"The target of {name} was {figure(target, metric.unit)} and is {words}."
