"""What the runner of suites adds to asking: 500 cases, a scripted reader, two at a time.

What was seen when each case was asked is put through the runner again, by a subject that asks nothing: what is left
is running, grading and keeping. Run by `muniment bench evaluation`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.bars import Bar, Progress, bar
from benchmarks.past_the_door import QUALITY
from benchmarks.reader import Reader, reading
from benchmarks.seeded_home import READER, SOURCE, WHY
from muniment import app
from muniment.app.evaluating import runner, subject
from muniment.assurance.evaluation.case import Case, Suite
from muniment.assurance.evaluation.commission import Commission
from muniment.assurance.evaluation.observation import Observation, Subject
from muniment.assurance.evaluation.suite_file import read_suite
from muniment.foundation.shipped import shipped
from muniment.governance.audit.entry import Json
from muniment.governance.identity.principal import OPERATOR
from muniment.settings import parse

CASES = 500
_WORKERS = 2
_TURNS = 3
OVERHEAD_MS = 10.0


def bars(root: Path, progress: Progress) -> list[Bar]:
    """Return the bars."""
    cases = _cases()
    with reading(Reader()) as reader:
        model = {
            "model": "reader",
            "hosting": "self-managed",
            "max_sensitivity": "any",
            "base_url": reader.url,
        }
        settings = parse({**QUALITY, "models": {READER: model}, "answers": {"model": READER}})
        workspace = app.create(root / "home", settings=settings)
        try:
            workspace.directory.import_file(shipped("examples/acme/directory.toml"), OPERATOR)
            workspace.ingest(shipped("examples/acme/documents"), SOURCE)
            subject(workspace, OPERATOR).observe(cases[0])
            progress("asking alone")
            seen, alone = _alone(workspace, cases)
            progress("a whole run")
            whole = _run(workspace, subject(workspace, OPERATOR), cases, "whole")
            again = _Again({case.id: one for case, one in zip(cases, seen, strict=True)})
            turns = [_run(workspace, again, cases, f"again-{turn}") for turn in range(_TURNS)]
        finally:
            workspace.close()
    each = [1000 * seconds / len(cases) for seconds in (sorted(turns)[len(turns) // 2], alone, whole)]
    return [
        bar(f"overhead of a run for each of {CASES} cases, median of {_TURNS}", OVERHEAD_MS, each[0], "ms"),
        bar("searching and asking alone, for each case", None, each[1], "ms"),
        bar("a case of a run, whole", None, each[2], "ms"),
    ]


@dataclass(frozen=True)
class _Again:
    """A subject that says at once what was seen before."""

    seen: Mapping[str, Observation]
    name: str = "again"
    lineage: Mapping[str, Json] = field(default_factory=dict[str, Json])

    def observe(self, case: Case) -> Observation:
        """Return what was seen."""
        return self.seen[case.id]


def _cases() -> Sequence[Case]:
    sample = read_suite(shipped("evals/sample")).cases
    return [
        replace(
            sample[at % len(sample)],
            id=f"c{at:03}",
            source=f"{at}",
            question=f"{sample[at % len(sample)].question} ({at})",
        )
        for at in range(CASES)
    ]


def _alone(workspace: app.Workspace, cases: Sequence[Case]) -> tuple[list[Observation], float]:
    what = subject(workspace, OPERATOR)
    began = time.perf_counter()
    with ThreadPoolExecutor(_WORKERS) as pool:
        seen = list(pool.map(what.observe, cases))
    return seen, time.perf_counter() - began


def _run(workspace: app.Workspace, what: Subject, cases: Sequence[Case], name: str) -> float:
    began = time.perf_counter()
    run = runner(workspace).run(
        Suite(name, tuple(cases)), what, Commission(WHY, OPERATOR), workers=_WORKERS, fresh=True
    )
    assert run.complete
    return time.perf_counter() - began
