"""The moves of a task, carried out. Each is decided as if an attacker had made it.

Invariants:
- what it gives is kept by name and label; the model is shown trusted values, and other texts only when it looks;
- what a model is shown is in the label of the context before its next move;
- a planned call is carried out unseen by the model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from muniment.actions.bound import Evidence
from muniment.actions.plan import pinned
from muniment.actions.proposals import DENIED, Call, Outcome
from muniment.actions.reading import Reading
from muniment.assistant.agent_hands import Acts, Reads, Searches
from muniment.assistant.agent_run import Run
from muniment.assistant.found import SEARCH, as_reading
from muniment.assistant.inert import inert
from muniment.assistant.moves import Kind, Move
from muniment.assistant.seen import trusted_part, whole
from muniment.assistant.taking import Asker, Taking
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput

PASSAGES = 6
WAITS = "It waits for a person."


class AgentMoves:
    """Carries out the moves of tasks in one workspace."""

    def __init__(
        self, *, database: Database, reads: Reads, actions: Acts, retriever: Searches, taking: Taking
    ) -> None:
        self._database = database
        self._reads = reads
        self._actions = actions
        self._retriever = retriever
        self._taking = taking
        self._by_kind: Mapping[Kind, Callable[[Run, Move], None]] = {
            "read": self._read,
            "search": self._search,
            "look": self._look,
            "take": self._take,
            "plan": self._plan,
            "run": self._run,
            "propose": self._propose,
            "answer": self._answer,
        }

    def make(self, run: Run, move: Move) -> None:
        """Carry a move out and note what came of it; raises as what it asks for does."""
        if move.tool and move.tool not in run.tools:
            # Those of its beginning: what is added meanwhile is for the next run.
            raise BadInput("There is no such tool.", fix=f"Use one of {', '.join(run.tools)}.")
        self._by_kind[move.kind](run, move)

    def _read(self, run: Run, move: Move) -> None:
        asked = run.context.label
        found = self._reads.read(run.principal, run.by, move.tool, move.arguments, asked, run.agent)
        name = run.keep(found, run.tools[move.tool].sensitivity)
        run.show(name, move.tool, trusted_part(found))
        run.note(move, f"It gave {name}.")

    def _search(self, run: Run, move: Move) -> None:
        found = self._retriever.retrieve(run.principal, move.query, PASSAGES, run.by, "answer")
        with self._database.read() as connection:
            read, labels = as_reading(connection, run.principal.ref, found.passages, run.context.label)
        run.labels |= labels
        run.evidence += [Evidence(one.document, str(one.version), one.chunk) for one in found.passages]
        name = run.keep(read)
        run.show(name, SEARCH, whole(read))
        run.note(move, f"It gave {name}.")

    def _look(self, run: Run, move: Move) -> None:
        run.show(move.result, "", whole(run.result(move.result)))
        run.note(move, "Its texts are shown.")

    def _take(self, run: Run, move: Move) -> None:
        found = run.result(move.result)
        asker = Asker(run.principal, run.by, run.endpoint, frozenset(run.labels))
        values, usage = self._taking.take(asker, found, move.question, move.schema)
        run.usage = run.usage.plus(usage)
        taken = Reading(found.tool, found.manifest, found.caller, values, {}, found.label)
        name = run.keep(taken)
        run.show(name, "taken values", whole(taken))
        run.note(move, f"It gave {name}.")

    def _plan(self, run: Run, move: Move) -> None:
        if run.context.plan is not None:
            raise BadInput("There is a plan already.", fix="Run it, or propose single calls.")
        run.context = run.context.planned(pinned(move.calls, run.context.label, run.tools))
        run.note(move, f"{len(move.calls)} calls are planned.")

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
        run.note(Move("read", step=step), "It was read.")
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
            # Without an action, a call that was not denied was only tried.
            run.note(move, DENIED if outcome.verdict.outcome == "denied" else WAITS)
            return False
        if made.state == "done":
            found = self._actions.result(made.id, run.principal)
            name = move.step or run.keep(found)
            run.results[name] = found
            run.labels.add(run.tools[made.bound.tool].sensitivity)
            if not move.step:
                run.show(name, made.bound.tool, trusted_part(found))
        if move.step:
            run.context = run.context.did(move.step, run.results.get(move.step))
        said = {"done": "It was done.", "waiting": WAITS}
        run.note(move, said.get(made.state, f"It is {made.state}."), made.id)
        return made.state == "done"

    def _answer(self, run: Run, move: Move) -> None:
        run.text = inert(move.text)
        run.note(move, "It answered.")
        run.state = "answered"
