"""The JSON that the routes of workflows and of tasks take and give."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from muniment.interfaces.rest.action_bodies import Name
from muniment.interfaces.rest.bodies import JsonObject, Taken


class StartRequest(Taken):
    """A workflow to start."""

    workflow: Name
    given: JsonObject
    """What it takes."""
    model: Annotated[str, Field(max_length=200)] = ""
    """Classifies and drafts."""
    key: Annotated[str, Field(max_length=200)] = ""
    """The same key of the same caller is the same run."""


class RunBody(BaseModel):
    """A run; of another's, whoever runs the installation is told where it stands."""

    id: str
    workflow: str
    version: int
    state: Literal["running", "waiting", "done", "failed", "cancelled", "quarantined", "held"]
    requester: str
    model: str
    started_at: str
    ended_at: str | None
    why: str
    """Why it failed, is held or in quarantine."""
    undoing: str | None
    """Where the undoing of a cancelled run stands."""
    tells: JsonObject
    given: JsonObject
    result: JsonObject | None


class RunsResponse(BaseModel):
    """Runs that the caller may see, the youngest first."""

    runs: list[RunBody]


class TaskRequest(Taken):
    """A task for a model with tools."""

    task: Annotated[str, Field(min_length=1, max_length=8_000)]
    model: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class TurnBody(BaseModel):
    """One move of the model and what came of it."""

    move: str
    about: str
    outcome: str
    action: str
    """Id of the action that it proposed."""
    integrity: str
    """Of all that the model had read by then: `user`, `system` or `untrusted`."""


class TaskResponse(BaseModel):
    """What came of a task."""

    id: str
    state: Literal["answered", "stopped"]
    text: str
    """The model's word; nothing of it is verified."""
    model: str
    turns: list[TurnBody]
    actions: list[str]
    """Ids of what it proposed."""
    usage: JsonObject
