"""Security suites on a workspace: scratch workspaces with hostile models beside those that are judged, and with
stand-ins for every system. Only here are hostile models given to a gateway; no setting can name one.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from muniment import settings as settings_file
from muniment.actions.manifest_folder import manifest_texts
from muniment.actions.runners.call import Runner
from muniment.app.scratch import ScratchWorkspace, scratch_workspace
from muniment.app.workspace import Workspace
from muniment.assurance.evaluation.hostile_models import (
    PREFIX,
    HostileModels,
    Watched,
    Watching,
    hostile_endpoints,
)
from muniment.assurance.evaluation.people import People
from muniment.assurance.evaluation.probed import Probed, Tenants
from muniment.assurance.evaluation.scratch import Corpus
from muniment.assurance.evaluation.scripted_systems import ScriptedSystems
from muniment.assurance.evaluation.security_folder import SecurityFolder, read_security_folder
from muniment.assurance.evaluation.security_subject import SecuritySubject, folder_digest
from muniment.foundation.errors import BadInput
from muniment.foundation.version import VERSION, source_digest
from muniment.governance.audit.entry import Json
from muniment.governance.identity.principal import OPERATOR
from muniment.inference.catalog import Catalog, Endpoint
from muniment.inference.gateway import Gateway
from muniment.inference.prompt_file import PURPOSES, Prompt
from muniment.inference.providers.provider import Provider

if TYPE_CHECKING:
    from collections.abc import Mapping

_ELSEWHERE = "https://systems.invalid"
"""Where the systems of manifests are said to be; nothing ever goes there."""
_WHY = "As the company of the suite says."


class _ProbedGateway(Gateway):
    watched: Watched
    hostile: HostileModels

    def _provider(self, endpoint: Endpoint) -> Provider:
        found = self.hostile.provider(endpoint) or super()._provider(endpoint)
        return Watching(found, endpoint, self.watched)


class ProbedWorkspace(ScratchWorkspace):
    """A scratch workspace in which scenarios are played."""

    people: People

    @cached_property
    def watched(self) -> Watched:
        """What is sent to models."""
        return Watched()

    @cached_property
    def systems(self) -> ScriptedSystems:
        """The systems of its tools."""
        return ScriptedSystems()

    @cached_property
    def running(self) -> Runner:
        """What carries out calls: the stand-ins."""
        return self.systems

    @cached_property
    def catalog(self) -> Catalog:
        """The endpoints of the workspace that is judged, and the hostile ones."""
        stated = settings_file.endpoints(self.settings, self.home)
        if any(one.name.startswith(PREFIX) for one in stated):
            raise BadInput(f"A model's name begins with {PREFIX}.", fix="Give it another name.")
        kept = self.settings.sensitive.to_model(settings_file.ModelSettings.model_fields["sensitive"].default)
        handled = replace(Endpoint("any", "local"), sensitive=kept)
        return Catalog([*stated, *hostile_endpoints(handled)], self.settings.answers.model)

    @cached_property
    def gateway(self) -> Gateway:
        """The way to every model, watched."""
        made = self._gateway(_ProbedGateway)
        made.watched, made.hostile = self.watched, HostileModels(self.watched)
        return made


def security_subject(
    workspace: Workspace, folder: Path, prompts: Sequence[Prompt] = (), model: str | None = None
) -> SecuritySubject:
    """Return what plays the scenarios of a suite's folder on workspaces like this one; close it afterwards.

    Raises BadInput for a broken folder, or for a model that there is not or whose key is missing.
    """
    read = read_security_folder(folder)
    judged = workspace.catalog.keyed(model)
    return SecuritySubject(
        lambda: _tenants(workspace, read, prompts),
        read.scenarios,
        name=judged.name,
        lineage={
            **_lineage(workspace, prompts, judged),
            "suite_folder": folder_digest(folder),
            "tools": folder_digest(read.tools),
        },
        model=judged.name,
    )


@contextmanager
def _tenants(workspace: Workspace, folder: SecurityFolder, prompts: Sequence[Prompt]) -> Generator[Tenants]:
    with ExitStack() as stack:

        def opened(corpus: Corpus) -> Probed:
            made = stack.enter_context(scratch_workspace(workspace, corpus, prompts, kind=ProbedWorkspace))
            made.people = People(made.directory, corpus.directory)
            made.systems.reads = folder.reads
            for text in manifest_texts(folder.tools, {"systems": _ELSEWHERE}):
                made.tools.add(text, None, OPERATOR)
            for role, member in folder.roles:
                if made.directory.knows(member):
                    made.roles.grant(role, member, _WHY, OPERATOR)
            return _probed(made)

        yield Tenants(opened(folder.here), lambda: opened(folder.there))


def _probed(made: ProbedWorkspace) -> Probed:
    return Probed(
        database=made.database,
        tokens=made.tokens,
        roles=made.roles,
        access=made.access,
        retriever=made.retriever,
        reading=made.reading,
        assistant=made.assistant,
        dialogue=made.dialogue,
        conversations=made.conversations,
        lineage=made.lineage,
        agent=made.agent,
        actions=made.actions,
        approvals=made.approvals,
        execution=made.execution,
        reads=made.reads,
        catalog=made.catalog,
        shown_in_answers=made.shown_in_answers,
        watched=made.watched,
        systems=made.systems,
        clock=made.clock,
        people=made.people,
        principal=made.principal,
    )


def _lineage(workspace: Workspace, prompts: Sequence[Prompt], judged: Endpoint) -> Mapping[str, Json]:
    given = {prompt.purpose: prompt for prompt in prompts}
    used = {purpose: given.get(purpose) or workspace.prompts.live(purpose) for purpose in PURPOSES}
    return {
        "endpoint": judged.version,
        "parts": workspace.gateway.parts(judged),
        "prompts": {purpose: prompt.digest for purpose, prompt in used.items()},
        "policy": workspace.policies.show().version,
        "settings": dict(workspace.recorded_settings.about(judged)),
        "code": VERSION,
        "source": source_digest(),
    }
