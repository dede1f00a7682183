"""Runs of workflows as people start, follow and end them: each for one account, which sees its own.

Invariants:
- a start commits with its entry; a run works for whoever started it and holds no right of its own;
- what a program gave is taken for the word of anybody, for as long as the run lasts;
- of another's run nobody is told anything; whoever runs the installation is told where it stands, and nothing that it
  was given, read or gave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from muniment.assistant.workflows.hands import NOT_SAID
from muniment.assistant.workflows.timeline import Moment, moments_of
from muniment.foundation.clock import timestamp
from muniment.foundation.database import Database
from muniment.foundation.errors import Denied, NotFound
from muniment.foundation.ids import Ids
from muniment.foundation.workflows.definition import Definition, Json
from muniment.foundation.workflows.engine import Workflows, run_id
from muniment.foundation.workflows.runs import ENDED, Run, State
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.directory import account_since
from muniment.governance.identity.principal import Principal
from muniment.governance.policy.decide import Policy
from muniment.governance.policy.decision import WORKSPACE


class WorkflowRuns:
    """The runs of one workspace."""

    def __init__(
        self, database: Database, audit: AuditLog, policy: Policy, engine: Workflows, ids: Ids
    ) -> None:
        self._database = database
        self._audit = audit
        self._policy = policy
        self._engine = engine
        self._ids = ids

    def start(
        self,
        name: str,
        given: Mapping[str, Json],
        who: Principal,
        by: Actor,
        model: str = "",
        key: str = "",
        own_words: bool = False,
    ) -> Run:
        """Start a workflow for an account; the same key gives the same run.

        `own_words`: a person gives it themselves. What any other caller gives is taken for the word of anybody.
        Raises NotFound for an unknown workflow, BadInput for what it cannot be given, Conflict for a key that was
        used with something else, Denied for an inactive account.
        """
        self._engine.prepare()
        chosen = f"{who.ref}:{key or self._ids.new('key')}"
        with self._database.write() as connection:
            since = account_since(connection, who)
            if since is None:
                raise Denied("No such active account.")
            plain = {key: value for key, value in given.items() if key not in NOT_SAID}
            whole = {**plain, "requester": who.ref, "since": since, "own_words": own_words}
            whole |= {"model": model} if model else {}
            made = self._engine.start(name, chosen, whole, within=connection)
            about = {"run": made, "workflow": name, "principal": who.ref, "model": model}
            self._audit.append(connection, [Entry("workflow.started", by, about)])
        return self._engine.run(run_id(name, chosen))

    def show(self, run: str, who: Principal | None) -> Run:
        """Return a run of this account, of any for None; raises NotFound.

        Whoever runs the installation is told where the run of another stands.
        """
        found = self._engine.run(run)
        if _is_of(found, who):
            return found
        if not self._runs_it(who):
            raise NotFound("No such run.")
        return _standing(found)

    def listing(
        self,
        who: Principal | None,
        name: str = "",
        state: State | None = None,
        most: int = 100,
        after: str = "",
        own: bool = False,
    ) -> Sequence[Run]:
        """Return at most so many runs that this account may see, the youngest first, behind the run `after`.

        Of those of others it is told where they stand; with `own` there are none of these. Behind a run that it may
        not see stands as little as behind one that never was. Raises BadInput for a `most` that is out of bounds.
        """
        everything = not own and self._runs_it(who)
        mine = None if who is None or everything else ("requester", who.ref)
        found = self._engine.filled(self._engine.runs(name, state, most=most, given=mine, after=after))
        return [
            one if _is_of(one, who) else _standing(one) for one in found if everything or _is_of(one, who)
        ]

    def timeline(self, run: str, who: Principal | None) -> Sequence[Moment]:
        """Return the steps of a run in order; raises NotFound. Of another's run: their names, times and states."""
        found = self.show(run, who)
        moments = moments_of(*self._engine.steps(run), over=found.state in ENDED)
        return moments if _is_of(found, who) else [one.bare() for one in moments]

    def known(self) -> Sequence[Definition]:
        """Return what can be started, by name."""
        return self._engine.known()

    def sees_all(self, who: Principal) -> bool:
        """Return whether this account runs the installation, and so is told where all runs stand."""
        return self._runs_it(who)

    def resume(self, run: str, who: Principal | None, by: Actor) -> Run:
        """Let a run go on that is held or in quarantine; raises NotFound, Denied, Conflict."""
        self._change(run, who, by, "workflow.resumed", own=False)
        self._engine.resume(run)
        return self._engine.run(run)

    def cancel(self, run: str, who: Principal | None, by: Actor) -> Run:
        """End a run and undo what it gave to be undone; raises NotFound, Conflict."""
        self._change(run, who, by, "workflow.cancelled", own=True)
        self._engine.cancel(run)
        return self._engine.run(run)

    def _change(self, run: str, who: Principal | None, by: Actor, kind: str, *, own: bool) -> None:
        found = self.show(run, who)
        if not (own and _is_of(found, who)) and not self._runs_it(who):
            raise Denied("Only whoever runs the installation may do this.")
        self._audit.record([Entry(kind, by, {"run": run, "workflow": found.name})])

    def _runs_it(self, who: Principal | None) -> bool:
        if who is None:
            return True
        with self._database.read() as connection:
            return self._policy.standing(connection, who).decide("administer", WORKSPACE).allowed


def as_json(run: Run) -> dict[str, Json]:
    """Return a run as the interfaces show it."""
    return {
        "id": run.id,
        "workflow": run.name,
        "version": run.version,
        "state": run.state.value,
        "requester": run.given.get("requester", ""),
        "model": run.given.get("model", ""),
        "started_at": timestamp(run.started_at),
        "ended_at": timestamp(run.ended_at) if run.ended_at else None,
        "why": run.why,
        "undoing": run.undoing.value if run.undoing else None,
        "tells": dict(run.tells),
        "given": {name: value for name, value in run.given.items() if name not in NOT_SAID},
        "result": run.result,
    }


def _is_of(run: Run, who: Principal | None) -> bool:
    return who is None or run.given.get("requester") == who.ref


def _standing(run: Run) -> Run:
    said = {name: value for name, value in run.tells.items() if name == "stage"}
    # What a step failed with may say what it read; why something holds a run is ours.
    why = "" if run.state in ENDED else run.why
    return replace(run, tells=said, given={"requester": run.given.get("requester", "")}, result=None, why=why)
