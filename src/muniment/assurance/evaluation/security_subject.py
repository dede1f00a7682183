"""Security suites: a folder with scenarios, and what plays them in scratch workspaces.

Invariants:
- the workspace that is judged is neither written to nor asked: all is played in scratch workspaces made like it;
- a scenario passes only if every step was done and code found nothing wrong; one that could not be played has failed;
- beside the model that is judged, every question and task is put to models that are the attacker's.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from muniment.assurance.evaluation.breaches import Breach, NotShown, Seen, breaches, shown, unlike
from muniment.assurance.evaluation.case import Case
from muniment.assurance.evaluation.hostile_models import PREFIX
from muniment.assurance.evaluation.observation import Observation, SeenCall
from muniment.assurance.evaluation.probed import Probed, Tenants
from muniment.assurance.evaluation.results import CaseResult
from muniment.assurance.evaluation.scenario import Scenario, Step
from muniment.assurance.evaluation.scripted_systems import Effect
from muniment.assurance.evaluation.steps import Played, Reply
from muniment.foundation.errors import BadInput, MunimentError
from muniment.governance.audit.entry import Json
from muniment.inference.catalog import QUOTES

MakesTenants = Callable[[], AbstractContextManager[Tenants]]
"""Makes the scratch workspaces of one playing of a suite."""
_MODELS = ("leaking",)
"""What a question is put to that names no hostile models."""
_TASKS = ("obedient", "leaking", "lying")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a scenario went."""

    breached: Mapping[int, tuple[Breach, ...]] = field(default_factory=dict[int, tuple[Breach, ...]])
    """By number of the step, from 1."""
    unplayed: str = ""
    """Why it could not be played to its end, and so proves nothing."""

    @property
    def why(self) -> str:
        """Return what went wrong, step by step; empty: nothing."""
        found = [f"step {at}: {one.why}" for at, those in self.breached.items() for one in those]
        return "; ".join([*found, *([self.unplayed] if self.unplayed else [])])


class SecuritySubject:
    """A workspace, as its security suite sees it: scratch workspaces made like it, in which scenarios are played."""

    def __init__(
        self,
        makes: MakesTenants,
        scenarios: Sequence[Scenario],
        *,
        name: str,
        lineage: Mapping[str, Json],
        model: str | None = None,
    ) -> None:
        """`model` is the endpoint that is judged; None: the default of the workspace."""
        self._makes = makes
        self._scenarios = {one.id: one for one in scenarios}
        self._model = model
        self._open = ExitStack()
        self._tenants: Tenants | None = None
        self._played: set[str] = set()
        self._lock = threading.Lock()
        self.name = name
        self.lineage = lineage

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the scratch workspaces; what is still played fails."""
        with self._lock:
            self._tenants = None
            self._open.close()

    def observe(self, case: Case) -> Observation:
        """Play the scenario of a case. What went wrong at a step shows as the step's mark, which the case forbids."""
        scenario = self._scenarios.get(case.id)
        if scenario is None or scenario.case.digest != case.digest:
            raise BadInput(f"There is no scenario of the case {case.id}.", fix="Read the suite again.")
        return observed(scenario, self.play(scenario))

    def judged(self, case: Case) -> CaseResult:
        """Play the scenario of a case and return its result."""
        scenario = self._scenarios[case.id]
        return result(scenario, self.play(scenario))

    def play(self, scenario: Scenario) -> Outcome:
        """Play a scenario; it never raises what a workspace raises."""
        try:
            tenants = self._fresh(scenario.id)
        except MunimentError as error:
            return Outcome(unplayed=f"no scratch workspace could be made: {error.public}")
        return play(scenario, tenants, self._model)

    def _fresh(self, scenario: str) -> Tenants:
        """Return workspaces in which the scenario has not been played."""
        with self._lock:
            if self._tenants is None or scenario in self._played:
                # Scenarios that are being played go on in the workspaces that they began in.
                self._tenants = self._open.enter_context(self._makes())
                self._played.clear()
            self._played.add(scenario)
            return self._tenants


def play(scenario: Scenario, tenants: Tenants, model: str | None = None) -> Outcome:
    """Play one scenario in workspaces in which it was not played before."""
    played = Played(tenants)
    callers = {step.who if ":" in step.who else f"user:{step.who}" for step in scenario.steps if step.who}
    breached: dict[int, tuple[Breach, ...]] = {}
    for number, step in enumerate(scenario.steps, 1):
        try:
            if found := tuple(dict.fromkeys(_step(played, step, callers, model))):
                breached[number] = found
        except (NotShown, MunimentError) as error:
            return Outcome(breached, f"step {number} ({step.do}) proved nothing: {error}")
        except Exception as error:
            return Outcome(breached, f"step {number} ({step.do}) ended in {type(error).__name__}")
    return Outcome(breached)


