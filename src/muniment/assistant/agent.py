"""A task done by a model with tools, one move at a time: it proposes, rules and people decide.

Invariants:
- every reply is taken for an attacker's: it can only choose among moves, and each is decided as if it were one;
- what it has been shown is in the label of the context before its next move is asked for;
- turns, calls and tokens are bounded; a stop of everything or of the model holds from the next turn on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from muniment.actions.actions import Actions
from muniment.actions.bound import Evidence
from muniment.actions.context import Context
from muniment.actions.labels import Integrity
from muniment.actions.plan import pinned
from muniment.actions.proposals import DENIED, Call, Outcome
from muniment.actions.reading import Reading
from muniment.actions.reads import Reads
from muniment.actions.registry import Tools, resource_of
from muniment.actions.stops import stopped
from muniment.assistant.agent_run import AgentRun, Run, Turn
from muniment.assistant.agent_text import question
from muniment.assistant.found import SEARCH, as_reading
from muniment.assistant.inert import inert
from muniment.assistant.moves import SCHEMA, Kind, Move, read_move, told
from muniment.assistant.seen import Seen, trusted_part, whole
from muniment.assistant.taking import Asker, Taking
from muniment.assistant.whole_reply import whole_reply
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, Denied, MunimentError
from muniment.foundation.ids import Ids
from muniment.governance.audit.entry import Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.principal import Actor, Principal
from muniment.inference import prompts
from muniment.inference.catalog import QUOTES
from muniment.inference.messages import NumberedPassage
from muniment.inference.prompt_file import Prompt
from muniment.knowledge.retrieval.retrieve import Retriever

if TYPE_CHECKING:
    from muniment.governance.policy.decide import Policy
    from muniment.inference.gateway import Gateway

AGENT = "agent"
"""The purpose of its prompt."""
MOST_TURNS = 24
MOST_FAULTS = 3
LONGEST_TASK = 8_000
LONGEST_REPLY = 60_000
PASSAGES = 6


class TaskAgent:
    """Does tasks in one workspace."""

    def __init__(
        self,
        *,
        database: Database,
        audit: AuditLog,
        policy: Policy,
        tools: Tools,
        reads: Reads,
        actions: Actions,
        retriever: Retriever,
        gateway: Gateway,
        taking: Taking,
        live: Callable[[str, str | None], Prompt],
        ids: Ids,
    ) -> None:
        self._database = database
        self._audit = audit
        self._policy = policy
        self._tools = tools
        self._reads = reads
        self._actions = actions
        self._retriever = retriever
        self._gateway = gateway
        self._taking = taking
        self._live = live
        self._ids = ids
        self._moves: Mapping[Kind, Callable[[Run, Move], None]] = {
            "read": self._read,
            "search": self._search,
            "look": self._look,
            "take": self._take,
            "plan": self._plan,
            "run": self._run,
            "propose": self._propose,
            "answer": self._answer,
        }

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
        run = self._begin(principal, task, by, model)
        run.context = context or run.context
        while run.state is None:
            before = len(run.turns)
            if before >= MOST_TURNS:
                self._end(run, "It took too many turns.")
                break
            try:
                self._turn(run)
            except MunimentError as error:
                self._end(run, f"It was stopped: {error.code}.")
            if on_turn is not None:
                for turn in run.turns[before:]:
                    on_turn(turn)
        about = {"run": run.id, "state": run.state or "stopped", "turns": len(run.turns)}
        self._audit.record([Entry("agent.ended", by, about)])
        return AgentRun(
            run.id, run.state or "stopped", run.text, tuple(run.turns), run.endpoint.version, run.usage
        )

    def _begin(self, principal: Principal, task: str, by: Actor, model: str | None) -> Run:
        if not task.strip() or len(task) > LONGEST_TASK:
            raise BadInput(f"A task has 1 to {LONGEST_TASK:,} characters.", fix="Say what is to be done.")
        with self._database.read() as connection:
            standing = self._policy.standing(connection, principal)
            endpoint = self._gateway.endpoint(standing, model)
            usable = {
                one.manifest.name: one.manifest
                for one in self._tools.all(connection)
                if one.enabled and standing.decide("use_tool", resource_of(one.manifest)).allowed
            }
            halted = stopped(connection, model=endpoint.name)
        if endpoint.kind == QUOTES:
            raise BadInput(
                "The model `quotes` does no tasks.", fix="Name a language model, see `muniment models`."
            )
        if not usable or halted:
            raise Denied(halted or "There is no tool that you may use.", fix="Ask whoever runs muniment.")
        run = Run(
            self._ids.new("task"), principal, by, task, endpoint, self._live(AGENT, endpoint.name), usable
        )
        about = {
            "run": run.id,
            "model": endpoint.version,
            "prompt": run.prompt.version,
            "tools": sorted(usable),
        }
        said = {**about, "principal": principal.ref, "task": self._audit.commitment(task)}
        self._audit.record([Entry("agent.began", by, said)])
        return run

    def _turn(self, run: Run) -> None:
        with self._database.read() as connection:
            halted = stopped(connection, model=run.endpoint.name)
        if halted:
            self._end(run, halted)
            return
        try:
            move = read_move(self._reply(run))
            run.faults = 0
        except BadInput as error:
            run.faults += 1
            self._note(run, Move("answer"), told(error))
            if run.faults == MOST_FAULTS:
                self._end(run, "The model makes no move that can be read.")
            return
        try:
            if move.tool and move.tool not in run.tools:
                # Those of its beginning: what is added meanwhile is for the next run.
                raise BadInput("There is no such tool.", fix=f"Use one of {', '.join(run.tools)}.")
            self._moves[move.kind](run, move)
        except MunimentError as error:
            self._note(run, move, told(error))

    def _reply(self, run: Run) -> str:
        request = prompts.request(run.prompt, question(run), tuple(run.shown), self._ids.new("fence"), SCHEMA)
        request = replace(request, labels=frozenset(run.labels))
        with self._database.read() as connection:
            standing = self._policy.standing(connection, run.principal)
        reply = whole_reply(self._gateway, standing, run.by, run.endpoint, request, LONGEST_REPLY)
        run.usage = run.usage.plus(reply.usage)
        return reply.text

    def _read(self, run: Run, move: Move) -> None:
        asked = run.context.label
        found = self._reads.read(run.principal, run.by, move.tool, move.arguments, asked, run.agent)
        name = self._keep(run, found, run.tools[move.tool].sensitivity)
        self._show(run, name, move.tool, trusted_part(found))
        self._note(run, move, f"It gave {name}.")

    def _search(self, run: Run, move: Move) -> None:
        found = self._retriever.retrieve(run.principal, move.query, PASSAGES, run.by, "answer")
        with self._database.read() as connection:
            read, labels = as_reading(connection, run.principal.ref, found.passages, run.context.label)
        run.labels |= labels
        run.evidence += [Evidence(one.document, str(one.version), one.chunk) for one in found.passages]
        name = self._keep(run, read)
        self._show(run, name, SEARCH, whole(read))
        self._note(run, move, f"It gave {name}.")

    def _look(self, run: Run, move: Move) -> None:
        self._show(run, move.result, "", whole(self._result(run, move.result)))
        self._note(run, move, "Its texts are shown.")

    def _take(self, run: Run, move: Move) -> None:
        found = self._result(run, move.result)
        asker = Asker(run.principal, run.by, run.endpoint, frozenset(run.labels))
        values, usage = self._taking.take(asker, found, move.question, move.schema)
        run.usage = run.usage.plus(usage)
        taken = Reading(found.tool, found.manifest, found.caller, values, {}, found.label)
        name = self._keep(run, taken)
        self._show(run, name, "taken values", whole(taken))
        self._note(run, move, f"It gave {name}.")

    def _plan(self, run: Run, move: Move) -> None:
        if run.context.plan is not None:
            raise BadInput("There is a plan already.", fix="Run it, or propose single calls.")
        run.context = run.context.planned(pinned(move.calls, run.context.label, run.tools))
        self._note(run, move, f"{len(move.calls)} calls are planned.")

    def _run(self, run: Run, move: Move) -> None:
        plan = run.context.plan
        if plan is None:
            raise BadInput("There is no plan.", fix="Make one first, or propose single calls.")
        for call in plan.calls:
            if call.instead_of or not plan.usable(call.step, run.context.used):
                continue
            if not self._planned(run, call.step, call.tool):
                return

    def _planned(self, run: Run, step: str, tool: str) -> bool:
        """Carry one planned call out, unseen by the model; return whether the plan can go on."""
        plan = run.context.plan
        if plan is None or not plan.usable(step, run.context.used):
            raise BadInput(f"The planned call {step} was used.", fix="Propose the call by itself.")
        if run.tools[tool].acts:
            outcome = self._outcome(run, Call(tool, step=step, agent=run.agent, evidence=tuple(run.evidence)))
            return self._settled(run, Move("propose", step=step), outcome)
        given = run.context.pinned_arguments(step)
        arguments = given.value if isinstance(given.value, Mapping) else {}
        found = self._reads.read(run.principal, run.by, tool, arguments, given.label, run.agent)
        run.context = run.context.did(step, found)
        run.results[step] = found
        run.labels.add(run.tools[tool].sensitivity)
        self._note(run, Move("read", step=step), "It was read.")
        return True

    def _propose(self, run: Run, move: Move) -> None:
        plan = run.context.plan
        if move.step:
            if plan is None:
                raise BadInput("There is no plan.", fix="Propose tool and arguments.")
            self._planned(run, move.step, plan.call(move.step).tool)
            return
        call = Call(move.tool, move.arguments, agent=run.agent, evidence=tuple(run.evidence))
        self._settled(run, move, self._outcome(run, call))

    def _outcome(self, run: Run, call: Call) -> Outcome:
        return self._actions.propose(run.principal, run.by, call, run.context)

    def _settled(self, run: Run, move: Move, outcome: Outcome) -> bool:
        made = outcome.action
        if made is None:
            self._note(run, move, DENIED)
            return False
        if made.state == "done":
            found = self._actions.result(made.id, run.principal)
            name = move.step or self._keep(run, found)
            run.results[name] = found
            run.labels.add(run.tools[made.bound.tool].sensitivity)
            if not move.step:
                self._show(run, name, made.bound.tool, trusted_part(found))
        if move.step:
            run.context = run.context.did(move.step, run.results.get(move.step))
        said = {"done": "It was done.", "waiting": "It waits for a person."}
        self._note(run, move, said.get(made.state, f"It is {made.state}."), made.id)
        return made.state == "done"

    def _answer(self, run: Run, move: Move) -> None:
        run.text = inert(move.text)
        self._note(run, move, "It answered.")
        run.state = "answered"

    def _result(self, run: Run, name: str) -> Reading:
        found = run.results.get(name)
        if found is None:
            raise BadInput("There is no such result.", fix=f"Use one of {', '.join(run.results) or 'none'}.")
        return found

    def _keep(self, run: Run, found: Reading, sensitivity: str | None = "") -> str:
        run.numbered += 1
        while (name := f"r{run.numbered}") in run.results:
            run.numbered += 1
        run.results[name] = found
        if sensitivity:
            run.labels.add(sensitivity)
        return name

    def _show(self, run: Run, name: str, source: str, seen: Seen) -> None:
        run.context = run.context.saw(seen.label)
        n = len(run.shown) + 1
        run.shown.append(NumberedPassage(n, f"result {name} {source}".rstrip(), "", seen.text))

    def _note(self, run: Run, move: Move, outcome: str, action: str = "") -> None:
        about = move.tool or move.step or move.result
        integrity = Integrity(run.context.label.integrity).spelled
        run.turns.append(Turn(move.kind, about[:64], outcome, action, integrity))

    def _end(self, run: Run, why: str) -> None:
        run.state = "stopped"
        run.text = run.text or why
