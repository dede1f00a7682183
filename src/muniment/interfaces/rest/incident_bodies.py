"""The JSON of incidents over HTTP."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from muniment.governance.frozen import Frozen
from muniment.governance.incidents.incident import Severity, State
from muniment.interfaces.rest.action_bodies import Reason
from muniment.interfaces.rest.bodies import Taken


class FreezeBody(BaseModel):
    """Something that is frozen."""

    kind: Frozen
    name: str
    incident: str
    at: str
    by: str


class IncidentBody(BaseModel):
    """Something that has to be looked into."""

    id: str
    state: State
    rule: str
    """Of detection; empty where a person opened it."""
    subject: str
    severity: Severity
    says: str
    opened_at: str
    opened_by: str
    last_at: str
    count: int
    entries: list[int]
    """Places in the log that it rests on."""
    closed_at: str
    closed_by: str
    outcome: str
    frozen: list[FreezeBody]
    """What is frozen for it now."""


class IncidentsResponse(BaseModel):
    """Incidents, newest first."""

    incidents: list[IncidentBody]


class FreezeRequest(Taken):
    """What to freeze, or to thaw, and why."""

    kind: Frozen
    name: Annotated[str, Field(min_length=1, max_length=200)]
    reason: Reason


class CloseRequest(Taken):
    """What came of an incident."""

    outcome: Reason


class ClosedBody(BaseModel):
    """An incident that was closed."""

    id: str
    state: State
    closed_at: str
    closed_by: str
