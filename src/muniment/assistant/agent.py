"""A task done by a model with tools, one move at a time: it proposes, rules and people decide.

Invariants:
- every reply is taken for an attacker's: it can only choose among moves, and each is decided as if it were one;
- what it has been shown is in the label of the context before its next move is asked for;
- turns and tokens are bounded; a stop of everything or of the model holds from the next turn on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from muniment.actions.context import Context
from muniment.actions.stops import stopped
from muniment.actions.usable import UsableTools
from muniment.assistant.agent_moves import AgentMoves
from muniment.assistant.agent_run import AgentRun, Run, Turn
from muniment.assistant.agent_text import question
from muniment.assistant.moves import SCHEMA, Move, read_move, told
from muniment.assistant.whole_reply import whole_reply
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, Denied, MunimentError
from muniment.foundation.ids import Ids
from muniment.governance.audit.entry import Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Actor, Principal
from muniment.inference import prompts
from muniment.inference.catalog import QUOTES
from muniment.inference.prompt_file import Prompt

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy
    from muniment.inference.gateway import Gateway

AGENT = "agent"
"""The purpose of its prompt."""
MOST_TURNS = 24
MOST_TOKENS = 500_000
"""Read and written, of one task; what a day allows is for the gateway."""
MOST_FAULTS = 3
LONGEST_TASK = 8_000
LONGEST_REPLY = 60_000


class TaskAgent:
    """Does tasks in one workspace."""

    def __init__(
        self,
        *,
        database: Database,
        audit: AuditLog,
        policy: Policy,
        tools: UsableTools,
        moves: AgentMoves,
        gateway: Gateway,
        live: Callable[[str, str | None], Prompt],
        ids: Ids,
    ) -> None:
        self._database = database
        self._audit = audit
        self._policy = policy
        self._tools = tools
        self._moves = moves
        self._gateway = gateway
        self._live = live
        self._ids = ids

    def run(
        self,
        principal: Principal,
        task: str,
        by: Actor,
        model: str | None = None,
        on_turn: Callable[[Turn], None] | None = None,
        context: Context | None = None,
    ) -> AgentRun:
        """Do a task for a principal, telling `on_turn` of each turn once it is over.

        `context` is what is known of whoever wrote the task; without, it is the principal's own words.

        Raises BadInput for an unusable task or model, Denied by policy.
        """
        run = self._begin(principal, task, by, model, context or Context())
        while run.state is None:
            before = len(run.turns)
            try:
                self._turn(run)
            except MunimentError as error:
                run.end(f"It was stopped: {error.code}.")
            if on_turn is not None:
                for turn in run.turns[before:]:
                    on_turn(turn)
        about = {"run": run.id, "state": run.state, "turns": len(run.turns)}
        self._audit.record([Entry("agent.ended", by, about)])
        return AgentRun(run.id, run.state, run.text, tuple(run.turns), run.endpoint.version, run.usage)

    def _turn(self, run: Run) -> None:
        if halted := self._halted(run):
            run.end(halted)
            return
        try:
            move = read_move(self._reply(run))
            run.faults = 0
        except BadInput as error:
            run.faults += 1
            run.note(Move("answer"), told(error))
            return
        try:
            self._moves.make(run, move)
        except MunimentError as error:
            run.note(move, told(error))

    def _halted(self, run: Run) -> str:
        """Return why it may take no further turn, or nothing."""
        if run.faults >= MOST_FAULTS:
            return "The model makes no move that can be read."
        if len(run.turns) >= MOST_TURNS:
            return "It took too many turns."
        if run.usage.prompt_tokens + run.usage.completion_tokens >= MOST_TOKENS:
            return "It used too many tokens."
        with self._database.read() as connection:
            return stopped(connection, model=run.endpoint.name)

    def _reply(self, run: Run) -> str:
        request = prompts.request(run.prompt, question(run), tuple(run.shown), self._ids.new("fence"), SCHEMA)
        request = replace(request, labels=frozenset(run.labels))
        with self._database.read() as connection:
            standing = self._policy.standing(connection, run.principal)
        reply = whole_reply(self._gateway, standing, run.by, run.endpoint, request, LONGEST_REPLY)
        run.usage = run.usage.plus(reply.usage)
        return reply.text

    def _begin(self, principal: Principal, task: str, by: Actor, model: str | None, context: Context) -> Run:
        if not task.strip() or len(task) > LONGEST_TASK:
            raise BadInput(f"A task has 1 to {LONGEST_TASK:,} characters.", fix="Say what is to be done.")
        usable = {one.manifest.name: one.manifest for one in self._tools.of(principal) if one.enabled}
        with self._database.read() as connection:
            endpoint = self._gateway.endpoint(self._policy.standing(connection, principal), model)
            halted = stopped(connection, model=endpoint.name)
        if endpoint.kind == QUOTES:
            raise BadInput(
                "The model `quotes` does no tasks.", fix="Name a language model, see `muniment models`."
            )
        if not usable or halted:
            raise Denied(halted or "There is no tool that you may use.", fix="Ask whoever runs muniment.")
        prompt = self._live(AGENT, endpoint.name)
        run = Run(self._ids.new("task"), principal, by, task, endpoint, prompt, usable, context)
        about = {
            "run": run.id,
            "model": endpoint.version,
            "prompt": prompt.version,
            "tools": {name: one.digest for name, one in sorted(usable.items())},
        }
        said = {**about, "principal": principal.ref, "task": self._audit.commitment(task)}
        self._audit.record([Entry("agent.began", by, said)])
        return run
