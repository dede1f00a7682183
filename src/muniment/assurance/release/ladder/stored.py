"""A ladder put together again from the runs of its rungs, as they are stored; no I/O.

Only runs of the same cases over the same documents stand beside each other: those of the rung that was asked last,
and of the others what is like it.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import cast

from muniment.assurance.evaluation.remembered import content
from muniment.assurance.evaluation.results import Run
from muniment.assurance.release.ladder.apart import apart
from muniment.assurance.release.ladder.figures import figures_of
from muniment.assurance.release.ladder.ladder import Climbed, Ladder
from muniment.assurance.release.ladder.recommend import recommend
from muniment.assurance.release.ladder.rung import NAMES, Name, Rung

NOT_ASKED = "no run of it is kept that these could be compared with"


@dataclass(frozen=True, slots=True)
class _Held:
    content: Hashable
    runs: Mapping[str, Run] = field(compare=False)


def stored_ladder(runs: Mapping[str, Run]) -> Ladder | None:
    """Return the ladder of one suite from its runs by rung; None where there is none, or where no target was set."""
    held = tuple(
        (name, run.id, run.started, run.suite_digest, run.corpus, content(run)) for name, run in runs.items()
    )
    return _ladder(_Held(held, runs))


@lru_cache(16)
def _ladder(held: _Held) -> Ladder | None:
    runs = held.runs
    newest = max(
        (run for name, run in runs.items() if name in NAMES), key=lambda run: run.started, default=None
    )
    if newest is None or not newest.targets:
        return None
    alike = {
        name: run
        for name, run in runs.items()
        if (run.suite_digest, run.corpus) == (newest.suite_digest, newest.corpus)
    }
    climbed = tuple(_climbed(name, alike.get(name), newest.targets) for name in NAMES)
    measured = [(one.rung.name, one.figures.metrics) for one in climbed if one.figures is not None]
    return Ladder(
        suite=newest.suite,
        cases=newest.cases,
        of=newest.cases,
        targets=newest.targets,
        rungs=climbed,
        recommendation=recommend(
            measured, newest.targets, lambda one, other: apart(alike[one], alike[other], newest.targets)
        ),
        asked=tuple(one.rung.name for one in climbed if one.run is not None),
    )


def _climbed(name: str, run: Run | None, targets: Mapping[str, float]) -> Climbed:
    rung = Rung(cast("Name", name), (), missing="" if run else NOT_ASKED)
    return Climbed(rung, run, None if run is None else figures_of(run, targets))
