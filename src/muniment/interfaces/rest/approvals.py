"""Deciding over HTTP on what waits for people: each action by the digest and the ticket of what was shown.

Invariants:
- no API key, certificate or exchanged token opens any of these routes;
- who decides is whoever signed in, a short while ago; nothing that is sent along says who.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Request, Security

from muniment.actions.action import Action
from muniment.actions.approvals import Approver, Choice
from muniment.foundation.duration import parsed
from muniment.foundation.errors import MunimentError
from muniment.governance.identity.principal import Principal
from muniment.interfaces.authenticate import Caller, api_caller, workspace_of
from muniment.interfaces.problems import problem_of
from muniment.interfaces.rest.action_bodies import (
    ApprovalResponse,
    ApproveRequest,
    BatchRequest,
    BatchResponse,
    DecidedBody,
    DelegateRequest,
    DelegationBody,
    DelegationsResponse,
    InboxResponse,
    ListedBody,
    RejectRequest,
    WaitingBody,
)
from muniment.interfaces.rest.actions import ALSO
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.rest.shared_paths import SharesItsPath

ALL = "/v1/approvals"
ONE = "/v1/approvals/{approval_id}"
DELEGATIONS = "/v1/approvals/delegations"
NEVER = datetime.fromtimestamp(0, UTC)
router = APIRouter(tags=["approvals"], route_class=SharesItsPath, responses=ALSO)
Person = Annotated[Caller, Security(api_caller, scopes=[])]
"""Opens to no key: a route without a scope does not."""


@router.get(ALL)
async def inbox(request: Request, caller: Person, threads: Threads) -> InboxResponse:
    """List what waits for you, by name: to decide, have each shown."""
    found = await threads.run(lambda: workspace_of(request).approvals.inbox(caller.principal))
    return InboxResponse(approvals=[WaitingBody.model_validate(one.as_json()) for one in found])


@router.get(DELEGATIONS)
async def delegations(request: Request, caller: Person, threads: Threads) -> DelegationsResponse:
    """List who decides in your place, and in whose place you do."""
    found = await threads.run(lambda: workspace_of(request).delegations.of(caller.principal))
    return DelegationsResponse(delegations=[DelegationBody.model_validate(asdict(one)) for one in found])


@router.post(DELEGATIONS)
async def delegate(
    body: DelegateRequest, request: Request, caller: Person, threads: Threads
) -> DelegationBody:
    """Let another person be asked in your place for a while; they need the right to approve themselves."""
    made = workspace_of(request).delegations
    to, lasts = Principal("user", body.to.removeprefix("user:")), parsed(body.lasts)
    found = await threads.run(lambda: made.make(caller.principal, to, lasts, caller.actor))
    return DelegationBody.model_validate(asdict(found))


@router.delete(f"{DELEGATIONS}/{{delegation_id}}")
async def undelegate(
    delegation_id: str, request: Request, caller: Person, threads: Threads
) -> DelegationBody:
    """End a delegation of yours."""
    made = workspace_of(request).delegations
    found = await threads.run(lambda: made.end(delegation_id, caller.principal, caller.actor))
    return DelegationBody.model_validate(asdict(found))


@router.post(f"{ALL}/batch")
async def approve_batch(
    body: BatchRequest, request: Request, caller: Person, threads: Threads
) -> BatchResponse:
    """Approve several actions, each as it was shown; none where one takes two people or is another than shown."""
    workspace = workspace_of(request)
    choices = [Choice(one.id, one.digest, one.ticket) for one in body.decisions]
    made = await threads.run(lambda: workspace.actions.approve_listed(choices, approver_of(caller)))
    return BatchResponse(
        decisions=[_listed(one.action, came) for one, came in zip(choices, made, strict=True)]
    )


@router.get(ONE)
async def approval(approval_id: str, request: Request, caller: Person, threads: Threads) -> ApprovalResponse:
    """Show all that a decision on an action rests on, with the digest and the ticket that it takes."""
    actions = workspace_of(request).actions
    found = await threads.run(lambda: actions.examine(approval_id, caller.principal, caller.actor))
    return ApprovalResponse.model_validate(found)


@router.post(f"{ONE}/approve")
async def approve(
    approval_id: str, body: ApproveRequest, request: Request, caller: Person, threads: Threads
) -> DecidedBody:
    """Approve exactly what you were shown; with the last approval that it needs it is carried out."""
    actions = workspace_of(request).actions
    return decided(
        await threads.run(lambda: actions.approve(approval_id, body.digest, body.ticket, approver_of(caller)))
    )


@router.post(f"{ONE}/reject")
async def reject(
    approval_id: str, body: RejectRequest, request: Request, caller: Person, threads: Threads
) -> DecidedBody:
    """Reject it for good, and say why."""
    approvals = workspace_of(request).approvals
    return decided(
        await threads.run(
            lambda: approvals.reject(approval_id, body.digest, body.ticket, body.reason, approver_of(caller))
        )
    )


def approver_of(caller: Caller) -> Approver:
    """Return a caller as whoever decides; a program never signed in."""
    return Approver(caller.principal, caller.actor, caller.signed_in or NEVER)


def decided(found: Action) -> DecidedBody:
    """Return what whoever decided is told: where it stands, never what the tool gave."""
    return DecidedBody.model_validate(found.as_json())


def _listed(made: str, came: Action | MunimentError) -> ListedBody:
    if isinstance(came, Action):
        return ListedBody(id=made, state=came.state, code="")
    return ListedBody(id=made, state=None, code=problem_of(came).code)
