"""Puts a suite to a subject, several cases at a time, and keeps what came of each.

Invariants:
- nothing is put before the leave to do so is in the log (see `commission`);
- a case's result is durable before its worker takes the next one: a run that was cut short, even by a kill, goes on
  where it was;
- the runner has no rights: a subject puts each case with the rights of the case's asker.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from muniment.assurance.evaluation.case import Case, Suite
from muniment.assurance.evaluation.commission import Commission, admitted, entry
from muniment.assurance.evaluation.graders.grade import graded
from muniment.assurance.evaluation.observation import Observation, Subject
from muniment.assurance.evaluation.results import CaseResult, Run
from muniment.assurance.evaluation.run_store import Begun, RunStore
from muniment.foundation.database import Database
from muniment.governance.audit.entry import Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.policy.gate import Gate

WORKERS = 4
"""Cases at one time: most of the time of a case is spent waiting for a model."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is."""

    done: int
    total: int
    cached: int = 0
    """Of those done, results taken over from an earlier run."""
    cost: float = 0.0
    """Spent so far by this run."""
    seconds_left: float | None = None
    """None until a case has been put."""


OnProgress = Callable[[Progress], None]


class Runner:
    """Runs suites for one workspace."""

    def __init__(
        self, *, database: Database, audit: AuditLog, gate: Gate, store: RunStore, corpus: Callable[[], str]
    ) -> None:
        """`corpus` gives the digest of the documents and of who may read them."""
        self._database = database
        self._audit = audit
        self._gate = gate
        self._store = store
        self._corpus = corpus

    def run(
        self,
        suite: Suite,
        subject: Subject,
        commission: Commission,
        *,
        workers: int = WORKERS,
        fresh: bool = False,
        on_progress: OnProgress = lambda progress: None,
    ) -> Run:
        """Put every case, and return the run; goes on with one that was cut short.

        Results of the same cases, subject and corpus are taken over from earlier runs, unless `fresh`. Raises
        BadInput without a reason, NotPermitted where policy does not let the suite be run.
        """
        corpus = self._corpus()
        with self._gate.recorded(commission.by), self._database.write() as connection:
            decided = admitted(commission, suite, self._gate, connection)
            begun = self._store.begin(
                connection, suite, subject.name, subject.lineage, corpus, commission.by.ref, fresh
            )
            about: dict[str, Json] = {
                "run": begun.id,
                "subject": subject.name,
                "continued": begun.continued,
                "kept": len(begun.results),
            }
            self._audit.append(
                connection, [entry("evaluation", commission, suite, self._audit, {**decided, **about})]
            )
        for progress in self._put(suite, subject, begun, workers):
            on_progress(progress)
        run = self._store.find(begun.id)
        with self._database.write() as connection:
            self._store.end(connection, begun.id)
            self._audit.append(connection, [Entry("evaluation.finished", commission.by, _figures(run))])
        return self._store.find(begun.id)

    def _put(self, suite: Suite, subject: Subject, begun: Begun, workers: int) -> Iterator[Progress]:
        left = [(at, case) for at, case in enumerate(suite.cases) if case.id not in begun.results]
        kept, total = len(suite.cases) - len(left), len(suite.cases)
        yield Progress(kept, total, kept, 0.0, None)
        began, done, cost = time.monotonic(), 0, 0.0
        ahead = iter(left)
        with ThreadPoolExecutor(max(1, workers), "case") as pool:

            def put(at: int, case: Case) -> float:
                observed = _observed(subject, case)
                self._store.keep(begun, at, result_of(case, observed))
                return observed.cost

            waiting: set[Future[float]] = set()
            try:
                while True:
                    while len(waiting) < workers and (one := next(ahead, None)) is not None:
                        waiting.add(pool.submit(put, *one))
                    if not waiting:
                        return
                    ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    for future in ended:
                        cost += future.result()
                        done += 1
                    each = (time.monotonic() - began) / done
                    yield Progress(kept + done, total, kept, cost, each * (len(left) - done))
            finally:
                for future in waiting:
                    future.cancel()


def _observed(subject: Subject, case: Case) -> Observation:
    try:
        return subject.observe(case)
    except Exception as error:
        # One case that breaks the subject is a failure of that case: the others are still worth knowing.
        return Observation("failed", error=f"It failed inside muniment ({type(error).__name__}).")


def result_of(case: Case, observed: Observation) -> CaseResult:
    """Return the result of a case."""
    return CaseResult(
        case=case.id,
        digest=case.digest,
        asker=case.asker if ":" in case.asker else f"user:{case.asker}",
        question=case.question,
        tags=case.tags,
        weight=case.weight,
        status=observed.status,
        scores=graded(case, observed),
        answer_id=observed.answer_id,
        detail=_detail(case, observed),
        error=observed.error,
    )


def _detail(case: Case, observed: Observation) -> Mapping[str, Json]:
    shown = {*observed.ranked, *observed.cited, *observed.nearest}
    found: dict[str, Json] = {
        "ranked": list(observed.ranked[:10]),
        "cited": list(observed.cited),
        "forbidden": sorted(shown.intersection(case.forbidden)),
        "calls": [{"tool": one.tool, "outcome": one.outcome} for one in observed.calls],
        "dropped": dict(observed.dropped),
        "claims": len(observed.claims),
        "stages": {name: round(ms, 3) for name, ms in observed.stages.items()},
        "endpoint": observed.endpoint,
    }
    return {name: value for name, value in found.items() if value not in ([], {}, "")}


def _figures(run: Run) -> dict[str, Json]:
    statuses: Sequence[str] = [one.status for one in run.results]
    return {
        "run": run.id,
        "suite": run.suite,
        "cases": run.cases,
        "statuses": {status: statuses.count(status) for status in sorted(set(statuses))},
    }
