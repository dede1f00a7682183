"""The JSON that the routes of tools, actions and approvals take and give."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from muniment.actions.action import State
from muniment.actions.stops import Kind
from muniment.governance.policy.roles import LONGEST_REASON
from muniment.interfaces.rest.bodies import JsonObject, Taken

Name = Annotated[str, Field(min_length=1, max_length=200)]
Digest = Annotated[str, Field(min_length=1, max_length=100)]
"""As it was shown."""
Ticket = Annotated[str, Field(min_length=1, max_length=200)]
"""What proves that it was shown; of `GET /v1/approvals/{id}`."""
Reason = Annotated[str, Field(min_length=1, max_length=LONGEST_REASON)]


class ToolBody(BaseModel):
    """A tool that the caller may use."""

    name: str
    says: str
    effect: str
    reversible: str
    sensitivity: str
    manifest: str
    """Digest of what somebody answers for."""
    enabled: bool
    arguments: JsonObject
    """JSON Schema of what it takes."""
    roles: JsonObject
    """What each argument is for, by its place."""


class ToolsResponse(BaseModel):
    """The tools that the caller may use, by name."""

    tools: list[ToolBody]


class ProposeRequest(Taken):
    """A call to propose."""

    tool: Name
    arguments: JsonObject
    """Taken as they are: names once, numbers that JSON can say exactly."""
    dry_run: bool = False
    """Only say what would become of it."""


class StepBody(BaseModel):
    """What one step of the decision found."""

    name: str
    outcome: Literal["pass", "ask", "deny"]
    reason: str


class ActionBody(BaseModel):
    """An action of the caller's own."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    id: str
    digest: str
    state: State
    tool: str
    arguments: JsonObject
    requester: str
    risk: str = Field(alias="class")
    approvers: int
    """How many people have to approve it."""
    approved_by: list[str]
    created_at: str
    changed_at: str
    expires_at: str
    result: object
    reason: str
    """Why it was not carried out, or what went wrong."""
    undo: JsonObject | None
    """The call that takes it back, where there is one."""


class ActionsResponse(BaseModel):
    """Actions of the caller's own, newest first."""

    actions: list[ActionBody]


class ProposalResponse(BaseModel):
    """What becomes of a call."""

    outcome: Literal["auto", "approval", "denied"]
    """`denied` of a dry run only: any other is answered with 403."""
    approvers: int
    steps: list[StepBody]
    """Why; for a person who signed in alone."""
    action: ActionBody | None
    """None of a dry run."""


class WaitingBody(BaseModel):
    """An action that waits for the caller, by its name; what it does is shown one by one."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    id: str
    tool: str
    requester: str
    risk: str = Field(alias="class")
    approvers: int
    approved_by: list[str]
    created_at: str
    expires_at: str


class InboxResponse(BaseModel):
    """What waits for the caller, oldest first."""

    approvals: list[WaitingBody]


class ValueBody(BaseModel):
    """One value of the arguments."""

    place: str
    value: object
    role: str
    shown: str
    """With a mark such as `[U+202E]` for each character that would not be seen."""
    remarks: list[str]
    """What a reader could take for something else."""
    integrity: str
    """Whose word it is: `user`, `system` or `untrusted`."""
    source: str
    reaches: str
    """Of a target: `ours` or `outside`."""


class ApprovalResponse(BaseModel):
    """All that a decision rests on."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    id: str
    digest: str
    ticket: str
    """Goes back with the decision: it proves that this was shown."""
    state: State
    requester: str
    tool: JsonObject
    arguments: JsonObject
    values: list[ValueBody]
    amount: str | None
    record: JsonObject
    context: str
    """`untrusted` where whoever proposed it may have read text of others."""
    planned: bool
    agent: JsonObject
    evidence: list[JsonObject]
    undo: str
    """The tool that takes it back; empty: none."""
    risk: str = Field(alias="class")
    rules: list[str]
    approvers: int
    assigned: list[str]
    decisions: list[JsonObject]
    created_at: str
    expires_at: str


class ApproveRequest(Taken):
    """What is approved."""

    digest: Digest
    ticket: Ticket


class RejectRequest(ApproveRequest):
    """What is rejected, and why."""

    reason: Reason


class ChoiceBody(ApproveRequest):
    """One action of a list."""

    id: Name


class BatchRequest(Taken):
    """Actions that are approved together, each as it was shown."""

    decisions: Annotated[list[ChoiceBody], Field(min_length=1, max_length=10)]


class DecidedBody(BaseModel):
    """Where an action stands after a decision."""

    id: str
    state: State
    approvers: int
    approved_by: list[str]


class ListedBody(BaseModel):
    """What became of one action of a list."""

    id: str
    state: State | None
    """None where it went wrong."""
    code: str
    """Of what went wrong; empty: nothing."""


class BatchResponse(BaseModel):
    """What became of each, in the order of the list."""

    decisions: list[ListedBody]


class DelegateRequest(Taken):
    """Who stands in, and for how long."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    to: Name
    """A user's name."""
    lasts: Annotated[str, Field(alias="for", min_length=1, max_length=20)]
    """`1m` to `60d`."""


class DelegationBody(BaseModel):
    """One person in the place of another."""

    id: str
    from_person: str
    to_person: str
    until: str
    ended_at: str | None


class DelegationsResponse(BaseModel):
    """Those from and to the caller, newest first."""

    delegations: list[DelegationBody]


class StopRequest(Taken):
    """What to stop."""

    kind: Kind
    name: Annotated[str, Field(max_length=200)] = ""
    """Of the tool or model."""
    reason: Reason


class StopBody(BaseModel):
    """One stop, and whether it lasts."""

    id: str
    kind: Kind
    name: str
    reason: str
    stopped_at: str
    stopped_by: str
    ended_at: str | None
    ended_by: str | None


class StopsResponse(BaseModel):
    """All stops, newest first."""

    stops: list[StopBody]
