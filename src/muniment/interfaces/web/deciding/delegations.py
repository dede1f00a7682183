"""The page of who decides for whom: whom one lets be asked in one's place, until when, and for whom one is asked."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from muniment.foundation.clock import timestamp
from muniment.foundation.duration import parsed
from muniment.foundation.errors import BadInput, MunimentError, TooMany
from muniment.governance.identity.principal import Principal
from muniment.governance.identity.sessions import Session
from muniment.interfaces.authenticate import PageSession, check_change, workspace_of
from muniment.interfaces.problems import problem_of
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.deciding.names import names_of
from muniment.interfaces.web.forms import form_of
from muniment.interfaces.web.rendering import render, say
from muniment.interfaces.web.shell import caller, person, proving_anew
from muniment.interfaces.web.wording import minute

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

HERE = "/approvals/delegations"
TIMES = ("1d", "3d", "7d", "14d", "30d", "60d")
LISTED = 100


@router.get(HERE)
async def delegations(request: Request, session: PageSession, threads: Threads) -> Response:
    """Show who decides in the person's place, and in whose place they do."""
    return HTMLResponse(await threads.run(lambda: _page(request, session)))


@router.post(HERE)
async def delegate(request: Request, session: PageSession, threads: Threads) -> Response:
    """Let somebody else be asked in the person's place."""
    fields = await form_of(request, "csrf", "to", "for")
    check_change(request, session, fields.get("csrf"))
    workspace, who = workspace_of(request), caller(session)
    to, lasts = fields.get("to", "").strip(), fields.get("for", "")

    def work() -> Response:
        if anew := proving_anew(request, session, HERE):
            return anew
        try:
            if not to:
                raise BadInput(say("delegations.nobody_named"), fix=say("delegations.name_one"))
            # The directory would name whoever is called alike, to anybody who types.
            other = Principal("user", to.removeprefix("user:"))
            workspace.delegations.make(who.principal, other, parsed(lasts), who.actor)
        except TooMany:
            raise
        except MunimentError as error:
            told = problem_of(error)
            said = f"{told.title} {told.detail}".strip()
            return HTMLResponse(_page(request, session, said, to, lasts), told.status)
        return RedirectResponse(HERE, 303)

    return await threads.run(work)


@router.post(HERE + "/{delegation_id}/end")
async def end(delegation_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """End a delegation of the person's own."""
    fields = await form_of(request, "csrf")
    check_change(request, session, fields.get("csrf"))
    workspace, who = workspace_of(request), caller(session)
    await threads.run(lambda: workspace.delegations.end(delegation_id, who.principal, who.actor))
    return RedirectResponse(HERE, 303)


def _page(request: Request, session: Session, trouble: str = "", to: str = "", lasts: str = "") -> str:
    workspace, who = workspace_of(request), caller(session)
    found, now = workspace.delegations.of(who.principal)[:LISTED], timestamp(workspace.clock.now())
    ref = who.principal.ref
    values = {
        "here": "approvals",
        "mine": [one for one in found if one.from_person == ref and not one.ended_at and one.until > now],
        "theirs": [one for one in found if one.to_person == ref and not one.ended_at and one.until > now],
        "over": [one for one in found if one.ended_at or one.until <= now],
        "names": names_of(workspace, *(p for one in found for p in (one.from_person, one.to_person))),
        "times": TIMES,
        "to": to,
        "lasts": lasts,
        "minute": minute,
        "trouble": trouble,
    }
    return render(
        "deciding/delegations.html", say("delegations.title"), person=person(request, session), **values
    )
