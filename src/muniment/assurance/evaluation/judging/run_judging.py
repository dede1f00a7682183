"""Having a run judged: by whom policy lets, for a reason, on record before an answer is read and after the verdicts.

Invariant: it has no rights of its own; answers are read and judged as the askers of their cases.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from muniment.assurance.evaluation.judging.judge import Judge
from muniment.assurance.evaluation.judging.judging import Docket, Judged, judged, pairs, statements
from muniment.assurance.evaluation.judging.stored_answers import StoredAnswers
from muniment.assurance.evaluation.results import Run
from muniment.assurance.evaluation.run_reading import ACTION, RunReading
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, MunimentError
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decision import Resource
from muniment.governance.policy.gate import Gate
from muniment.governance.policy.roles import checked_reason
from muniment.inference.catalog import QUOTES, Catalog, Endpoint
from muniment.inference.messages import Usage

OnUsage = Callable[[Usage], None]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be judged, by which model, and who wants it."""

    run: str
    model: str
    reason: str
    by: Actor
    who: Principal | None = None
    """Whom policy must allow `run_suite`; None is whoever can open the keys, as the log says."""
    pair: str = ""
    """A run to compare with, answer by answer; empty: the statements of one run are judged."""


class Spent:
    """What calls used so far; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.usage = Usage()

    def add(self, usage: Usage) -> None:
        """Count a call."""
        with self._lock:
            self.usage = self.usage.plus(usage)


@dataclass(frozen=True, slots=True)
class Hearing:
    """What is judged, read and ready."""

    order: Order
    run: Run
    endpoint: Endpoint
    docket: Docket
    spent: Spent = field(repr=False)

    @property
    def own(self) -> int:
        """Return how many of the cases the judge itself answered."""
        answered = {one.case.case: one.case.detail.get("endpoint") for one in self.docket.items}
        return sum(name == self.endpoint.name for name in answered.values())

    @property
    def calls(self) -> int:
        """Return how often the judge would be asked."""
        return sum(one.calls for one in self.docket.items)

    def planned(self) -> Usage:
        """Return about what it would use, guessed from the lengths of texts."""
        return self.docket.planned(self.endpoint)


class RunJudging:
    """The judges of one workspace's runs."""

    def __init__(
        self,
        *,
        database: Database,
        audit: AuditLog,
        gate: Gate,
        reading: RunReading,
        catalog: Catalog,
        answers: Callable[[Actor], StoredAnswers],
        judge: Callable[[str, OnUsage], Judge],
    ) -> None:
        """`answers` gives the stored answers to who reads them, `judge` an endpoint as judge."""
        self._database = database
        self._audit = audit
        self._gate = gate
        self._reading = reading
        self._catalog = catalog
        self._answers = answers
        self._judge = judge

    def hear(self, order: Order, plan: bool = False) -> Hearing:
        """Read what would be judged, as the askers; nothing is sent to a model.

        Raises BadInput without a reason or for a model that cannot judge, NotFound for a run that there is not for
        them, NotPermitted by policy.
        """
        why = checked_reason(order.reason)
        endpoint = self._catalog.get(order.model)
        if endpoint.kind == QUOTES:
            raise BadInput("The endpoint quotes judges nothing.", fix="Name a language model as judge.")
        run = self._reading.read(order.who, order.by, order.run).run
        other = self._reading.read(order.who, order.by, order.pair).run if order.pair else None
        with self._gate.recorded(order.by), self._database.write() as connection:
            decided: dict[str, Json] = {}
            for suite in sorted({one.suite for one in (run, other) if one is not None}):
                resource = Resource("Suite", suite)
                decided |= self._gate.check(connection, order.who, ACTION, resource)
            about: dict[str, Json] = {
                **decided,
                "run": run.id,
                "model": endpoint.name,
                "cases": len(run.results),
                "askers": len({one.asker for one in run.results}),
                "reason": self._audit.commitment(why),
                "plan": plan,
            }
            if other is not None:
                about["pair"] = other.id
            self._audit.append(connection, [Entry("judging.started", order.by, about)])
        spent = Spent()
        answers, judge = self._answers(order.by), self._judge(endpoint.name, spent.add)
        docket = pairs(run, other, answers, judge) if other else statements(run, answers, judge)
        return Hearing(order, run, endpoint, docket, spent)

    def judge(
        self,
        hearing: Hearing,
        labels: Mapping[str, str],
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Judged:
        """Have it judged; what came of it, or that it failed, is in the log. Raises as `judging.judged` does."""
        about: dict[str, Json] = {"run": hearing.run.id, "model": hearing.endpoint.name}
        try:
            found = judged(hearing.docket, labels, hearing.endpoint.name, on_progress)
        except MunimentError as error:
            about |= {"reason": error.code, **_used(hearing.spent.usage)}
            self._audit.record([Entry("judging.failed", hearing.order.by, about)])
            raise
        about |= {**found.figures(), **_used(hearing.spent.usage)}
        self._audit.record([Entry("judging.finished", hearing.order.by, about)])
        return found


def _used(usage: Usage) -> dict[str, Json]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cost": usage.cost,
    }
