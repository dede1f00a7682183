"""The page of one action: all of it, and the decision about it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from muniment.actions.action import Action
from muniment.actions.approvals import Approver, Shown
from muniment.actions.history import history
from muniment.actions.passages import MOST
from muniment.foundation.errors import MunimentError, NotFound, TooMany, Unauthenticated
from muniment.governance.identity.sessions import Session
from muniment.governance.policy.rules import LONGEST_REASON
from muniment.interfaces.authenticate import (
    PageSession,
    at_the_door,
    check_change,
    page_session,
    workspace_of,
)
from muniment.interfaces.problems import SIGN_IN, problem_of, wants_page
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.deciding.grouping import grouped
from muniment.interfaces.web.deciding.names import names_of
from muniment.interfaces.web.forms import form_of
from muniment.interfaces.web.rendering import render, say
from muniment.interfaces.web.shell import caller, person, proving_anew
from muniment.interfaces.web.way_back import remember
from muniment.interfaces.web.wording import minute, span

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/approvals/{action_id}")
async def approval(action_id: str, request: Request, threads: Threads) -> Response:
    """Show one of them, whole; whoever is not signed in comes back here once they are."""
    try:
        session = await at_the_door(request, lambda: page_session(request))
    except Unauthenticated:
        if not wants_page(request):
            raise
        response = RedirectResponse(SIGN_IN, 303)
        remember(request, response, f"/approvals/{action_id}")
        return response
    return HTMLResponse(await threads.run(lambda: _page(request, session, action_id)))


@router.get("/approvals/{action_id}/state")
async def state(action_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Tell a page that is open where its action stands now."""
    workspace, who = workspace_of(request), caller(session)

    def told() -> dict[str, str]:
        now = workspace.approvals.state(action_id, who.principal)
        return {"state": _stands(now), "says": say(f"approvals.state_{now.state}")}

    return JSONResponse(await threads.run(told))


@router.post("/approvals/{action_id}/approve")
async def approve(action_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Approve exactly what was shown."""
    fields = await form_of(request, "csrf", "digest", "ticket")
    check_change(request, session, fields.get("csrf"))

    def decided(who: Approver) -> Action:
        digest, ticket = fields.get("digest", ""), fields.get("ticket", "")
        return workspace_of(request).actions.approve(action_id, digest, ticket, who)

    return await threads.run(lambda: _decided(request, session, action_id, decided))


@router.post("/approvals/{action_id}/reject")
async def reject(action_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Reject it, with a reason."""
    fields = await form_of(request, "csrf", "digest", "ticket", "reason")
    check_change(request, session, fields.get("csrf"))

    def decided(who: Approver) -> Action:
        digest, ticket, reason = (fields.get(name, "") for name in ("digest", "ticket", "reason"))
        return workspace_of(request).approvals.reject(action_id, digest, ticket, reason.strip(), who)

    return await threads.run(lambda: _decided(request, session, action_id, decided, fields.get("reason", "")))


def _page(request: Request, session: Session, action_id: str, trouble: str = "", reason: str = "") -> str:
    workspace, who = workspace_of(request), caller(session)
    shown: Shown = workspace.approvals.show(action_id, who.principal, who.actor)
    view, mine, now = shown.view, who.principal.ref, workspace.clock.now()
    moments = history(shown.action, now)
    people = [
        *(one.person for one in moments),
        *(one.on_behalf_of for one in moments),
        *(*view.assigned, *view.escalates_to),
    ]
    values = {
        "here": "approvals",
        "view": view,
        "groups": grouped(view.fields),
        "passages": workspace.passages.of(shown.action.bound, view, who.principal, who.actor),
        "more": max(0, len(set(shown.action.bound.evidence)) - MOST),
        "moments": moments,
        "ticket": shown.ticket,
        "state": shown.action.state,
        "stands": _stands(shown.action),
        "open": shown.action.state == "waiting" and all(one.person != mine for one in view.decisions),
        "names": names_of(workspace, view.requester, *people),
        "age": span(view.age),
        "left": span(datetime.fromisoformat(view.expires_at) - now),
        "minute": minute,
        "trouble": trouble,
        "reason": reason,
        "longest": LONGEST_REASON,
    }
    return render(
        "deciding/approval.html",
        say("approvals.one", tool=view.tool),
        person=person(request, session),
        **values,
    )


def _stands(found: Action) -> str:
    """Return what changes whenever somebody decides or the action moves on."""
    return f"{found.state} {len(found.decisions)}"


def _decided(
    request: Request,
    session: Session,
    action_id: str,
    work: Callable[[Approver], Action],
    reason: str = "",
) -> Response:
    """Decide, and show what came of it; where the sign-in is too old, have the person sign in, then come back."""
    who = caller(session)
    if anew := proving_anew(request, session, f"/approvals/{action_id}"):
        return anew
    try:
        work(Approver(who.principal, who.actor, session.proved))
    except (NotFound, TooMany):
        raise
    except MunimentError as error:
        told = problem_of(error)
        said = f"{told.title} {told.detail}".strip()
        return HTMLResponse(_page(request, session, action_id, said, reason), told.status)
    return RedirectResponse(f"/approvals/{action_id}", 303)
