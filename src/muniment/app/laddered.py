"""A workspace as the rungs of a ladder ask it."""

from __future__ import annotations

from muniment.app.workspace import Workspace
from muniment.assurance.release.ladder import asking


def laddered(workspace: Workspace) -> asking.Workspace:
    """Return what the rungs ask of a workspace."""
    return asking.Workspace(
        clock=workspace.clock,
        database=workspace.database,
        catalog=workspace.catalog,
        local_models=workspace.local_models,
        cross_encoder=workspace.cross_encoder,
        alone=workspace.alone,
        prompts=workspace.prompts,
        usable_tools=workspace.usable_tools,
        reads=workspace.reads,
        actions=workspace.actions,
        principal=workspace.principal,
        retriever_with=workspace.retriever_with,
        assistant_with=lambda retriever: workspace.assistant_with(workspace.prompts.live, retriever),
        agent_with=workspace.agent_with,
    )
