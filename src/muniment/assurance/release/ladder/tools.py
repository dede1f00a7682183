"""Rung 6: an agent with tools, in a rehearsal that changes nothing.

Invariants:
- reads are made, as the asker and with the asker's rights, for without them no task goes on;
- what acts is decided as ever and then dropped: no action is stored, nobody is asked to approve it, nothing runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from muniment.actions.bound import Agent
from muniment.actions.context import Context
from muniment.actions.labels import Label
from muniment.actions.proposals import Call, Outcome
from muniment.actions.reading import Reading
from muniment.assistant.agent import AGENT
from muniment.assistant.alone import asked
from muniment.assurance.evaluation import observation
from muniment.assurance.evaluation.case import Case
from muniment.assurance.evaluation.observation import Observation, SeenCall
from muniment.assurance.release.ladder.asking import Asking, Workspace
from muniment.foundation.errors import BadInput, Conflict, MunimentError
from muniment.governance.audit.entry import Json
from muniment.governance.identity.principal import Actor, Principal
from muniment.inference.catalog import Endpoint


class Rehearsal:
    """The hands of one task: they read, and only say what would become of anything else."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.calls: list[SeenCall] = []

    def read(
        self,
        principal: Principal,
        by: Actor,
        tool: str,
        arguments: Mapping[str, object],
        asked: Label,
        agent: Agent | None,
    ) -> Reading:
        """Read as the asker."""
        outcome: observation.Outcome = "refused"
        try:
            found = self._workspace.reads.read(principal, by, tool, arguments, asked, agent)
            outcome = "ran"
            return found
        except BadInput:
            outcome = "invalid"
            raise
        finally:
            self._saw(tool, arguments, outcome)

    def propose(self, principal: Principal, by: Actor, call: Call, context: Context | None) -> Outcome:
        """Decide a call and drop it."""
        try:
            found = self._workspace.actions.propose(principal, by, call, context, dry=True)
        except MunimentError:
            self._saw(call.tool, call.arguments or {}, "invalid")
            raise
        verdict = found.verdict
        outcome: observation.Outcome = "proposed"
        if verdict.outcome == "denied":
            wrong = any(step.name == "arguments" and step.outcome == "deny" for step in verdict.steps)
            outcome = "invalid" if wrong else "refused"
        self._saw(call.tool, verdict.arguments or call.arguments or {}, outcome)
        return replace(found, action=None)

    def result(self, made: str, principal: Principal) -> Reading:
        """Nothing was done, so nothing has a result."""
        raise Conflict(f"{made} was only tried.", fix="It has no result.")

    def _saw(self, tool: str, arguments: Mapping[str, object], outcome: observation.Outcome) -> None:
        self.calls.append(SeenCall(tool, cast("Mapping[str, Json]", arguments), outcome))


def with_tools(workspace: Workspace, endpoint: Endpoint, by: Actor) -> Asking:
    """Return an agent that does each case as a task of its asker."""

    def ask(case: Case, asker: Principal) -> Observation:
        hands = Rehearsal(workspace)
        agent = workspace.agent_with(hands, hands, workspace.retriever_with(False))
        made = agent.run(asker, asked(case.question, case.earlier), by, endpoint.name)
        ended = made.state == "answered"
        return Observation(
            "answered" if ended else "failed",
            answer=made.text if ended else "",
            calls=tuple(hands.calls),
            prompt_tokens=made.usage.prompt_tokens,
            completion_tokens=made.usage.completion_tokens,
            cost=made.usage.cost,
            endpoint=made.model,
            # The words are the model's, and results hold none of them.
            error="" if ended else f"The task ended {made.state}.",
        )

    prompt = workspace.prompts.live(AGENT, endpoint.name).version
    return Asking(workspace, "tools", by, {"model": endpoint.version, "prompt": prompt}, ask)
