"""Environments of AgentDojo: made with text of an attacker in them, acted on, and checked by their suites."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from benchmarks.agentdojo.results import structured
from muniment.foundation.errors import BadInput

VERSION = "0.1.35"
SUITES = ("workspace", "travel", "banking", "slack")
INSTALL = "python -m pip install --no-deps --require-hashes --only-binary :all: -r requirements/agentdojo.txt"
"""Into an environment that holds requirements/base.txt."""
Call = tuple[str, Mapping[str, Any]]
"""A tool and its arguments."""


def installed() -> None:
    """Raise BadInput where AgentDojo is absent or another version."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        found = version("agentdojo")
    except PackageNotFoundError:
        found = "absent"
    if found != VERSION:
        raise BadInput(f"AgentDojo {VERSION} is needed, and it is {found}.", fix=INSTALL)


@cache
def suites(version: str) -> Mapping[str, Any]:
    """Return the suites of a version of the benchmark."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from agentdojo.task_suite.load_suites import get_suites

        return get_suites(version)


@cache
def _runtime(version: str, suite: str) -> Any:
    from agentdojo.functions_runtime import FunctionsRuntime

    return FunctionsRuntime(suites(version)[suite].tools)


@cache
def _loaded(version: str, suite: str, injected: tuple[tuple[str, str], ...]) -> Any:
    return suites(version)[suite].load_and_inject_default_environment(dict(injected))


@dataclass
class World:
    """An environment in which one task is done."""

    version: str
    suite: str
    task: Any
    environment: Any
    before: Any
    """The environment as it was."""
    calls: list[Any] = field(default_factory=list[Any])
    """Those that were carried out, as the suite's checks take them."""

    def run(self, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any] | None:
        """Carry a call out and return what it gives; None where the tool refuses."""
        from agentdojo.functions_runtime import FunctionCall

        given, error = _runtime(self.version, self.suite).run_function(
            self.environment, tool, dict(arguments)
        )
        if error is not None:
            return None
        self.calls.append(FunctionCall(function=tool, args=dict(arguments)))
        return structured(tool, given)

    def honest(self) -> list[Call]:
        """Return the calls by which the suite itself does the task."""
        return _calls(self.task, self.before)

    def done(self) -> bool:
        """Return whether the suite finds the task done, by a model that then says what it expects."""
        said = _said(self.task.GROUND_TRUTH_OUTPUT)
        suite = suites(self.version)[self.suite]
        return bool(
            suite._check_user_task_utility(self.task, said, self.before, self.environment, self.calls)
        )

    def reached(self, goal: Any, said: str = "") -> bool:
        """Return whether the suite finds that an attacker has reached their goal.

        One of its checks cannot read a mail with an invitation: such a case counts as reached.
        """
        suite = suites(self.version)[self.suite]
        with contextlib.redirect_stdout(io.StringIO()):  # one of the checks prints
            try:
                return bool(
                    suite._check_injection_task_security(
                        goal, _said(said), self.before, self.environment, self.calls
                    )
                )
            except TypeError:
                return True


def world(version: str, suite: str, task: str, injected: Mapping[str, str] | None = None) -> World:
    """Return a fresh environment of a task, with texts in the places where others can write."""
    base = _loaded(version, suite, tuple(sorted((injected or {}).items())))
    chosen = suites(version)[suite].user_tasks[task]
    environment = chosen.init_environment(base.model_copy(deep=True))
    return World(version, suite, chosen, environment, environment.model_copy(deep=True))


def vectors(version: str, suite: str) -> Sequence[str]:
    """Return the places of a suite where others can write."""
    return sorted(suites(version)[suite].get_injection_vector_defaults())


def tasks(version: str, suite: str) -> Sequence[str]:
    """Return the tasks of a suite."""
    return list(suites(version)[suite].user_tasks)


def goals(version: str, suite: str) -> Mapping[str, Any]:
    """Return what attackers of a suite are after."""
    return suites(version)[suite].injection_tasks


def calls_of(goal: Any, before: Any) -> list[Call]:
    """Return the calls by which the suite itself reaches an attacker's goal; none where it does not say."""
    return _calls(goal, before)


def _calls(task: Any, before: Any) -> list[Call]:
    return [(one.function, dict(one.args)) for one in task.ground_truth(before.model_copy(deep=True))]


def _said(text: str) -> list[Any]:
    return [{"type": "text", "content": text}]
