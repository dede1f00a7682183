"""A suite put to every rung of a ladder, and which rung is enough.

The ladder has no rights of its own: each rung is a run of its own, stored as any other, which asks as each case's
asker; the log says by whose leave and why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from muniment.assurance.evaluation.case import Suite
from muniment.assurance.evaluation.observation import Subject
from muniment.assurance.evaluation.results import Run
from muniment.assurance.evaluation.run import OnProgress, Progress
from muniment.assurance.release.ladder.apart import apart
from muniment.assurance.release.ladder.figures import Figures, figures_of
from muniment.assurance.release.ladder.recommend import Recommendation, recommend
from muniment.assurance.release.ladder.rung import NAMES, Rung
from muniment.foundation.errors import BadInput

Put = Callable[[Suite, Subject, OnProgress], Run]
"""Puts a suite to a subject and keeps the run."""
OnRung = Callable[[str, Progress], None]
"""Takes a rung's title and how far its run is."""


@dataclass(frozen=True, slots=True)
class Climbed:
    """One rung, and what it came to."""

    rung: Rung
    run: Run | None
    """None where it was not available."""
    figures: Figures | None


@dataclass(frozen=True, slots=True)
class Ladder:
    """A suite on its rungs."""

    suite: str
    cases: int
    of: int
    """Cases of the whole suite."""
    targets: Mapping[str, float]
    rungs: tuple[Climbed, ...]
    recommendation: Recommendation
    asked: tuple[str, ...]
    """Names of the rungs that were to be tried."""

    @property
    def untried(self) -> tuple[str, ...]:
        """Return the rungs below what is recommended, or all where nothing is, that were not measured."""
        name = self.recommendation.name
        until = NAMES.index(name) if name in NAMES else len(NAMES)
        measured = {one.rung.name for one in self.rungs if one.run is not None}
        return tuple(one for one in NAMES[:until] if one not in measured)


def climb(
    suite: Suite,
    rungs: Sequence[Rung],
    put: Put,
    limit: int | None = None,
    on_progress: OnRung = lambda title, progress: None,
) -> Ladder:
    """Put a suite, or `limit` of its cases, to each rung; raises BadInput without targets."""
    if not suite.targets:
        raise BadInput(
            f"The suite {suite.name} names no targets.", fix="Write [targets] in suite.toml: what is enough?"
        )
    part = limited(suite, limit)
    climbed: list[Climbed] = []
    for rung in rungs:
        if rung.subject is None:
            climbed.append(Climbed(rung, None, None))
            continue
        run = put(part, rung.subject, partial(on_progress, rung.title))
        climbed.append(Climbed(rung, run, figures_of(run, suite.targets)))
    runs: dict[str, Run] = {one.rung.name: one.run for one in climbed if one.run is not None}
    measured = [(one.rung.name, one.figures.metrics) for one in climbed if one.figures is not None]
    return Ladder(
        suite=suite.name,
        cases=len(part.cases),
        of=len(suite.cases),
        targets=suite.targets,
        rungs=tuple(climbed),
        recommendation=recommend(
            measured,
            suite.targets,
            lambda one, other: apart(runs[one], runs[other], suite.targets),
        ),
        asked=tuple(rung.name for rung in rungs),
    )


def limited(suite: Suite, limit: int | None) -> Suite:
    """Return the suite with so many of its cases, spread over it."""
    count = len(suite.cases)
    if limit is None or limit >= count:
        return suite
    return replace(suite, cases=tuple(suite.cases[at * count // limit] for at in range(limit)))
