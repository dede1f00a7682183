"""What people and agents do through muniment: propose, follow, and take back. One way in for every interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa

from muniment.actions import store
from muniment.actions.action import Action
from muniment.actions.approvals import Approvals, Approver
from muniment.actions.context import Context
from muniment.actions.execution import Execution
from muniment.actions.labels import USERS
from muniment.actions.proposals import Call, Outcome, Proposals
from muniment.actions.reading import Reading, reading
from muniment.actions.registry import Tools
from muniment.actions.selectors import resolve
from muniment.actions.tables import action
from muniment.foundation.clock import Clock
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, Conflict, MunimentError
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import Principal

MOST = 1_000


class Actions:
    """The actions of one workspace."""

    def __init__(
        self,
        *,
        database: Database,
        tools: Tools,
        proposals: Proposals,
        approvals: Approvals,
        execution: Execution,
        clock: Clock,
    ) -> None:
        self._database = database
        self._tools = tools
        self._proposals = proposals
        self._approvals = approvals
        self._execution = execution
        self._clock = clock

    def propose(
        self, principal: Principal, by: Actor, call: Call, context: Context | None = None, dry: bool = False
    ) -> Outcome:
        """Propose a call; one that needs nobody is carried out at once. `dry` only says what would become of it."""
        outcome = self._proposals.propose(principal, by, call, context, dry)
        if outcome.action is None or outcome.action.state != "approved":
            return outcome
        return replace(outcome, action=self.whole(self._execution.run(outcome.action.id, by)))

    def approve(self, made: str, digest: str, ticket: str, who: Approver) -> Action:
        """Approve an action; with the last approval that it needs it is carried out."""
        found = self._approvals.approve(made, digest, ticket, who)
        if found.state != "approved":
            return found
        return self.whole(self._execution.run(made, who.by))

    def show(self, made: str, principal: Principal) -> Action:
        """Return an action of this requester; raises NotFound for another's."""
        with self._database.read() as connection:
            row = store.row_of(connection, made)
            if row.requester != principal.ref:
                raise store.absent()
            return self._whole(connection, store.read(connection, row, self._clock))

    def mine(self, principal: Principal, limit: int = 100) -> Sequence[Action]:
        """Return what this requester proposed, newest first."""
        query = (
            sa.select(action)
            .where(action.c.requester == principal.ref)
            .order_by(action.c.created_at.desc(), action.c.id)
            .limit(min(limit, MOST))
        )
        with self._database.read() as connection:
            return [
                self._whole(connection, store.read(connection, row, self._clock))
                for row in connection.execute(query)
            ]

    def any_of(self, principal: Principal) -> bool:
        """Return whether this requester ever proposed anything."""
        query = sa.select(action.c.id).where(action.c.requester == principal.ref).limit(1)
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def undo(self, made: str, principal: Principal, by: Actor) -> Outcome:
        """Propose the call that takes an action of this requester back; raises Conflict where there is none."""
        found = self.show(made, principal)
        if found.undo is None:
            raise Conflict(f"{made} cannot be taken back.", fix="Its tool has no undo, or it was not done.")
        arguments = found.undo["arguments"]
        if not isinstance(arguments, Mapping):
            raise BadInput("The undo of this tool has no arguments.", fix="Mend its manifest.")
        call = Call(str(found.undo["tool"]), {str(name): value for name, value in arguments.items()})  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        return self.propose(principal, by, call)

    def result(self, made: str, principal: Principal) -> Reading:
        """Return what an action of this requester gave, labelled by the manifest that it ran by."""
        found = self.show(made, principal)
        with self._database.read() as connection:
            manifest = self._tools.of_digest(connection, found.bound.manifest)
        if manifest is None or found.state != "done":
            raise Conflict(f"{made} is {found.state}.", fix="It has no result.")
        return reading(manifest, principal.ref, found.result, found.bound.values or found.bound.context)

    def whole(self, found: Action) -> Action:
        """Return an action with the call that takes it back, where there is one."""
        with self._database.read() as connection:
            return self._whole(connection, found)

    def _whole(self, connection: sa.Connection, found: Action) -> Action:
        manifest = self._tools.of_digest(connection, found.bound.manifest)
        if found.state != "done" or manifest is None or manifest.undo is None:
            return found
        given = {
            "result": reading(manifest, found.bound.requester, found.result, USERS),
            "arguments": reading(manifest, found.bound.requester, found.bound.arguments, USERS),
        }
        try:
            arguments = resolve(manifest.undo.arguments, given).value
        except MunimentError:
            return found
        return replace(found, undo={"tool": manifest.undo.tool, "arguments": arguments})
