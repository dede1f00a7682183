"""The keys: who keeps the one above all, what it wraps and how it is; and the keys of services."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from muniment.foundation import duration
from muniment.foundation.errors import BadInput, MunimentError, NotFound, TooMany
from muniment.foundation.keyring_file import read_head
from muniment.foundation.keys import ALGORITHM, PURPOSES
from muniment.governance.identity.api_keys import LONGEST_LIFE, IssuedKey
from muniment.governance.identity.principal import Principal
from muniment.governance.identity.scopes import SCOPES
from muniment.governance.identity.sessions import Session
from muniment.governance.policy.decision import KEYS
from muniment.governance.policy.rules import LONGEST_REASON
from muniment.interfaces.authenticate import Caller, PageSession, check_change, workspace_of
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.administration.changes import SURE, allowed, changed_on, refused, told
from muniment.interfaces.web.forms import form_of
from muniment.interfaces.web.rendering import render, say
from muniment.interfaces.web.shell import admitted, person, proving_anew
from muniment.interfaces.web.wording import minute
from muniment.settings import keyring_file

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
HERE = "administration.keys"
PAGE = "/administration/keys"
LISTED = 100
"""Keys of services on the page."""
_SCOPE_FIELDS = {f"scope_{scope}": scope for scope in SCOPES}


@router.get(PAGE)
async def keys(request: Request, session: PageSession, threads: Threads, done: str = "") -> Response:
    """Show how the keys are."""
    return HTMLResponse(await threads.run(lambda: _page(request, session, done=done)))


@router.post(f"{PAGE}/rotate")
async def rotate(request: Request, session: PageSession, threads: Threads) -> Response:
    """Make a new version of the key above all keys, and wrap the others under it."""
    fields = await form_of(request, "csrf", "reason", "keep", "sure")
    check_change(request, session, fields.get("csrf"))

    def work(who: Caller) -> None:
        if fields.get("sure") != SURE:
            raise BadInput(say("keys.unsure"), fix=say("keys.unsure_fix"))
        kept = fields.get("keep") == SURE
        workspace_of(request).key_changes.rotate(fields.get("reason", ""), kept, who.principal, who.actor)

    return await threads.run(lambda: changed_on(request, session, (HERE, PAGE), _page, work, done="rotated"))


@router.post(f"{PAGE}/services")
async def create(request: Request, session: PageSession, threads: Threads) -> Response:
    """Make a key for a service, and show it once."""
    fields = await form_of(request, "csrf", "service", "life", *_SCOPE_FIELDS)
    check_change(request, session, fields.get("csrf"))
    scopes = [scope for name, scope in _SCOPE_FIELDS.items() if fields.get(name) == SURE]

    def work(who: Caller) -> IssuedKey:
        service = Principal("service", fields.get("service", "").strip().removeprefix("service:"))
        life = duration.parsed(fields.get("life", "").strip())
        return workspace_of(request).key_changes.create_api_key(
            service, scopes, life, who.principal, who.actor
        )

    return await threads.run(lambda: _issued(request, session, work))


@router.post(PAGE + "/services/{key_id}/rotate")
async def rotate_service_key(
    key_id: str, request: Request, session: PageSession, threads: Threads
) -> Response:
    """Make a key in place of another, and show it once."""
    fields = await form_of(request, "csrf")
    check_change(request, session, fields.get("csrf"))

    def work(who: Caller) -> IssuedKey:
        changes = workspace_of(request).key_changes
        return changes.rotate_api_key(key_id, timedelta(hours=24), who.principal, who.actor)

    return await threads.run(lambda: _issued(request, session, work))


@router.post(PAGE + "/services/{key_id}/revoke")
async def revoke(key_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """End a key from the next request on."""
    fields = await form_of(request, "csrf")
    check_change(request, session, fields.get("csrf"))

    def work(who: Caller) -> None:
        workspace_of(request).key_changes.revoke_api_key(key_id, who.principal, who.actor)

    return await threads.run(lambda: changed_on(request, session, (HERE, PAGE), _page, work, done="revoked"))


def _issued(request: Request, session: Session, work: Callable[[Caller], IssuedKey]) -> Response:
    """Make a key and show it: the page that holds it is not kept anywhere, and is the only one that does."""
    who = admitted(request, session, HERE)
    if again := proving_anew(request, session, PAGE):
        return again
    try:
        made = work(who)
    except (NotFound, TooMany):
        raise
    except MunimentError as error:
        return refused(error, lambda trouble: _page(request, session, trouble))
    return HTMLResponse(_page(request, session, made=made), headers={"cache-control": "no-store"})


def _page(
    request: Request, session: Session, trouble: str = "", done: str = "", made: IssuedKey | None = None
) -> str:
    who, workspace = admitted(request, session, HERE), workspace_of(request)
    services = workspace.api_keys.latest(LISTED + 1)
    head = read_head(keyring_file(workspace.home))
    try:
        workspace.lease.check()
        lost = ""
    except MunimentError as error:
        lost = f"{error.public} {error.fix}".strip()
    values = {
        "here": HERE,
        "state": workspace.key_provider.describe(),
        "place": workspace.key_provider.place,
        "head": head,
        "algorithm": ALGORITHM.decode().rstrip("\x00"),
        "purposes": PURPOSES,
        "lease": workspace.lease.seconds,
        "lost": lost,
        "events": workspace.occurrences.lately("keys", 20, who.principal, who.actor),
        "services": services[:LISTED],
        "more": len(services) > LISTED,
        "listed": LISTED,
        "places": workspace.key_places.counts([one.id for one in services]),
        "scopes": SCOPES,
        "longest_life": LONGEST_LIFE.days,
        "may": allowed(request, session, {"change": ("manage_keys", KEYS)}),
        "made": made,
        "minute": minute,
        "longest": LONGEST_REASON,
        "trouble": trouble,
        "done": told("keys", done),
    }
    return render("administration/keys.html", say("keys.title"), person=person(request, session), **values)
