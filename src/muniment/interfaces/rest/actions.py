"""Proposing actions over HTTP, following one's own, and taking them back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, cast

from fastapi import APIRouter, Depends, Query, Request

from muniment.actions.arguments import read_arguments
from muniment.actions.context import PROGRAMS, Context
from muniment.actions.proposals import DENIED, Call, Outcome
from muniment.foundation.errors import Denied
from muniment.interfaces import problems
from muniment.interfaces.authenticate import Caller, workspace_of
from muniment.interfaces.rest.action_bodies import (
    ActionBody,
    ActionsResponse,
    ProposalResponse,
    ProposeRequest,
    StepBody,
)
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.rest.shared_paths import SharesItsPath
from muniment.interfaces.rest.tools import ToolUser

if TYPE_CHECKING:
    from muniment.app import Workspace

ALL = "/v1/actions"
ONE = "/v1/actions/{action_id}"
ALSO: dict[int | str, dict[str, Any]] = {
    409: {"description": "It is not in a state in which that can be done.", "content": problems.DOCUMENTED},
    502: {"description": "The tool gave nothing that can be used.", "content": problems.DOCUMENTED},
}
"""What else the routes of actions answer."""
router = APIRouter(tags=["actions"], route_class=SharesItsPath, responses=ALSO)


async def exact_body(request: Request) -> Mapping[str, object]:
    """Return the body as it was sent; raises BadInput for one that two readers could read differently."""
    return read_arguments(await request.body())


@router.post(ALL)
async def propose(
    body: ProposeRequest,
    request: Request,
    caller: ToolUser,
    threads: Threads,
    sent: Annotated[Mapping[str, object], Depends(exact_body)],
) -> ProposalResponse:
    """Propose a call: it is carried out at once, waits for people, or is denied with 403.

    Sent by a program, it is taken for the word of anybody.
    """
    workspace = workspace_of(request)
    call = Call(body.tool, cast("Mapping[str, object]", sent["arguments"]))

    def work() -> Outcome:
        made = workspace.actions.propose(
            caller.principal, caller.actor, call, context_of(caller), dry=body.dry_run
        )
        return _told(workspace, caller, call.tool, made, body.dry_run)

    return _proposal(caller, await threads.run(work))


@router.get(ALL)
async def actions(
    request: Request,
    caller: ToolUser,
    threads: Threads,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> ActionsResponse:
    """List the actions that you proposed, newest first."""
    found = await threads.run(lambda: workspace_of(request).actions.mine(caller.principal, limit))
    return ActionsResponse(actions=[ActionBody.model_validate(one.as_json()) for one in found])


@router.get(ONE)
async def action(action_id: str, request: Request, caller: ToolUser, threads: Threads) -> ActionBody:
    """Return an action that you proposed, as it stands."""
    found = await threads.run(lambda: workspace_of(request).actions.show(action_id, caller.principal))
    return ActionBody.model_validate(found.as_json())


@router.post(f"{ONE}/undo")
async def undo(action_id: str, request: Request, caller: ToolUser, threads: Threads) -> ProposalResponse:
    """Propose the call that takes an action of yours back; it is decided as any other."""
    workspace = workspace_of(request)

    def work() -> Outcome:
        made = workspace.actions.undo(action_id, caller.principal, caller.actor, context_of(caller))
        found = workspace.actions.show(action_id, caller.principal).undo or {}
        return _told(workspace, caller, str(found.get("tool", "")), made, False)

    return _proposal(caller, await threads.run(work))


@router.post(f"{ONE}/withdraw")
async def withdraw(action_id: str, request: Request, caller: ToolUser, threads: Threads) -> ActionBody:
    """Take a request of yours back that was not carried out."""
    approvals = workspace_of(request).approvals
    found = await threads.run(lambda: approvals.withdraw(action_id, caller.principal, caller.actor))
    return ActionBody.model_validate(found.as_json())


def context_of(caller: Caller) -> Context:
    """Return what is known of what was read before a caller proposed: of a program's reading nothing is."""
    return Context() if caller.in_person else PROGRAMS


def _told(workspace: Workspace, caller: Caller, tool: str, outcome: Outcome, dry: bool) -> Outcome:
    """Refuse what was denied: a tool that is not the caller's as one that there is not."""
    if outcome.verdict.outcome != "denied":
        return outcome
    workspace.usable_tools.get(caller.principal, tool)
    if dry:
        return outcome
    raise Denied(DENIED, fix=" ".join(outcome.verdict.reasons) if caller.in_person else "")


def _proposal(caller: Caller, outcome: Outcome) -> ProposalResponse:
    verdict, made = outcome.verdict, outcome.action
    steps = verdict.steps if caller.in_person else ()
    return ProposalResponse(
        outcome=verdict.outcome,
        approvers=verdict.approvers,
        steps=[StepBody(name=one.name, outcome=one.outcome, reason=one.reason) for one in steps],
        action=None if made is None else ActionBody.model_validate(made.as_json()),
    )
