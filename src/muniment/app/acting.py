"""What is done in the world: tools, proposals, approvals and their execution."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from muniment.app.searching import Searching
from muniment.foundation.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable

    import sqlalchemy as sa

    from muniment.actions.actions import Actions
    from muniment.actions.approvals import Approvals
    from muniment.actions.asking import Asking
    from muniment.actions.assignment import Assignment
    from muniment.actions.calling import Calling
    from muniment.actions.claims import Claims
    from muniment.actions.decisions import Seals
    from muniment.actions.delegations import Delegations
    from muniment.actions.execution import Execution
    from muniment.actions.facts import Gathering
    from muniment.actions.inbox import Inbox
    from muniment.actions.notify import Notifications
    from muniment.actions.passages import Passages
    from muniment.actions.proposals import Proposals
    from muniment.actions.reads import Reads
    from muniment.actions.registry import Tools
    from muniment.actions.risk import RiskPolicy
    from muniment.actions.runners.call import Runner
    from muniment.actions.runners.credentials import CallCredentials
    from muniment.actions.stops import Stops
    from muniment.actions.usable import UsableTools
    from muniment.actions.viewing import Viewing
    from muniment.governance.frozen import Frozen
    from muniment.governance.incidents.detection.detection import Detection
    from muniment.governance.incidents.incidents import Incidents

T = TypeVar("T")


class Acting(Searching):
    """A home that acts."""

    def _tell_run(self, connection: sa.Connection, run: str, action: str, state: str) -> None:
        """Send word of an action to the run that proposed it; a home without workflows has none."""

    @cached_property
    def tools(self) -> Tools:
        """The tools and their manifests."""
        from muniment.actions.registry import Tools

        return Tools(self.database, self.audit, self.gate, self.clock)

    @cached_property
    def usable_tools(self) -> UsableTools:
        """The tools that each may use."""
        from muniment.actions.usable import UsableTools

        return UsableTools(self.database, self.policy, self.tools)

    @cached_property
    def incidents(self) -> Incidents:
        """Incidents, and what is frozen for them."""
        from muniment.governance.incidents.incidents import Incidents
        from muniment.knowledge.changes import rule_source

        return Incidents(
            database=self.database,
            audit=self.audit,
            gate=self.gate,
            known=self._can_be_frozen,
            ruled=rule_source,
            clock=self.clock,
            ids=self.ids,
        )

    @cached_property
    def detection(self) -> Detection:
        """Rules over the log."""
        from muniment.governance.incidents.detection.detection import Detection
        from muniment.governance.incidents.detection.rules import freezes_of, rules_of

        stated = self.settings.detection
        return Detection(
            database=self.database,
            audit=self.audit,
            incidents=self.incidents,
            rules=lambda: rules_of(stated, self._document_id),
            freezes=freezes_of(stated),
        )

    def _document_id(self, named: str) -> str | None:
        from muniment.knowledge.library import document_at, get_document

        source, _, path = named.partition("/")
        with self.database.read() as connection:
            found = get_document(connection, named) or document_at(connection, source, path)
        return found.id if found else None

    def _can_be_frozen(self, connection: sa.Connection, kind: Frozen, name: str) -> bool:
        from muniment.governance.identity.directory import account_since
        from muniment.governance.identity.principal import Principal
        from muniment.knowledge.library import source_names

        if kind == "user" or kind == "service":
            return account_since(connection, Principal(kind, name), active_only=False) is not None
        if kind == "source":
            return name in source_names(connection)
        if kind == "tool":
            return any(one.manifest.name == name for one in self.tools.all(connection))
        return name == self.settings.answers.model or name in self.settings.models

    @cached_property
    def stops(self) -> Stops:
        """The switch that stops agents."""
        from muniment.actions.stops import Stops

        return Stops(self.database, self.audit, self.gate, self.clock, self.ids)

    @cached_property
    def running(self) -> Runner:
        """What carries out calls of each kind."""
        from muniment.app.tool_runners import tool_runner

        return tool_runner(self.settings, self.home, self.call_credentials, self._egress_refused)

    @cached_property
    def call_credentials(self) -> CallCredentials:
        """What signs the credentials of calls."""
        from muniment.app.tool_runners import call_credentials

        return call_credentials(self.settings, self.keyring, self.clock, self.ids)

    @cached_property
    def calling(self) -> Calling:
        """Calls made and checked."""
        from muniment.actions.calling import Calling

        return Calling(self.running, self.tools)

    @cached_property
    def risk(self) -> RiskPolicy:
        """How consequential calls are: `risk.toml` of the home, else what ships."""
        from muniment.actions.risk import read_risk, shipped

        return _stated(self.home / "risk.toml", read_risk, shipped)

    @cached_property
    def assignment(self) -> Assignment:
        """Who is asked to approve: `approvals.toml` of the home, else what ships."""
        from muniment.actions.assignment import read_assignment, shipped

        return _stated(self.home / "approvals.toml", read_assignment, shipped)

    @cached_property
    def gathering(self) -> Gathering:
        """What verdicts need to know."""
        from muniment.actions.facts import Gathering
        from muniment.actions.recipients import Recipients

        return Gathering(self.risk, Recipients(self.settings.tools.mail_domains), self.clock)

    @cached_property
    def seals(self) -> Seals:
        """Seals of what people decide."""
        from muniment.actions.decisions import Seals

        return Seals(self.keyring)

    @cached_property
    def reads(self) -> Reads:
        """Calls of tools that only read."""
        from muniment.actions.reads import Reads

        return Reads(
            database=self.database,
            audit=self.audit,
            policy=self.policy,
            tools=self.tools,
            gathering=self.gathering,
            calling=self.calling,
            clock=self.clock,
            ids=self.ids,
        )

    @cached_property
    def delegations(self) -> Delegations:
        """Who decides for whom."""
        from muniment.actions.delegations import Delegations

        return Delegations(self.database, self.audit, self.clock, self.ids)

    @cached_property
    def asking(self) -> Asking:
        """Who is asked about what."""
        from muniment.actions.asking import Asking

        return Asking(self.policy, self.delegations, self.clock)

    @cached_property
    def inbox(self) -> Inbox:
        """What waits for a person, as a list to choose from."""
        from muniment.actions.inbox import Inbox

        return Inbox(self.database, self.policy, self.asking, self.viewing, self.clock)

    @cached_property
    def viewing(self) -> Viewing:
        """What approvers are shown."""
        from muniment.actions.viewing import Viewing

        return Viewing(self.tools, self.gathering, self.clock)

    @cached_property
    def passages(self) -> Passages:
        """The words that proposals rest on."""
        from muniment.actions.passages import Passages

        return Passages(self.database, self.reading)

    @cached_property
    def approvals(self) -> Approvals:
        """What waits for people."""
        from muniment.actions.approvals import Approvals

        return Approvals(
            database=self.database,
            audit=self.audit,
            policy=self.policy,
            gate=self.gate,
            seals=self.seals,
            asking=self.asking,
            viewing=self.viewing,
            clock=self.clock,
            tell=self._tell_run,
        )

    @cached_property
    def notifications(self) -> Notifications | None:
        """What tells people that something waits for them; None where the settings name no way."""
        from muniment.actions.notify import Notifications, Told
        from muniment.app.telling import senders_of
        from muniment.foundation.duration import parsed

        stated = self.settings.notifications
        senders = senders_of(self.home, self.settings, self._egress_refused)
        if not senders:
            return None
        return Notifications(
            database=self.database,
            audit=self.audit,
            delegations=self.delegations,
            may=self.approvals.asks,
            told=Told(stated.address, parsed(stated.remind), stated.mail_of, senders),
            key=self.keyring.object_key("tokens", b"", {"key": "notification-ids"}),
            clock=self.clock,
        )

    @cached_property
    def claims(self) -> Claims:
        """Claims and outcomes of actions."""
        from muniment.actions.claims import Claims

        return Claims(
            database=self.database,
            audit=self.audit,
            policy=self.policy,
            tools=self.tools,
            gathering=self.gathering,
            seals=self.seals,
            tenant=self.keyring.tenant,
            clock=self.clock,
            ids=self.ids,
            tell=self._tell_run,
        )

    @cached_property
    def proposals(self) -> Proposals:
        """From calls to actions."""
        from muniment.actions.proposals import Proposals

        return Proposals(
            database=self.database,
            audit=self.audit,
            policy=self.policy,
            tools=self.tools,
            gathering=self.gathering,
            assignment=self.assignment,
            versions=self.reads.version,
            tenant=self.keyring.tenant,
            clock=self.clock,
            ids=self.ids,
        )

    @cached_property
    def execution(self) -> Execution:
        """Carries out what was approved."""
        from muniment.actions.execution import Execution

        return Execution(self.claims, self.calling, self.reads.version)

    @cached_property
    def actions(self) -> Actions:
        """What people and agents do through muniment."""
        from muniment.actions.actions import Actions

        return Actions(
            database=self.database,
            tools=self.tools,
            proposals=self.proposals,
            approvals=self.approvals,
            execution=self.execution,
            clock=self.clock,
        )


def _stated(path: Path, read: Callable[[str], T], shipped: Callable[[], T]) -> T:
    """Return what a file of the home states, or what ships where there is none; raises BadInput naming the file."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return shipped()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read.", fix="Mend it, or remove it for what ships.") from error
    try:
        return read(text)
    except BadInput as error:
        raise BadInput(f"{path}: {error.public}", fix=error.fix) from error
