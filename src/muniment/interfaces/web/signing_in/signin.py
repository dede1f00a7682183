"""Signing in and out: by a one-time link, or through the organisation's identity provider."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from muniment.foundation.errors import Unauthenticated
from muniment.governance.identity.attempts import ATTEMPT_LIFE
from muniment.governance.identity.code_flow import Answer, NotFresh, Stranger
from muniment.governance.identity.issuer import CALLBACK
from muniment.interfaces.authenticate import (
    PageSession,
    attempt_cookie_name,
    check_change,
    check_origin,
    close_attempt_cookie,
    close_cookie,
    cookie_name,
    limits_of,
    open_attempt_cookie,
    open_cookie,
    page_session,
    workspace_of,
)
from muniment.interfaces.problems import NOTHING_HERE, SIGN_IN
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.forms import form_of
from muniment.interfaces.web.rendering import render, say
from muniment.interfaces.web.way_back import forget, way_back

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get(SIGN_IN)
async def sign_in_page(
    request: Request,
    threads: Threads,
    token: Annotated[str, Query(max_length=200)] = "",
    issuer: Annotated[str, Query(max_length=100)] = "",
    again: Annotated[str, Query(max_length=1)] = "",
) -> Response:
    """Ask whether to use the link, or through whom to sign in; with `issuer`, go there.

    Looking at a link, as mail scanners do, uses nothing up. A cookie that holds no more is taken back: where a server
    has several tenants, it would lead to its own again and again. `again` is for whoever is signed in, but too long.
    """
    workspace = workspace_of(request)
    if issuer:
        address, attempt = await threads.run(lambda: workspace.code_flow.begin(issuer, anew=bool(again)))
        response = RedirectResponse(address, 303)
        open_attempt_cookie(request, response, attempt, int(ATTEMPT_LIFE.total_seconds()))
        return response
    if token and not workspace.issuers:
        return HTMLResponse(_by_link(request, say("signin.title"), "confirm", token))
    try:
        await threads.run(lambda: page_session(request))
        if again:
            state = say("signin.again")
            return (
                _through(request, state, "again")
                if workspace.issuers
                else HTMLResponse(_by_link(request, state, "again"))
            )
    except Unauthenticated:
        ended = cookie_name(request) in request.cookies
        title, state = (say("signin.ended"), "ended") if ended else (say("signin.title"), "how")
        if workspace.issuers:
            response = _through(request, title, state)
        else:
            response = HTMLResponse(_by_link(request, title, state))
        if ended:
            close_cookie(request, response)
        return response
    return RedirectResponse("/", 303)


@router.post(SIGN_IN)
async def sign_in(request: Request, threads: Threads) -> Response:
    """Use up the link and open the session."""
    fields = await form_of(request, "token")
    check_origin(request)
    limits = limits_of(request)
    limits.check_stranger(request)
    try:
        session = await threads.run(lambda: workspace_of(request).sessions.redeem(fields.get("token", "")))
    except Unauthenticated:
        limits.failed(request)
        return HTMLResponse(_by_link(request, say("signin.spent"), "spent"), 401)
    response = RedirectResponse(way_back(request), 303)
    open_cookie(request, response, session)
    forget(request, response)
    return response


@router.get(CALLBACK)
async def signed_in(request: Request, threads: Threads) -> Response:
    """Take the provider's answer, open the session, and go where the browser remembers, whatever the answer says."""
    workspace, browser = workspace_of(request), request.cookies.get(attempt_cookie_name(request), "")
    if not workspace.issuers:
        raise NOTHING_HERE
    answer = _answer(request)
    response: Response
    try:
        session = await threads.run(lambda: workspace.code_flow.finish(answer, browser))
        response = RedirectResponse(way_back(request), 303)
        open_cookie(request, response, session)
        forget(request, response)
    except Stranger:
        response = _through(request, say("signin.stranger"), "stranger", 401)
    except NotFresh:
        response = _through(request, say("signin.not_fresh"), "not_fresh", 401)
    except Unauthenticated:
        response = _through(request, say("signin.refused"), "refused", 401)
    close_attempt_cookie(request, response)
    return response


@router.post("/signout")
async def sign_out(request: Request, session: PageSession, threads: Threads) -> Response:
    """End the session on this device."""
    fields = await form_of(request, "csrf")
    check_change(request, session, fields.get("csrf"))
    workspace = workspace_of(request)
    await threads.run(lambda: workspace.sessions.end(session.secret))
    if workspace.issuers:
        response = _through(request, say("signin.out"), "out")
    else:
        response = HTMLResponse(_by_link(request, say("signin.out"), "out"))
    close_cookie(request, response)
    return response


def _through(request: Request, title: str, state: str, status: int = 200) -> Response:
    workspace = workspace_of(request)
    places = {"providers": workspace.code_flow.names, "organisation": workspace.tenant_part}
    return HTMLResponse(render("signing_in/provider.html", title, state=state, **places), status)


def _by_link(request: Request, title: str, state: str, token: str = "") -> str:
    organisation = workspace_of(request).tenant_part
    return render("signing_in/signin.html", title, state=state, token=token, organisation=organisation)


def _answer(request: Request) -> Answer:
    """Read the provider's answer; what it says twice it has not said."""
    said: dict[str, str] = {}
    for name in ("state", "code", "iss", "error"):
        values = request.query_params.getlist(name)
        said[name] = values[0] if len(values) == 1 else ""
    return Answer(said["state"], said["code"], said["iss"], said["error"])
