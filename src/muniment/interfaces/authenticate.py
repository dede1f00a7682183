"""Who is calling: a bearer token or API key, a service's certificate, or the session behind a browser's cookie.

Invariants:
- a credential that does not hold is refused, never passed over for another one in the same request;
- an API key opens only routes that name a scope which it has, over the connection that it is bound to, if it is;
- a change made with a cookie comes from a page of this very origin and carries the session's CSRF value;
- the cookie is HttpOnly and SameSite, and Secure everywhere but on plain HTTP to this machine.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, TypeVar, cast

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request
from fastapi.security import SecurityScopes
from starlette.responses import Response

from muniment.foundation.errors import Denied, Unauthenticated
from muniment.foundation.telemetry.tracing import Stage
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.identity.api_key_format import is_api_key
from muniment.governance.identity.delegation import is_delegated
from muniment.governance.identity.principal import Principal
from muniment.governance.identity.scopes import BY_KEY_ALONE
from muniment.interfaces.boundary import host_name
from muniment.interfaces.peer import certificate_of

if TYPE_CHECKING:
    from muniment.app import Workspace
    from muniment.governance.identity.api_keys import ApiKey
    from muniment.governance.identity.attempts import Attempt
    from muniment.governance.identity.sessions import Session
    from muniment.interfaces.limits import Limits

T = TypeVar("T")
CSRF_HEADER = "x-csrf-token"
AT_THE_DOOR = 40
"""Callers of one workspace whose credentials are looked at at one time."""
_SAFE = frozenset({"GET", "HEAD"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated principal and the door it came through."""

    principal: Principal
    actor: Actor
    scopes: frozenset[str] | None = None
    """What an API key is good for; None: whatever the principal may do."""
    key: ApiKey | None = None
    """The API key that it came with, if any."""
    signed_in: datetime | None = None
    """When the caller proved who they are, where it is they and no program of theirs."""

    @property
    def in_person(self) -> bool:
        """Return whether a person who signed in sent this themselves, so that its words are their own."""
        return self.principal.kind == "user" and self.scopes is None and self.signed_in is not None


def workspace_of(request: Request) -> Workspace:
    """Return the workspace that this server serves."""
    return cast("Workspace", request.app.state.workspace)


def limits_of(request: Request) -> Limits:
    """Return the limits of this server."""
    return cast("Limits", request.app.state.limits)


async def at_the_door(request: Request, work: Callable[[], T]) -> T:
    """Return what `work` returns, done by a thread of this workspace: others look at credentials meanwhile."""
    limiter = cast("CapacityLimiter", request.app.state.door)
    return await to_thread.run_sync(work, limiter=limiter)


async def api_caller(request: Request, route: SecurityScopes) -> Caller:
    """Authenticate a call of the HTTP interface and count it; raises Unauthenticated, Denied or TooMany.

    A route depends on it by `Security(api_caller, scopes=[...])`: without a scope, no API key opens the route.
    """
    return await at_the_door(request, lambda: _counted(request, route))


def _counted(request: Request, route: SecurityScopes) -> Caller:
    limits = limits_of(request)
    limits.check_stranger(request)
    try:
        with Stage("authenticate"):
            return _api_caller(request, route, limits)
    except Unauthenticated:
        limits.failed(request)
        raise


def _api_caller(request: Request, route: SecurityScopes, limits: Limits) -> Caller:
    given = request.headers.getlist("authorization")
    if given:
        scheme, _, token = given[0].partition(" ")
        if len(given) != 1 or scheme.lower() != "bearer":
            raise Unauthenticated(
                "Only one bearer token is taken.", fix="Send `Authorization: Bearer TOKEN`."
            )
        if is_api_key(token):
            return _key_caller(request, token, route, limits)
        if is_delegated(token):
            return _acting_caller(request, token, route, limits)
        subject = workspace_of(request).bearer.subject(token)
        limits.admit(request, subject.principal)
        actor = Actor(subject.principal.ref, "http")
        signed_in = datetime.fromtimestamp(subject.signed_in, UTC)
        return _person(request, route, Caller(subject.principal, actor, signed_in=signed_in))
    certificate = certificate_of(request)
    if certificate is not None and cookie_name(request) not in request.cookies:
        return _certified_caller(request, certificate, route, limits)
    session = page_session(request)
    if request.method not in _SAFE:
        check_change(request, session, request.headers.get(CSRF_HEADER))
    actor = Actor(session.principal.ref, "web")
    return _person(request, route, Caller(session.principal, actor, signed_in=session.proved))


def _person(request: Request, route: SecurityScopes, caller: Caller) -> Caller:
    """Refuse a caller without a key where the route takes nothing else."""
    missing = next((scope for scope in route.scopes if scope in BY_KEY_ALONE), None)
    if missing is not None:
        about = {"reason": "no key", "scope": missing}
        workspace_of(request).audit.record([Entry("api_key.refused", caller.actor, about)])
        raise Denied(
            f"Only an API key with the scope '{missing}' opens this.", fix="See `muniment api-key create`."
        )
    return caller


def _key_caller(request: Request, given: str, route: SecurityScopes, limits: Limits) -> Caller:
    workspace = workspace_of(request)
    key = workspace.api_keys.verify(given, certificate_of(request))
    limits.admit(request, key.principal)
    actor = Actor(key.principal.ref, "http", key.id)
    workspace.api_keys.permit(key, route.scopes, actor)
    workspace.key_places.note(key.id, key.principal.ref, request.client.host if request.client else "", actor)
    return Caller(key.principal, actor, key.scopes, key)


