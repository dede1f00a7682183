"""What ingestion held back, shown as far as its reviewer may read it, and the decision about it."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from muniment.foundation.errors import NotFound
from muniment.governance.identity.sessions import Session
from muniment.governance.policy.roles import LONGEST_REASON
from muniment.interfaces.authenticate import PageSession, check_change, workspace_of
from muniment.interfaces.problems import NOTHING_HERE
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.administration.changes import changed, told
from muniment.interfaces.web.forms import form_of
from muniment.interfaces.web.rendering import render, say
from muniment.interfaces.web.shell import admitted, person
from muniment.interfaces.web.wording import minute
from muniment.knowledge.quarantine_review import Verdict

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
HERE = "administration.quarantine"
PAGE = "/administration/quarantine"
LISTED = 100


@router.get(PAGE)
async def queue(request: Request, session: PageSession, threads: Threads, done: str = "") -> Response:
    """List what waits for a decision."""

    def shown() -> str:
        who = admitted(request, session, HERE)
        found = workspace_of(request).quarantine.listing(who.principal, who.actor, limit=LISTED + 1)
        values = {
            "here": HERE,
            "cases": found[:LISTED],
            "more": len(found) > LISTED,
            "listed": LISTED,
            "done": told("quarantine", done),
            "minute": minute,
        }
        return render(
            "administration/quarantine.html",
            say("quarantine.title"),
            person=person(request, session),
            **values,
        )

    return HTMLResponse(await threads.run(shown))


@router.get(PAGE + "/{case_id}")
async def case(case_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Show one of them."""
    return HTMLResponse(await threads.run(lambda: _page(request, session, case_id)))


@router.post(PAGE + "/{case_id}/release")
async def release(case_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Let it through."""
    return await _decide(case_id, request, session, threads, "released")


@router.post(PAGE + "/{case_id}/reject")
async def reject(case_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Leave it nobody's."""
    return await _decide(case_id, request, session, threads, "rejected")


async def _decide(
    case_id: str, request: Request, session: Session, threads: Threads, verdict: Verdict
) -> Response:
    fields = await form_of(request, "csrf", "content", "reason")
    check_change(request, session, fields.get("csrf"))

    def work() -> Response:
        who = admitted(request, session, HERE)
        review = workspace_of(request).quarantine

        def decided() -> None:
            content, reason = fields.get("content", ""), fields.get("reason", "")
            try:
                review.decide(case_id, verdict, reason, who.principal, who.actor, content)
            except NotFound as absent:
                raise NOTHING_HERE from absent

        return changed(
            request,
            session,
            PAGE,
            decided,
            lambda trouble: _page(request, session, case_id, trouble),
            done=verdict,
        )

    return await threads.run(work)


def _page(request: Request, session: Session, case_id: str, trouble: str = "") -> str:
    who = admitted(request, session, HERE)
    try:
        found = workspace_of(request).quarantine.show(case_id, who.principal, who.actor)
    except NotFound as absent:
        raise NOTHING_HERE from absent
    values = {
        "here": HERE,
        "found": found,
        "case": found.case,
        "place": f"{PAGE}/{quote(found.case.id, safe='')}",
        "longest": LONGEST_REASON,
        "trouble": trouble,
        "minute": minute,
    }
    return render(
        "administration/quarantine_case.html",
        say("quarantine.one"),
        person=person(request, session),
        **values,
    )
