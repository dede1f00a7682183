"""The page of waivers: what a second person is asked to stand by."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from muniment.app.releasing import releasing_of
from muniment.foundation.errors import BadInput, Conflict, Denied
from muniment.governance.identity.sessions import Session
from muniment.interfaces.authenticate import PageSession, check_change, workspace_of
from muniment.interfaces.problems import NOTHING_HERE, problem_of
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.forms import form_of
from muniment.interfaces.web.rendering import render_report, say
from muniment.interfaces.web.shell import admitted, person, proving_anew
from muniment.interfaces.web.wording import minute

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

PAGE = "quality.waivers"
_HERE = "/quality/waivers"


@router.get(_HERE)
async def waivers(request: Request, session: PageSession, threads: Threads) -> HTMLResponse:
    """List the waivers that wait for somebody like the reader."""
    return HTMLResponse(await threads.run(lambda: _page(request, session)))


@router.post("/quality/waivers/{number}/agree")
async def agree(number: int, request: Request, session: PageSession, threads: Threads) -> Response:
    """Stand by one: the finding is let pass for a while."""
    fields = await form_of(request, "csrf", "reason")
    check_change(request, session, fields.get("csrf"))
    why = fields.get("reason", "").strip()

    def agreed() -> Response:
        who, rooms = admitted(request, session, PAGE), releasing_of(workspace_of(request))
        if anew := proving_anew(request, session, _HERE):
            return anew
        one = next((a for a in rooms.waivers.asked(who.principal, who.actor) if a.number == number), None)
        if one is None:
            raise NOTHING_HERE
        try:
            rooms.waivers.waive(
                one.release,
                one.block,
                why,
                one.requester,
                who.principal,
                who.actor,
                lambda made: rooms.checks.verdict(made, one.requester),
            )
        except (BadInput, Conflict, Denied) as error:
            told = problem_of(error)
            said = f"{told.title} {told.detail}".strip()
            return HTMLResponse(_page(request, session, said), told.status)
        return RedirectResponse(f"{_HERE}?agreed={number}", 303)

    return await threads.run(agreed)


def _page(request: Request, session: Session, trouble: str = "") -> str:
    who, rooms = admitted(request, session, PAGE), releasing_of(workspace_of(request))
    values = {
        "here": PAGE,
        "asked": rooms.waivers.asked(who.principal, who.actor),
        "agreed": "agreed" in request.query_params,
        "trouble": trouble,
        "minute": minute,
    }
    title = say("waivers.title")
    return render_report("quality/waivers.html", title, person=person(request, session), **values)
