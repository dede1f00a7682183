"""What is done with a release: put in force, put before some people, taken back, a waiver asked for."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from muniment.app.releasing import Releasing, releasing_of
from muniment.assurance.release.gate import Verdict
from muniment.assurance.release.records import Release
from muniment.foundation.errors import BadInput, Conflict, MunimentError, NotFound
from muniment.governance.identity.sessions import Session
from muniment.interfaces.authenticate import Caller, PageSession, check_change, workspace_of
from muniment.interfaces.problems import problem_of
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.forms import form_of
from muniment.interfaces.web.quality.releases import PAGE, release_page, standing_of
from muniment.interfaces.web.rendering import say
from muniment.interfaces.web.shell import admitted, proving_anew

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

Work = Callable[[Releasing, Caller], object]


@router.post("/quality/releases/{name}/promote")
async def promote(name: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Put it in force, or before a share of people."""
    fields = await form_of(request, "csrf", "reason", "share")
    check_change(request, session, fields.get("csrf"))
    reason, stated = fields.get("reason", "").strip(), fields.get("share", "").strip()

    def work(rooms: Releasing, who: Caller) -> None:
        rooms.promotions.promote(name, reason, who.actor, who.principal, _share(stated))

    return await threads.run(lambda: _done(request, session, name, work))


@router.post("/quality/releases/{name}/rollback")
async def rollback(name: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """End its canary, or go back to the release that was in force before it."""
    fields = await form_of(request, "csrf", "reason")
    check_change(request, session, fields.get("csrf"))
    reason = fields.get("reason", "").strip()

    def work(rooms: Releasing, who: Caller) -> None:
        running, found = rooms.canary.running(), rooms.releases.find(name)
        leaves = running.release.id == found.release.id if running else found.in_force
        if not leaves:
            raise Conflict(say("release.moved"), fix=say("release.moved_fix"))
        went = rooms.promotions.rollback(reason, who.actor, who.principal)
        if went.failed:
            raise Conflict(say("release.not_back", what="; ".join(went.failed)))

    return await threads.run(lambda: _done(request, session, name, work))


@router.post("/quality/releases/{name}/waiver")
async def ask(name: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Ask that a finding be let pass by a second person."""
    fields = await form_of(request, "csrf", "reason", "block")
    check_change(request, session, fields.get("csrf"))
    reason, block = fields.get("reason", "").strip(), fields.get("block", "")

    def work(rooms: Releasing, who: Caller) -> None:
        def verdict(one: Release) -> Verdict:
            return rooms.checks.verdict(one, who.principal.ref)

        rooms.waivers.ask(name, block, reason, who.principal, who.actor, verdict)

    return await threads.run(lambda: _done(request, session, name, work))


def _share(stated: str) -> int | None:
    if not stated:
        return None
    if not stated.isascii() or not stated.isdigit():
        raise BadInput(say("release.no_share"), fix=say("release.no_share_fix"))
    return int(stated)


def _done(request: Request, session: Session, name: str, work: Work) -> Response:
    who, rooms = admitted(request, session, PAGE), releasing_of(workspace_of(request))
    made = standing_of(rooms, name).release
    back = f"/quality/releases/{quote(made.name, safe='')}"
    if anew := proving_anew(request, session, back):
        return anew
    try:
        work(rooms, who)
    except NotFound:
        raise
    except MunimentError as error:
        told = problem_of(error)
        said = f"{told.title} {told.detail}".strip()
        return HTMLResponse(release_page(request, session, name, trouble=said), told.status)
    return RedirectResponse(back, 303)
