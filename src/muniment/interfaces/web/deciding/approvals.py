"""Pages of actions: what waits for a person, one of them whole, and what became of the person's own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from muniment.actions.action import Action
from muniment.actions.approvals import Approver, Shown
from muniment.actions.proposals import DENIED
from muniment.actions.view import listing_of
from muniment.foundation.errors import BadInput, Conflict, MunimentError, NotFound, TooMany, Unauthenticated
from muniment.governance.identity.principal import Principal
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
from muniment.interfaces.web.forms import form_of
from muniment.interfaces.web.rendering import render, say
from muniment.interfaces.web.shell import caller, person, proving_anew
from muniment.interfaces.web.way_back import remember
from muniment.interfaces.web.wording import minute, span

if TYPE_CHECKING:
    from muniment.app import Workspace

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

LISTED = 100
"""Actions of a person's own on their page."""


@router.get("/approvals")
async def inbox(request: Request, session: PageSession, threads: Threads) -> Response:
    """List what waits for the person, what is most consequential first."""
    workspace, who = workspace_of(request), caller(session)

    def shown() -> str:
        lines = workspace.approvals.lines(who.principal)
        values = {
            "here": "approvals",
            "lines": lines,
            "names": _names(workspace, *(one.action.bound.requester for one in lines)),
            "ages": {one.action.id: _age(workspace, one.action) for one in lines},
            "minute": minute,
        }
        return render(
            "deciding/approvals.html", say("approvals.title"), person=person(request, session), **values
        )

    return HTMLResponse(await threads.run(shown))


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

    return await threads.run(lambda: _decided(request, session, action_id, decided))


@router.get("/actions")
async def my_actions(request: Request, session: PageSession, threads: Threads) -> Response:
    """List what the person, or an agent for them, proposed."""
    return HTMLResponse(await threads.run(lambda: _mine(request, session)))


@router.post("/actions/{action_id}/withdraw")
async def withdraw(action_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Take one's own request back."""
    fields = await form_of(request, "csrf")
    check_change(request, session, fields.get("csrf"))
    workspace, who = workspace_of(request), caller(session)

    def work() -> None:
        workspace.approvals.withdraw(action_id, who.principal, who.actor)

    return await threads.run(lambda: _done(request, session, action_id, work))


@router.post("/actions/{action_id}/undo")
async def undo(action_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Propose the call that takes an action back."""
    fields = await form_of(request, "csrf")
    check_change(request, session, fields.get("csrf"))
    workspace, who = workspace_of(request), caller(session)

    def work() -> None:
        if workspace.actions.undo(action_id, who.principal, who.actor).action is None:
            raise Conflict(DENIED, fix=say("actions.not_undone"))

    return await threads.run(lambda: _done(request, session, action_id, work))


def _page(request: Request, session: Session, action_id: str, trouble: str = "") -> str:
    workspace, who = workspace_of(request), caller(session)
    shown: Shown = workspace.approvals.show(action_id, who.principal, who.actor)
    view, mine = shown.view, who.principal.ref
    people = [
        view.requester,
        *(one.person for one in view.decisions),
        *(o.on_behalf_of for o in view.decisions),
    ]
    values = {
        "here": "approvals",
        "view": view,
        "ticket": shown.ticket,
        "state": shown.action.state,
        "open": shown.action.state == "waiting" and all(one.person != mine for one in view.decisions),
        "names": _names(workspace, *people),
        "age": span(view.age),
        "minute": minute,
        "trouble": trouble,
        "longest": LONGEST_REASON,
    }
    return render(
        "deciding/approval.html",
        say("approvals.one", tool=view.tool),
        person=person(request, session),
        **values,
    )


def _decided(
    request: Request, session: Session, action_id: str, work: Callable[[Approver], Action]
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
        return HTMLResponse(
            _page(request, session, action_id, f"{told.title} {told.detail}".strip()), told.status
        )
    return RedirectResponse(f"/approvals/{action_id}", 303)


def _done(request: Request, session: Session, action_id: str, work: Callable[[], object]) -> Response:
    try:
        work()
    except (NotFound, TooMany):
        raise
    except (Conflict, BadInput) as error:
        told = problem_of(error)
        return HTMLResponse(_mine(request, session, f"{told.title} {told.detail}".strip()), told.status)
    return RedirectResponse(f"/actions#{action_id}", 303)


def _mine(request: Request, session: Session, trouble: str = "") -> str:
    workspace, who = workspace_of(request), caller(session)
    made = workspace.actions.mine(who.principal, LISTED)
    values = {
        "here": "actions",
        "made": made,
        "listing": listing_of,
        "names": _names(workspace, *(d.person for one in made for d in one.decisions)),
        "minute": minute,
        "trouble": trouble,
    }
    return render("deciding/actions.html", say("actions.title"), person=person(request, session), **values)


def _names(workspace: Workspace, *refs: str) -> dict[str, str]:
    """Return what people call these accounts."""
    found: dict[str, str] = {}
    for ref in dict.fromkeys(refs):
        kind, _, name = ref.partition(":")
        if kind in ("user", "service") and name:
            found[ref] = workspace.directory.title(Principal(kind, name))
    return found


def _age(workspace: Workspace, one: Action) -> str:
    return span(workspace.clock.now() - datetime.fromisoformat(one.created_at))
