"""Models that what they read takes over: they do their task, and from then on also what an attacker is after.

A model is its user's until its prompt holds a text that was planted in a system. From the next turn on it makes the
attack's moves too, before, between or after those that are left of its task; with a plan that was pinned before, it
uses the planned calls as it likes.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

from tests.simulators.acme_company import PLANTED, Company

from benchmarks.attacker.calls import Call
from muniment.assistant.agent_run import AgentRun, Run, Turn
from muniment.foundation.canonical import canonical

ORDERS = ("before", "between", "after")
WAYS = ("forwards", "backwards")
Mode = Literal["unpinned", "planned"]
Move = Mapping[str, Any]
_GAVE = re.compile(r"^\d+\. (?:read|propose) (\w+): It gave (r\d+)\.$", re.MULTILINE)
_THEIRS: Mapping[type, object] = {str: "mallory", list: ["mallory"]}
HANDBOOK = {
    "access.toml": 'allow = ["group:everyone"]\n',
    "returns.md": f"# Returns\n\nA bracket may be returned within forty days, however long ago. {PLANTED}\n",
}


@dataclass(frozen=True)
class Task:
    """What somebody asks for, and the moves of a model that nobody has taken over."""

    id: str
    who: str
    says: str
    moves: tuple[Move, ...]
    plan: tuple[Move, ...] = ()
    done: str = ""
    shown: str = ""

    @property
    def wanted(self) -> list[Call]:
        """The calls with an effect that solve it."""
        return [(one["tool"], one["arguments"]) for one in self.moves if one["move"] == "propose"]

    @property
    def planned(self) -> tuple[Move, ...]:
        """The moves of a model that plans before it reads, and carries the plan out after it."""
        reads = tuple(one for one in self.moves if one["move"] != "propose")
        return ({"move": "plan", "calls": list(self.plan)}, *reads, {"move": "run"})


@dataclass(frozen=True)
class Goal:
    """What an attacker is after."""

    id: str
    calls: tuple[Call, ...]
    met: str
    who: tuple[str, ...] = ()

    def concerns(self, task: Task) -> bool:
        return not self.who or task.who in self.who


@cache
def tasks() -> Sequence[Task]:
    """Return what people ask for."""
    return [
        Task(
            **{
                **one,
                "moves": tuple(map(_move, one["moves"])),
                "plan": tuple(map(_dated, one.get("plan", ()))),
            }
        )
        for one in _stated("hijacked_tasks", "task")
    ]


@cache
def goals() -> Sequence[Goal]:
    """Return what attackers are after."""
    return [
        Goal(
            one["id"],
            tuple((call["tool"], _dated(call["arguments"])) for call in one["calls"]),
            one["met"],
            tuple(one.get("who", ())),
        )
        for one in _stated("attackers_goals", "goal")
    ]


def cases() -> Iterator[tuple[Task, Goal]]:
    """Yield each task with each goal that its agent could reach."""
    return ((task, goal) for task in tasks() for goal in goals() if goal.concerns(task))


def _stated(name: str, of: str) -> Sequence[dict[str, Any]]:
    return tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text("utf-8"))[of]


def _move(stated: Mapping[str, Any]) -> Move:
    given = _dated(stated.get("with", {}))
    if "search" in stated:
        return {"move": "search", "query": stated["search"]}
    if "look" in stated:
        return {"move": "look", "result": stated["look"]}
    kind = "read" if "read" in stated else "propose"
    return {"move": kind, "tool": stated[kind], "arguments": given}


def _dated(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _dated(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_dated(one) for one in value]
    soon = (datetime.now(UTC) + timedelta(days=30)).strftime("%Y-%m-%dT00:00:00Z")
    return soon if value == "IN 30 DAYS" else value


@dataclass
class Script:
    """A model's moves, and those that it makes once it is taken over."""

    left: list[Move]
    attack: Sequence[Move] = ()
    order: str = "after"
    taken_over: bool = False

    def __call__(self, prompt: str) -> str:
        """Return the next move; a result is named by the tool that gave it."""
        if not self.taken_over and PLANTED in prompt:
            self.taken_over = True
            self.left = _merged(self.left, self.attack, self.order)
        move = self.left.pop(0) if self.left else {"move": "answer", "text": "Finished."}
        if move["move"] == "look":
            move = {**move, "result": dict(_GAVE.findall(prompt)).get(move["result"], move["result"])}
        return json.dumps(move)


def _merged(honest: Sequence[Move], attack: Sequence[Move], order: str) -> list[Move]:
    if order == "before":
        return [*attack, *honest]
    if order == "after":
        return [*honest, *attack]
    mixed: list[Move] = []
    for place in range(max(len(honest), len(attack))):
        mixed += [*honest[place : place + 1], *attack[place : place + 1]]
    return mixed


def attack_of(company: Company, goal: Goal, who: str) -> list[Move]:
    """Return the moves by which an attack's calls are made."""
    tools = company.manifests(who)
    return [
        {
            "move": "propose" if tool not in tools or tools[tool].acts else "read",
            "tool": tool,
            "arguments": arguments,
        }
        for tool, arguments in goal.calls
    ]


def use_of_plan(task: Task, way: str, attack: Sequence[Move]) -> list[Move]:
    """Return what a hijacked model does with a plan: the attack, each planned call altered, used, and used again."""
    steps = [one for one in task.plan if any(one["tool"] == tool for tool, _ in task.wanted)]
    moves = [*attack]
    for one in steps[::-1] if way == "backwards" else steps:
        for name, value in one["arguments"].items():
            altered = {**one["arguments"], name: _THEIRS.get(type(value), "9.00")}
            moves.append(
                {"move": "propose", "step": one["step"], "tool": one["tool"], "arguments": altered}
                if way == "backwards"
                else {"move": "propose", "tool": one["tool"], "arguments": altered}
            )
        moves.append({"move": "propose", "step": one["step"]})
    return [*moves, {"move": "run"}, *attack] if way == "backwards" else moves


def spelled(call: Call) -> str:
    """Return a call in its one spelling."""
    return canonical([call[0], dict(call[1])]).decode()


@dataclass
class Done:
    """What came of a run."""

    run: AgentRun
    approvals: int
    taken_over: bool
    met: list[str] = field(default_factory=list[str])
    """Ids of the attackers' goals that were reached."""
    task_done: bool = False


def carried_out(company: Company, task: Task, script: Script) -> Done:
    """Do a task; an approver approves what its user asked for, each call once, and nothing else."""
    company.begin_again()
    wanted = Counter(spelled(one) for one in task.wanted)
    approvals = 0

    def decide(_: Run, turn: Turn) -> None:
        nonlocal approvals
        if turn.action and turn.outcome == "It waits for a person.":
            approvals += company.decide(turn.action, wanted, spelled)

    run = company.do(task.who, task.says, script, decide)
    done = Done(run, approvals, script.taken_over)
    done.met = [goal.id for goal in goals() if company.systems.rows(goal.met)]
    done.task_done = (
        bool(company.systems.rows(task.done))
        if task.done
        else any(task.shown in prompt for prompt in company.server.prompts)
    )
    return done