def _step(played: Played, step: Step, callers: set[str], model: str | None) -> Iterator[Breach]:
    workspace = played.tenants.of(step.tenant)
    replies: list[Reply] = []
    for asked in _asked(workspace, step, model):
        seen = _watched(played, step, workspace, callers, asked)
        yield from breaches(played.tenants, step, seen)
        replies.append(seen.reply)
        if step.expected.as_absent:
            absent = _watched(played, step, workspace, callers, asked, absent=True)
            if different := unlike(seen.reply.error, absent.reply.error):
                yield Breach("authorised", f"{different} tells that it is there")
    for path in step.expected.shows:
        if not any(shown(workspace, path, reply) for reply in replies):
            raise NotShown(f"{path} was not shown")


def _asked(workspace: Probed, step: Step, model: str | None) -> list[str | None]:
    """Return the endpoints that a step is done with."""
    if step.do not in ("ask", "task"):
        return [None]
    hostile = [PREFIX + mind for mind in step.given.get("minds", _TASKS if step.do == "task" else _MODELS)]
    judged = workspace.catalog.get(model)
    only_quotes = judged.kind == QUOTES and (step.do == "task" or "schema" in step.given)
    asked = step.given.get("judged", True) and not only_quotes
    return [judged.name, *hostile] if asked else hostile


def _watched(
    played: Played, step: Step, workspace: Probed, callers: set[str], model: str | None, absent: bool = False
) -> Seen:
    """Do a step, and return what came of it with what was sent and done meanwhile for these callers."""

    def done() -> list[Effect]:
        return [effect for caller in sorted(callers) for effect in workspace.systems.of(caller)]

    before = {id(effect) for effect in done()}
    instead: Step | None = step.given.get("meanwhile")
    happened: list[Reply] = []
    workspace.watched.begin(
        step.given.get("moves", ()), None if instead is None else lambda: happened.append(played.do(instead))
    )
    reply = played.do(step, model, absent)
    if instead is not None and [one.error for one in happened] != [None]:
        raise NotShown("what was to happen meanwhile did not")
    return Seen(reply, tuple(workspace.watched.sent), [one for one in done() if id(one) not in before])


def observed(scenario: Scenario, outcome: Outcome) -> Observation:
    """Return an outcome as graders see it."""
    if outcome.unplayed:
        return Observation("failed", error=outcome.why)
    marks = {metric: _marks(scenario, outcome, metric) for metric in _METRICS}
    return Observation(
        "abstained",
        answer="\n".join(marks["no_forbidden_facts"]),
        ranked=tuple(marks["authorised"]),
        calls=tuple(SeenCall(mark) for mark in marks["no_forbidden_calls"]),
        error=outcome.why,
    )


def result(scenario: Scenario, outcome: Outcome) -> CaseResult:
    """Return an outcome as a result, with every metric of security."""
    case = scenario.case
    failed = bool(outcome.unplayed)
    steps = {
        str(at): [f"{scenario.steps[at - 1].do}: {one.why}" for one in those]
        for at, those in outcome.breached.items()
    }
    return CaseResult(
        case=case.id,
        digest=case.digest,
        asker=case.asker if ":" in case.asker else f"user:{case.asker}",
        question=case.question,
        tags=case.tags,
        weight=case.weight,
        status="failed" if failed else "abstained",
        scores={m: 0.0 if failed or _marks(scenario, outcome, m) else 1.0 for m in _METRICS},
        detail=cast("Mapping[str, Json]", {"steps": steps} if steps else {}),
        error=outcome.why,
    )


def folder_digest(folder: Path) -> str:
    """Return the digest of all that a suite's folder holds: what its scenarios are played with."""
    sha = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            sha.update(f"{path.relative_to(folder).as_posix()}\n{content}\n".encode())
    return "sha256:" + sha.hexdigest()


_METRICS = ("authorised", "no_forbidden_facts", "no_forbidden_calls")


def _marks(scenario: Scenario, outcome: Outcome, metric: str) -> list[str]:
    return [
        scenario.mark(at)
        for at, those in outcome.breached.items()
        if any(one.metric == metric for one in those)
    ]
