"""The page of what a person, or an agent for them, proposed: where each stands, and what can be done about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, cast, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from muniment.actions.proposals import DENIED
from muniment.actions.state_groups import Group
from muniment.actions.view import leaves_of, listing_of, provenance_of, spelled_place, value_of
from muniment.foundation.errors import BadInput, Conflict, NotFound, TooMany
from muniment.governance.identity.sessions import Session
from muniment.interfaces.authenticate import PageSession, check_change, workspace_of
from muniment.interfaces.problems import problem_of
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.deciding.names import names_of
from muniment.interfaces.web.forms import form_of
from muniment.interfaces.web.rendering import render, say
from muniment.interfaces.web.shell import caller, person
from muniment.interfaces.web.wording import minute

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

LISTED = 30
"""Actions on one page."""
GROUPS = get_args(Group)


@router.get("/actions")
async def my_actions(
    request: Request,
    session: PageSession,
    threads: Threads,
    group: Annotated[str, Query(alias="state", max_length=20)] = "",
    after: Annotated[str, Query(max_length=64)] = "",
    one: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """List what the person, or an agent for them, proposed; or only one of them."""
    return HTMLResponse(await threads.run(lambda: _mine(request, session, "", group, after, one)))


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


def _done(request: Request, session: Session, action_id: str, work: Callable[[], object]) -> Response:
    try:
        work()
    except (NotFound, TooMany):
        raise
    except (Conflict, BadInput) as error:
        told = problem_of(error)
        return HTMLResponse(_mine(request, session, f"{told.title} {told.detail}".strip()), told.status)
    return RedirectResponse(f"/actions#{action_id}", 303)


def _mine(
    request: Request, session: Session, trouble: str = "", group: str = "", after: str = "", one: str = ""
) -> str:
    workspace, who = workspace_of(request), caller(session)
    chosen = cast("Group | None", group if group in GROUPS else None)
    if one:
        made = [workspace.actions.show(one, who.principal)]
    else:
        made = list(workspace.actions.mine(who.principal, LISTED + 1, chosen, after))
    shown = made[:LISTED]
    sources = workspace.actions.sources(who.principal, shown)
    stays = {"state": chosen} if chosen else {}
    older = urlencode({**stays, "after": shown[-1].id}) if len(made) > LISTED else ""
    values = {
        "here": "actions",
        "made": shown,
        "chosen": "one" if one else chosen or "",
        "groups": [(one, workspace.actions.count(who.principal, one)) for one in GROUPS],
        "given": {
            each.id: [
                (spelled_place(path), value_of(value, exact=False), provenance_of(each.bound, path, sources))
                for path, value in leaves_of(each.bound.arguments)
            ]
            for each in shown
        },
        "listing": listing_of,
        "newest": "/actions" + (f"?{urlencode(stays)}" if stays else "") if after else "",
        "older": f"/actions?{older}" if older else "",
        "names": names_of(workspace, *(d.person for each in shown for d in each.decisions)),
        "workflows": workspace.can_run_workflows,
        "minute": minute,
        "trouble": trouble,
    }
    return render("deciding/actions.html", say("actions.title"), person=person(request, session), **values)
