"""What people and agents do through muniment: propose, follow, and take back. One way in for every interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import sqlalchemy as sa

from muniment.actions import store
from muniment.actions.action import Action, Refused
from muniment.actions.approvals import Approvals, Approver, Choice
from muniment.actions.bound import keyed_id
from muniment.actions.context import Context
from muniment.actions.execution import Execution
from muniment.actions.labels import USERS
from muniment.actions.particulars import particulars
from muniment.actions.proposals import Call, Outcome, Proposals
from muniment.actions.reading import Labelled, Reading, reading
from muniment.actions.registry import Tools
from muniment.actions.selectors import resolve
from muniment.actions.state_groups import Group, in_group, older_than
from muniment.actions.tables import action
from muniment.actions.titles import titles_of
from muniment.foundation.clock import Clock
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, Conflict, Denied, MunimentError
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

    def propose_once(
        self, principal: Principal, by: Actor, key: str, call: Call, context: Context | None = None
    ) -> Action:
        """Propose a call under a key, or return the action that it was proposed as; one that may run is carried out.

        Raises Denied where it is denied, Conflict where the key is another requester's.
        """
        made = keyed_id(key)
        with self._database.read() as connection:
            row = store.find(connection, made)
        if row is None:
            outcome = self._proposals.propose(principal, by, replace(call, id=made), context)
            if outcome.action is None:
                raise Denied("This was not allowed.", fix="; ".join(outcome.verdict.reasons))
        elif row.requester != principal.ref:
            raise Conflict("This key is another requester's.", fix="Use a key of your own.")
        return self.carried_out(made, principal, by)

    def carried_out(self, made: str, principal: Principal, by: Actor) -> Action:
        """Return an action of this requester, carried out if it is approved and nobody has begun to."""
        found = self.show(made, principal)
        if found.state == "approved":
            # Whoever else claims it carries it out, and one that no longer holds is over.
            with suppress(Conflict):
                self._execution.run(made, by)
            found = self.show(made, principal)
        return found

    def examine(self, made: str, who: Principal, by: Actor) -> dict[str, object]:
        """Show an action to whoever may decide on it, with the ticket that it takes; raises as `Approvals.show`."""
        shown = self._approvals.show(made, who, by)
        with self._database.read() as connection:
            manifest = self._tools.of_digest(connection, shown.action.bound.manifest)
        if manifest is None:
            raise Conflict(f"The tool of {made} cannot be read.", fix="Reject it.")
        return {**particulars(shown.action, manifest, shown.view), "ticket": shown.ticket}

    def approve(self, made: str, digest: str, ticket: str, who: Approver) -> Action:
        """Approve an action; with the last approval that it needs it is carried out."""
        found = self._approvals.approve(made, digest, ticket, who)
        if found.state != "approved":
            return found
        try:
            return self.whole(self._execution.run(made, who.by))
        except Refused:
            raise
        except Conflict:
            # The run that proposed it, or a server that takes up what was left, was quicker.
            with self._database.read() as connection:
                return self._whole(
                    connection, store.read(connection, store.row_of(connection, made), self._clock)
                )

    def approve_listed(self, choices: Sequence[Choice], who: Approver) -> Sequence[Action | MunimentError]:
        """Approve each action of a list by its own digest, and return what became of each, in order.

        Nothing is approved where `Approvals.check_listed` raises.
        """
        self._approvals.check_listed(choices, who)
        return [self._tried(one, who) for one in choices]

    def _tried(self, choice: Choice, who: Approver) -> Action | MunimentError:
        try:
            return self.approve(choice.action, choice.digest, choice.ticket, who)
        except MunimentError as error:
            return error

    def show(self, made: str, principal: Principal) -> Action:
        """Return an action of this requester; raises NotFound for another's."""
        with self._database.read() as connection:
            row = store.row_of(connection, made)
            if row.requester != principal.ref:
                raise store.absent()
            return self._whole(connection, store.read(connection, row, self._clock))

    def mine(
        self, principal: Principal, limit: int = 100, group: Group | None = None, after: str = ""
    ) -> Sequence[Action]:
        """Return what this requester proposed, newest first.

        `group` leaves those of one group of states, `after` those that stand behind an action.
        """
        query = (
            sa.select(action)
            .where(
                action.c.requester == principal.ref,
                *in_group(group, self._clock),
                *older_than(after, principal.ref),
            )
            .order_by(action.c.created_at.desc(), action.c.id)
            .limit(min(limit, MOST))
        )
        with self._database.read() as connection:
            return [
                self._whole(connection, store.read(connection, row, self._clock))
                for row in connection.execute(query)
            ]

    def count(self, principal: Principal, group: Group) -> int:
        """Return how many actions of this requester are in a group of states."""
        query = (
            sa.select(sa.func.count())
            .select_from(action)
            .where(action.c.requester == principal.ref, *in_group(group, self._clock))
        )
        with self._database.read() as connection:
            return connection.execute(query).scalar() or 0

    def sources(self, principal: Principal, made: Sequence[Action]) -> Mapping[str, str | None]:
        """Return the title of each document that values of these came from; None: this requester may not read it."""
        named = [origin.source for one in made for origin in one.bound.origins.values()]
        with self._database.read() as connection:
            return titles_of(connection, self._approvals.standing(connection, principal), named)

    def any_of(self, principal: Principal) -> bool:
        """Return whether this requester ever proposed anything."""
        query = sa.select(action.c.id).where(action.c.requester == principal.ref).limit(1)
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def undo(self, made: str, principal: Principal, by: Actor, context: Context | None = None) -> Outcome:
        """Propose the call that takes an action of this requester back; raises Conflict where there is none.

        Its arguments are of the manifest and the recorded result, and trusted no more than these.
        """
        found = self.show(made, principal)
        with self._database.read() as connection:
            undoing = self._undoing(connection, found)
        if undoing is None:
            raise Conflict(f"{made} cannot be taken back.", fix="Its tool has no undo, or it was not done.")
        tool, arguments = undoing
        if not isinstance(arguments.value, Mapping):
            raise BadInput("The undo of this tool has no arguments.", fix="Mend its manifest.")
        call = Call(tool, {str(name): value for name, value in arguments.value.items()})  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        return self.propose(principal, by, call, (context or Context()).saw(arguments.label))

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
        undoing = self._undoing(connection, found)
        if undoing is None:
            return found
        return replace(found, undo={"tool": undoing[0], "arguments": undoing[1].value})

    def _undoing(self, connection: sa.Connection, found: Action) -> tuple[str, Labelled] | None:
        manifest = self._tools.of_digest(connection, found.bound.manifest)
        if found.state != "done" or manifest is None or manifest.undo is None:
            return None
        given = {
            "result": reading(manifest, found.bound.requester, found.result, USERS),
            "arguments": reading(manifest, found.bound.requester, found.bound.arguments, USERS),
        }
        try:
            return manifest.undo.tool, resolve(manifest.undo.arguments, given)
        except MunimentError:
            return None
