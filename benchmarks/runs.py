"""What the runner of suites adds to asking: 500 cases, a scripted reader, two at a time.

Asking alone is measured in the same process on the same questions: what is left is what running, grading and keeping
cost. Run by `muniment bench evaluation`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from benchmarks.bars import Bar, Progress, bar
from benchmarks.reader import Reader, reading
from benchmarks.seeded_home import READER, SOURCE, WHY
from muniment import app
from muniment.app.evaluating import runner, subject
from muniment.assurance.evaluation.case import Case, Suite
from muniment.assurance.evaluation.commission import Commission
from muniment.assurance.evaluation.suite_file import read_suite
from muniment.foundation.shipped import shipped
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
        settings = parse({"models": {READER: model}, "answers": {"model": READER}})
        workspace = app.create(root / "home", settings=settings)
        try:
            workspace.directory.import_file(shipped("examples/acme/directory.toml"), OPERATOR)
            workspace.ingest(shipped("examples/acme/documents"), SOURCE)
            subject(workspace, OPERATOR).observe(cases[0])
            alone, whole = [], []
            for turn in range(_TURNS):
                progress(f"turn {turn + 1} of {_TURNS}")
                alone.append(_alone(workspace, cases))
                whole.append(_run(workspace, cases, turn))
        finally:
            workspace.close()
    each, together = min(alone) / len(cases) * 1000, min(whole) / len(cases) * 1000
    return [
        bar(f"overhead of a run for each of {CASES} cases", OVERHEAD_MS, together - each, "ms"),
        bar("searching and asking alone, for each case", None, each, "ms"),
        bar("a case of a run, whole", None, together, "ms"),
    ]


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


def _alone(workspace: app.Workspace, cases: Sequence[Case]) -> float:
    what = subject(workspace, OPERATOR)
    began = time.perf_counter()
    with ThreadPoolExecutor(_WORKERS) as pool:
        list(pool.map(what.observe, cases))
    return time.perf_counter() - began


def _run(workspace: app.Workspace, cases: Sequence[Case], turn: int) -> float:
    suite = Suite(f"turn-{turn}", tuple(cases))
    began = time.perf_counter()
    run = runner(workspace).run(
        suite, subject(workspace, OPERATOR), Commission(WHY, OPERATOR), workers=_WORKERS, fresh=True
    )
    assert run.complete
    return time.perf_counter() - began
