"""The page of one answer to judge: blind to who asked, to what answered and to what others said."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from muniment.assurance.monitoring.reviewing import LONGEST_NOTE
from muniment.foundation.errors import BadInput, Conflict
from muniment.governance.identity.sessions import Session
from muniment.interfaces.authenticate import PageSession, check_change, workspace_of
from muniment.interfaces.problems import problem_of
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.forms import form_of
from muniment.interfaces.web.quality.samples import PAGE
from muniment.interfaces.web.rendering import render, say
from muniment.interfaces.web.shell import admitted, person

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/quality/review/{set_id}")
async def review(
    set_id: str,
    request: Request,
    session: PageSession,
    threads: Threads,
    after: Annotated[str, Query(max_length=64)] = "",
    settle: bool = False,
) -> HTMLResponse:
    """Show the next answer to judge."""
    return HTMLResponse(await threads.run(lambda: _page(request, session, set_id, settle, after)))


@router.post("/quality/review/{set_id}/label")
async def label(set_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Keep a verdict, and go on to the next."""
    fields = await form_of(request, "csrf", "item", "verdict", "note", "settle")
    check_change(request, session, fields.get("csrf"))
    settle = fields.get("settle") == "yes"

    def kept() -> Response:
        who, reviewing = admitted(request, session, PAGE), workspace_of(request).monitoring.reviewing
        item, verdict, note = (fields.get(name, "") for name in ("item", "verdict", "note"))
        try:
            if not verdict:
                raise BadInput(say("judging.none"), fix=say("judging.none_fix"))
            reviewing.label(item, who.principal, who.actor, verdict, note.strip(), settle)
        except (BadInput, Conflict) as error:
            told = problem_of(error)
            said = f"{told.title} {told.detail}".strip()
            return HTMLResponse(_page(request, session, set_id, settle, trouble=said, note=note), told.status)
        after = f"{quote(set_id, safe='')}?after={quote(item, safe='')}{'&settle=yes' if settle else ''}"
        return RedirectResponse(f"/quality/review/{after}", 303)

    return await threads.run(kept)


def _page(
    request: Request,
    session: Session,
    set_id: str,
    settle: bool,
    after: str = "",
    trouble: str = "",
    note: str = "",
) -> str:
    who = admitted(request, session, PAGE)
    reviewing = workspace_of(request).monitoring.reviewing
    values = {
        "here": PAGE,
        "set_id": set_id,
        "one": reviewing.next(set_id, who.principal, who.actor, settle, after),
        "settle": settle,
        "trouble": trouble,
        "note": note,
        "longest": LONGEST_NOTE,
    }
    return render("quality/judge.html", say("judging.title"), person=person(request, session), **values)