def _certified_caller(request: Request, certificate: bytes, route: SecurityScopes, limits: Limits) -> Caller:
    if request.method not in _SAFE and ("origin" in request.headers or "sec-fetch-site" in request.headers):
        check_origin(request)  # a browser shows its certificate to every page's requests
    known = workspace_of(request).client_certificates
    found = known.verify(certificate)
    limits.admit(request, found.principal)
    known.permit(found, route.scopes)
    return Caller(found.principal, found.actor, found.scopes)


def _acting_caller(request: Request, given: str, route: SecurityScopes, limits: Limits) -> Caller:
    delegation = workspace_of(request).delegation
    acting = delegation.verify(given, certificate_of(request))
    limits.admit(request, acting.principal, acting.key.principal)
    delegation.permit(acting, route.scopes)
    return Caller(acting.principal, acting.actor, acting.scopes)


def require_scope(request: Request, caller: Caller, scope: str) -> None:
    """Refuse a caller whose credential names scopes and not this one, on record; raises Denied."""
    if caller.scopes is None or scope in caller.scopes:
        return
    workspace = workspace_of(request)
    if caller.key is not None:
        workspace.api_keys.permit(caller.key, [scope], caller.actor)
    kind = "token.refused" if caller.actor.service else "certificate.refused"
    workspace.audit.record([Entry(kind, caller.actor, {"reason": "scope", "scope": scope})])
    raise Denied(f"This credential does not have the scope '{scope}'.", fix="Come with one that has it.")


def page_session(request: Request) -> Session:
    """Return the open session of a browser, and count the request; raises Unauthenticated or TooMany."""
    session = require_session(request)
    limits_of(request).admit(request, session.principal)
    return session


def require_session(request: Request) -> Session:
    """Return the session that a browser's cookie opens at this moment; raises Unauthenticated."""
    secret = request.cookies.get(cookie_name(request))
    session = workspace_of(request).sessions.session(secret) if secret else None
    if session is None:
        raise Unauthenticated("You are not signed in.", fix="Open a sign-in link, or send a bearer token.")
    return session


async def still_signed_in(request: Request) -> None:
    """Raise Unauthenticated where the session of a request that goes on has ended meanwhile."""
    await at_the_door(request, lambda: require_session(request))


async def _page_caller(request: Request) -> Session:
    def look() -> Session:
        with Stage("authenticate"):
            return page_session(request)

    return await at_the_door(request, look)


PageSession = Annotated["Session", Depends(_page_caller)]


def check_change(request: Request, session: Session, csrf: str | None) -> None:
    """Refuse a change that no page of ours sent; raises Denied."""
    check_origin(request)
    if csrf is None or not hmac.compare_digest(csrf.encode(), session.csrf.encode()):
        raise Denied("This form is out of date.", fix="Reload the page and send it again.")


def check_origin(request: Request) -> None:
    """Refuse a request that another site made the browser send; raises Denied.

    A browser that keeps the referrer to itself names its origin "null" on a form; it then vouches by
    `Sec-Fetch-Site`, which pages cannot set.
    """
    origins = request.headers.getlist("origin")
    host = request.headers.get("host", "")
    if len(origins) == 1 and origins[0] in {f"{request.url.scheme}://{host}", f"https://{host}"}:
        return
    unnamed = not origins or origins == ["null"]
    if unnamed and request.headers.getlist("sec-fetch-site") == ["same-origin"]:
        return
    raise Denied("This was not sent by a page of this server.", fix="Open the page here and send it again.")


def cookie_name(request: Request) -> str:
    """Return the session cookie's name; the prefix makes browsers insist on Secure and on this host."""
    return "__Host-muniment" if _secure(request) else "muniment"


def _secure(request: Request) -> bool:
    plain = request.url.scheme == "http" and host_name(request.headers.get("host", "")) in _LOOPBACK
    return not plain


def open_cookie(request: Request, response: Response, session: Session) -> None:
    """Hand the session to the browser until it closes."""
    response.set_cookie(
        cookie_name(request), session.secret, path="/", httponly=True, samesite="lax", secure=_secure(request)
    )


def close_cookie(request: Request, response: Response) -> None:
    """Take the session from the browser."""
    response.delete_cookie(
        cookie_name(request), path="/", httponly=True, samesite="lax", secure=_secure(request)
    )


def attempt_cookie_name(request: Request) -> str:
    """Return the name of the cookie that binds a sign-in through a provider to the browser that began it."""
    return cookie_name(request) + "-signin"


def open_attempt_cookie(request: Request, response: Response, attempt: Attempt, seconds: int) -> None:
    """Have the browser keep an attempt; it comes back with the provider's answer, which is another site's link."""
    response.set_cookie(
        attempt_cookie_name(request),
        attempt.browser,
        max_age=seconds,
        path="/",
        httponly=True,
        samesite="lax",
        secure=_secure(request),
    )


def close_attempt_cookie(request: Request, response: Response) -> None:
    """Take an attempt from the browser."""
    response.delete_cookie(
        attempt_cookie_name(request), path="/", httponly=True, samesite="lax", secure=_secure(request)
    )
