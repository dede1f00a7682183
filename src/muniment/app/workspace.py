"""One home folder with every room of it, each built when it is first used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from muniment import settings as settings_file
from muniment.app.acting import Acting
from muniment.app.adapters import frozen_database
from muniment.app.opened import PYTHON
from muniment.foundation.errors import BadInput, Conflict, NotFound
from muniment.foundation.sqlcipher import SqlCipherDatabase
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.identity.principal import Principal
from muniment.settings import Settings

if TYPE_CHECKING:
    import sqlalchemy as sa

    from muniment.assistant import agent_hands as hands
    from muniment.assistant.agent import TaskAgent
    from muniment.assistant.alone import Alone
    from muniment.assistant.answer import Assistant
    from muniment.assistant.answering import Answering
    from muniment.assistant.comparing import Comparing
    from muniment.assistant.conversations import Conversations
    from muniment.assistant.dialogue import Dialogue
    from muniment.assistant.feedback import Feedback
    from muniment.assistant.gate import Gate
    from muniment.assistant.given import Given
    from muniment.assistant.lineage import Lineage
    from muniment.assistant.recorded import RecordedSettings
    from muniment.assistant.replayed import Then
    from muniment.assistant.replaying import Replaying
    from muniment.assistant.rewriting import Rewriting
    from muniment.assistant.stages import Stages
    from muniment.assistant.values import Answer
    from muniment.assistant.workflows.runs import WorkflowRuns
    from muniment.assurance.backup.make import Backups
    from muniment.assurance.monitoring.monitoring import Monitoring
    from muniment.foundation.otlp.sending import Sending
    from muniment.foundation.telemetry.instruments import Read, Reads
    from muniment.foundation.workflows.engine import Workflows
    from muniment.governance.incidents.evidence import Evidence
    from muniment.governance.policy.decision import Resource
    from muniment.governance.policy.explain import Explaining
    from muniment.governance.policy.replay import Replay
    from muniment.governance.policy.trials import Trials
    from muniment.governance.privacy.erasure import Erasure
    from muniment.governance.privacy.handling import Handling
    from muniment.governance.privacy.holds import Holds
    from muniment.governance.privacy.retention import Retention
    from muniment.governance.privacy.subject_access import SubjectAccess
    from muniment.inference.catalog import Catalog
    from muniment.inference.gateway import Gateway
    from muniment.inference.prompt_file import Prompt
    from muniment.inference.prompt_registry import Prompts
    from muniment.inference.providers.local import LocalModels
    from muniment.inference.spending import Spending
    from muniment.knowledge.retrieval.retrieve import Retriever

AnyGateway = TypeVar("AnyGateway", bound="Gateway")


class Workspace(Acting):
    """A home that answers: all that muniment does, from Python."""

    @cached_property
    def catalog(self) -> Catalog:
        """The model endpoints."""
        from muniment.inference.catalog import Catalog

        return Catalog(settings_file.endpoints(self.settings, self.home), self.settings.answers.model)

    @cached_property
    def gateway(self) -> Gateway:
        """The way to every model."""
        from muniment.inference.gateway import Gateway

        return self._gateway(Gateway)

    def _gateway(self, kind: type[AnyGateway]) -> AnyGateway:
        from muniment.foundation.egress import Egress

        return kind(
            catalog=self.catalog,
            audit=self.audit,
            egress=Egress(
                self.catalog.origins(),
                settings_file.private_origins(self.settings),
                rules=self._egress_rules,
                on_refused=self._egress_refused,
            ),
            embedder=self.embedder,
            reranker=self.cross_encoder,
            spending=self.spending,
            local=self.local_models,
            clock=self.clock,
        )

    @cached_property
    def local_models(self) -> LocalModels:
        """The language models of this machine, each in a process of its own."""
        from muniment.inference.providers.local import LocalModels

        folders = settings_file.weight_folders(self.settings)
        return LocalModels(folders, self.home, self.settings.ingestion.isolation, self._models.local)

    @cached_property
    def spending(self) -> Spending:
        """What language models are asked for."""
        from muniment.inference.spending import Spending

        limits = settings_file.spending_limits(self.settings)
        return Spending(self.database, self.audit, self.repeats, self.clock, limits)

    @cached_property
    def lineage(self) -> Lineage:
        """Stored answers and how they came about."""
        from muniment.assistant.lineage import Lineage

        return Lineage(self.database, self.audit, self.policy, self.clock)

    @cached_property
    def stages(self) -> Stages:
        """When what happened on the way to an answer."""
        from muniment.assistant.stages import Stages

        return Stages(self.database, self.audit)

    @cached_property
    def comparing(self) -> Comparing:
        """Two answers side by side."""
        from muniment.assistant.comparing import Comparing

        return Comparing(self.database, self.audit, self.policy)

    @cached_property
    def evidence_gate(self) -> Gate:
        """What every claim must pass."""
        from muniment.assistant.gate import Gate

        return Gate(self.settings.answers.inferences)

    @cached_property
    def prompts(self) -> Prompts:
        """The prompts: drafts, candidates and the live one of each purpose."""
        from muniment.inference.prompt_registry import Prompts

        return Prompts(
            database=self.database,
            audit=self.audit,
            gate=self.gate,
            clock=self.clock,
            folder=self.home / "prompts",
            models=lambda: frozenset(one.name for one in self.catalog.endpoints()),
        )

    @cached_property
    def feedback(self) -> Feedback:
        """What people say of their answers."""
        from muniment.assistant.feedback import Feedback

        return Feedback(self.database, self.audit, self.policy, self.clock)

    @cached_property
    def monitoring(self) -> Monitoring:
        """What answers are like after a release."""
        from muniment.assurance.monitoring.monitoring import Monitoring

        return Monitoring(
            database=self.database,
            audit=self.audit,
            policy=self.policy,
            gate=self.gate,
            clock=self.clock,
            ids=self.ids,
            home=self.home,
            embedder=lambda: self.embedder,
            engine=lambda: self.workflows if self.can_run_workflows else None,
        )

    @cached_property
    def conversations(self) -> Conversations:
        """Questions that were asked one after the other, and who else may read them."""
        from muniment.assistant.conversations import Conversations

        return Conversations(self.database, self.audit, self.policy, self.clock, self.ids)

    @cached_property
    def dialogue(self) -> Dialogue:
        """Asking within conversations."""
        return self._dialogue(self.assistant)

    def dialogue_with(self, live: Callable[[str, str | None], Prompt]) -> Dialogue:
        """Return what asks within conversations with the prompts that `live` gives, for trials of others."""
        return self._dialogue(self.assistant_with(live))

    def _dialogue(self, assistant: Answering) -> Dialogue:
        from muniment.assistant.dialogue import Dialogue

        rewriting = self.rewriting if self.settings.answers.follow_ups == "model" else None
        return Dialogue(
            self.database, self.audit, assistant, self.conversations, self.clock, self.ids, rewriting
        )

    @cached_property
    def rewriting(self) -> Rewriting:
        """Follow-ups written in full by the model that answers."""
        from muniment.assistant.rewriting import Rewriting

        return Rewriting(
            database=self.database,
            policy=self.policy,
            gateway=self.gateway,
            live=self.prompts.live,
            ids=self.ids,
        )

    @cached_property
    def assistant(self) -> Answering:
        """Questions to answers with evidence, by the prompts of a canary for those that it has."""
        from muniment.assurance.release.canary_assistant import CanaryAssistant

        return CanaryAssistant(self.database, self.audit, self.prompts.live, self.assistant_with)

    def assistant_with(
        self,
        live: Callable[[str, str | None], Prompt],
        given: Given | Retriever | None = None,
        then: Then | None = None,
    ) -> Assistant:
        """Return an assistant that takes its prompts from `live`, for trials of another one.

        It takes its passages from what is `given`, where something is, and with `then` it repeats an earlier answer.
        """
        from muniment.assistant.answer import Assistant
        from muniment.assistant.inquiry import Inquiry
        from muniment.assistant.release import Release

        release = Release(self.database, self.audit, self.policy, earlier=then is not None)
        return Assistant(
            database=self.database,
            audit=self.audit,
            policy=self.policy,
            retriever=given or self.retriever,
            gateway=self.gateway,
            inquiry=Inquiry(
                database=self.database,
                gateway=self.gateway,
                gate=self.evidence_gate,
                release=release,
                live=live,
                ids=self.ids,
                when_sensitive=self.settings.answers.when_sensitive,
            ),
            release=release,
            lineage=self.lineage,
            clock=self.clock,
            ids=self.ids,
            passages=self.settings.answers.passages,
            sensitive=self.shown_in_answers,
            not_names=self.settings.sensitive.not_names,
            settings=self.recorded_settings,
            then=then,
        )

    @cached_property
    def replaying(self) -> Replaying:
        """Earlier searches done again."""
        from muniment.assistant.replaying import Replaying

        return Replaying(
            database=self.database,
            audit=self.audit,
            lineage=self.lineage,
            retriever=self.retriever,
            gateway=self.gateway,
            live=self.prompts.live,
            prompts=lambda: [one.prompt for one in self.prompts.all()],
            answering=self.assistant_with,
            settings=self.recorded_settings,
            passages=self.settings.answers.passages,
        )

    @cached_property
    def recorded_settings(self) -> RecordedSettings:
        """What lineage records of the settings."""
        from muniment.assistant.recorded import recorded_settings

        now, shipped = settings_file.described(self.settings), settings_file.described(Settings())
        return recorded_settings(now, shipped, self.audit.commitment)

    @cached_property
    def alone(self) -> Alone:
        """Language models asked without any document."""
        from muniment.assistant.alone import Alone

        return Alone(self.database, self.policy, self.gateway, self.prompts.live, self.ids)

    @cached_property
    def agent(self) -> TaskAgent:
        """Tasks done by a model with tools."""
        return self.agent_with(self.reads, self.actions, self.retriever)

    def agent_with(self, reads: hands.Reads, actions: hands.Acts, retriever: hands.Searches) -> TaskAgent:
        """Return an agent that reads, acts and searches by these hands, for trials of one."""
        from muniment.assistant.agent import TaskAgent
        from muniment.assistant.agent_moves import AgentMoves
        from muniment.assistant.taking import Taking

        moves = AgentMoves(
            database=self.database,
            reads=reads,
            actions=actions,
            retriever=retriever,
            taking=Taking(self.database, self.policy, self.gateway, self.prompts.live, self.ids),
        )
        return TaskAgent(
            database=self.database,
            audit=self.audit,
            policy=self.policy,
            tools=self.usable_tools,
            moves=moves,
            gateway=self.gateway,
            live=self.prompts.live,
            ids=self.ids,
        )

    @property
    def can_run_workflows(self) -> bool:
        """Whether what records workflows is installed; it is not loaded."""
        from importlib.util import find_spec

        return find_spec("dbos") is not None

    @cached_property
    def workflows(self) -> Workflows:
        """The workflows; whoever launches them runs them, one process at a time."""
        from muniment.assistant.drafting import Drafting
        from muniment.assistant.taking import Taking
        from muniment.assistant.workflows import definitions
        from muniment.assistant.workflows.rooms import Rooms
        from muniment.foundation.workflows.engine import Workflows

        asking = (self.database, self.policy, self.gateway, self.prompts.live, self.ids)
        rooms = Rooms(
            database=self.database,
            policy=self.policy,
            tools=self.tools,
            reads=self.reads,
            actions=self.actions,
            retriever=self.retriever,
            gateway=self.gateway,
            taking=Taking(*asking),
            drafting=Drafting(*asking),
            clock=self.clock,
        )
        place = self.home / "workflows.place"
        return Workflows(self.database, definitions(rooms), place, self.clock, self.ids)

    @cached_property
    def workflow_runs(self) -> WorkflowRuns:
        """Runs of workflows as people start and follow them."""
        from muniment.assistant.workflows.runs import WorkflowRuns

        return WorkflowRuns(self.database, self.audit, self.policy, self.workflows, self.ids)

    def readings(self) -> list[Read]:
        """Return what is read for the metrics, since it lies in the database; raises as that does."""
        from muniment.actions import measured as of_actions
        from muniment.assurance.monitoring import measured as of_monitoring
        from muniment.governance.audit import measured as of_audit
        from muniment.knowledge import measured as of_knowledge
        from muniment.knowledge.syncing import measured as of_syncing

        now = self.clock.now()
        with self.database.read() as connection:
            rooms = (of_audit, of_knowledge, of_syncing, of_actions, of_monitoring)
            found = [one for room in rooms for one in room.read(connection, now)]
        return [*found, *(self.workflows.depths() if "workflows" in self.__dict__ else ())]

    def sending(self, reads: Reads | None) -> Sending | None:
        """Return what hands telemetry to a collector; raises as `sending_of`."""
        from muniment.app.reporting import sending_of

        return sending_of(self.home, self.settings, self.clock, self.ids, self._egress_refused, reads)

    def close(self) -> None:
        """Stop what runs here and close what was opened."""
        if "page_images" in self.__dict__:
            self.page_images.close()
        if "workflows" in self.__dict__:
            self.workflows.close()
        super().close()

    def _tell_run(self, connection: sa.Connection, run: str, action: str, state: str) -> None:
        """Send word of an action to the run that proposed it; one that has ended needs none."""
        from muniment.assistant.workflows.hands import TOPIC

        with suppress(NotFound, Conflict):
            said = {"action": action, "state": state}
            self.workflows.send(run, TOPIC, said, f"{action}:{state}", within=connection)

    @cached_property
    def holds(self) -> Holds:
        """Legal holds."""
        from muniment.governance.privacy.holds import Holds

        return Holds(self.database, self.audit, self.gate, self.clock, self.ids)

    @property
    def erasure(self) -> Erasure:
        """Erasing people."""
        from muniment.governance.privacy.erasure import Erasure

        rooms = (self._forget_actions, self._forget_runs)
        return Erasure(self.database, self.audit, self.subjects, self.gate, rooms)

    @property
    def subject_access(self) -> SubjectAccess:
        """What is stored of a person, for that person."""
        from muniment.governance.privacy.subject_access import SubjectAccess

        return SubjectAccess(self.database, self.audit, self.gate, self.clock, self._answers_of)

    def _answers_of(self, connection: sa.Connection, who: Principal) -> Sequence[Mapping[str, object]]:
        from muniment.assistant.lineage import answers_of

        return [found.as_json() for found in answers_of(connection, who)]

    @cached_property
    def evidence(self) -> Evidence:
        """Evidence of incidents for people outside."""
        from muniment.assistant.lineage_evidence import lineage_evidence
        from muniment.governance.incidents.evidence import Evidence

        return Evidence(
            database=self.database,
            audit=self.audit,
            keyring=self.keyring,
            subjects=self.subjects,
            proofs=self.proofs,
            gate=self.gate,
            incidents=self.incidents,
            lineages=lineage_evidence,
        )

    @cached_property
    def retention(self) -> Retention:
        """How long things are kept."""
        from muniment.governance.privacy.retention import Retention

        return Retention(
            self.database, self.audit, self.clock, self.settings.retention, self._forget_ended_runs
        )

    def _forget_ended_runs(self, connection: sa.Connection, before: int, held: frozenset[str]) -> int:
        from muniment.foundation.canonical import exact
        from muniment.foundation.workflows.forgetting import forget_ended_runs

        kept = [f'"requester":{exact(ref).decode()}' for ref in sorted(held)]
        return forget_ended_runs(connection, self.database.beside, before, kept)

    def _forget_actions(
        self, connection: sa.Connection, ref: str, instead: str, by: Actor
    ) -> tuple[Mapping[str, int], Sequence[Entry]]:
        from muniment.actions.forgetting import forget_actions

        return forget_actions(connection, ref, instead, self.seals, by)

    def _forget_runs(
        self, connection: sa.Connection, ref: str, instead: str, by: Actor
    ) -> tuple[Mapping[str, int], Sequence[Entry]]:
        from muniment.foundation.canonical import exact
        from muniment.foundation.workflows.forgetting import forget_runs

        word, other = exact(ref).decode(), exact(instead).decode()
        return forget_runs(connection, self.database.beside, f'"requester":{word}', word, other), ()

    @property
    def shown_in_answers(self) -> Handling:
        """What answers do with sensitive values."""
        return self.settings.sensitive.to_reader()

    @cached_property
    def replay(self) -> Replay:
        """Decisions of the log, taken again."""
        from muniment.governance.policy.replay import Replay

        return Replay(self.database, self.audit, self.policy, self.clock, self.described)

    @cached_property
    def policy_trials(self) -> Trials:
        """Drafts of the policy, tried."""
        from muniment.governance.policy.trials import Trials

        return Trials(self.database, self.audit, self.policy, self.gate, self.policies, self.replay)

    @cached_property
    def explaining(self) -> Explaining:
        """Why somebody may or may not do something."""
        from muniment.governance.policy.explain import Explaining

        return Explaining(self.database, self.audit, self.directory, self.policy, self.gate, self.described)

    def described(self, resource: Resource) -> Resource | None:
        """Return a resource with what policy asks of it now, or None where there is no such thing.

        Of a model, what `resource` states, such as the sensitivity of what would be sent, is left as it is.
        """
        from muniment.actions.registry import resource_of
        from muniment.inference.gateway import endpoint_resource

        try:
            if resource.kind == "Model":
                known = endpoint_resource(self.catalog.get(resource.id))
                return replace(known, attributes={**known.attributes, **resource.attributes})
            if resource.kind == "Answer":
                return replace(resource, attributes={"owner": self.lineage.owner(resource.id).ref})
            if resource.kind == "Approval":
                return self.approvals.resource(resource.id)
            if resource.kind == "Tool":
                return resource_of(self.tools.show(resource.id).manifest)
        except (BadInput, NotFound):
            return None
        return resource

    @property
    def backups(self) -> Backups:
        """Encrypted copies; raises BadInput where the documents lie in Postgres, whose own tools copy them."""
        from muniment.assurance.backup.make import Backups

        if not isinstance(self._stored, SqlCipherDatabase):
            raise BadInput(
                f"The documents of this workspace lie in {self._stored.place}, which muniment does not copy.",
                fix="Use pg_dump for that schema, and keep keys/keyring.json and settings.toml of the home with the "
                "dump, which muniment does not encrypt.",
            )
        return Backups(
            home=self.home,
            database=self.database,
            copy=self._stored.copy_to,
            audit=self.audit,
            keyring=self.keyring,
            clock=self.clock,
            ids=self.ids,
            frozen=frozen_database,
        )

    def ask(
        self,
        question: str,
        as_: str | Principal,
        model: str | None = None,
        by: Actor | None = None,
        filters: Mapping[str, object] | None = None,
        schema: Mapping[str, object] | None = None,
    ) -> Answer:
        """Return an answer from what `as_` may read; for trusted local use, as the log records.

        With a JSON Schema, its `result` keeps to that.
        """
        from muniment.knowledge.retrieval.filters import of

        principal, limits = self.principal(as_), of(filters or {})
        return self.assistant.ask(
            principal, question, by or Actor(principal.ref, PYTHON), model, limits, schema
        )
