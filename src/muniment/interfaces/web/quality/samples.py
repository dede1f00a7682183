"""Pages of samples: which wait for the reviewer, drawing one, and how far reviewers agree."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from muniment.foundation.errors import BadInput, Denied
from muniment.governance.identity.sessions import Session
from muniment.governance.policy.rules import LONGEST_REASON
from muniment.interfaces.authenticate import PageSession, check_change, workspace_of
from muniment.interfaces.problems import problem_of
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.forms import form_of
from muniment.interfaces.web.rendering import render_report, say
from muniment.interfaces.web.shell import admitted, person
from muniment.interfaces.web.wording import day, minute

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

PAGE = "quality.review"
LISTED = 10
LARGEST = 200
"""Answers of a sample that is drawn here."""
LONGEST = 90
"""Days that one is drawn from."""
_HERE = "/quality/review"


@router.get(_HERE)
async def samples(request: Request, session: PageSession, threads: Threads) -> HTMLResponse:
    """List the newest samples with what waits in them for the reviewer."""
    return HTMLResponse(await threads.run(lambda: _page(request, session)))


@router.post(_HERE)
async def draw(request: Request, session: PageSession, threads: Threads) -> Response:
    """Draw a sample of stored answers."""
    fields = await form_of(request, "csrf", "size", "days", "reason")
    check_change(request, session, fields.get("csrf"))

    def drawn() -> Response:
        who = admitted(request, session, PAGE)
        try:
            size, days = (
                _number(fields.get("size", ""), say("samples.size"), LARGEST),
                _number(fields.get("days", ""), say("samples.days"), LONGEST),
            )
            reason = fields.get("reason", "").strip()
            sampling = workspace_of(request).monitoring.sampling
            sampling.draw(size, timedelta(days=days), reason, who.principal, who.actor)
        except (BadInput, Denied) as error:
            told = problem_of(error)
            said = f"{told.title} {told.detail}".strip()
            return HTMLResponse(_page(request, session, said), told.status)
        return RedirectResponse(_HERE, 303)

    return await threads.run(drawn)


@router.get("/quality/review/{set_id}/agreement")
async def agreement(set_id: str, request: Request, session: PageSession, threads: Threads) -> HTMLResponse:
    """Say how far two reviewers agree, and how good all answers of that time are."""

    def shown() -> str:
        who, rooms = admitted(request, session, PAGE), workspace_of(request).monitoring
        found = rooms.agreements.of(set_id, who.principal, who.actor)
        me = person(request, session)
        reads = any(key == "quality.live" for key, _ in me.openings)
        values = {
            "here": PAGE,
            "found": found,
            "told": rooms.qualities.told(set_id, who.principal, who.actor) if reads else None,
            "minute": minute,
            "day": day,
        }
        return render_report("quality/agreement.html", say("samples.agreement"), person=me, **values)

    return HTMLResponse(await threads.run(shown))


def _page(request: Request, session: Session, trouble: str = "") -> str:
    who = admitted(request, session, PAGE)
    values = {
        "here": PAGE,
        "sets": workspace_of(request).monitoring.reviewing.waiting(who.principal, who.actor, LISTED),
        "listed": LISTED,
        "largest": LARGEST,
        "days": LONGEST,
        "longest": LONGEST_REASON,
        "trouble": trouble,
        "day": day,
        "minute": minute,
    }
    title = say("samples.title")
    return render_report("quality/samples.html", title, person=person(request, session), **values)


def _number(stated: str, name: str, most: int) -> int:
    if not (stated.isascii() and stated.isdigit() and len(stated) < 6 and 1 <= int(stated) <= most):
        raise BadInput(say("samples.no_number", name=name), fix=say("samples.range", most=most))
    return int(stated)
