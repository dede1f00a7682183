"""Pages of sources: how each was read, what of it failed, who could read at a place, and setting that by hand."""

from __future__ import annotations

import shlex
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from muniment.foundation.errors import BadInput, MunimentError, NotFound
from muniment.governance.identity.clearance import LEVELS
from muniment.governance.identity.sessions import Session
from muniment.interfaces.authenticate import PageSession, check_change, workspace_of
from muniment.interfaces.problems import NOTHING_HERE
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.administration.refusal import Refusal, refusal_of
from muniment.interfaces.web.forms import form_of
from muniment.interfaces.web.rendering import render, say
from muniment.interfaces.web.shell import admitted, caller, person, proving_anew
from muniment.interfaces.web.wording import minute, short_span, span
from muniment.knowledge.access import AccessList
from muniment.knowledge.access_preview import Preview
from muniment.knowledge.formats import MEDIA_TYPES
from muniment.knowledge.source_pages import Ruling

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

HERE = "administration.sources"
_FIELDS = ("place", "allow", "deny", "sensitivity", "clear")
_KINDS = {media_type: kind for kind, media_type in MEDIA_TYPES.items()}
_CARE = ("pause", "resume", "retry", "remove")
_SAID = frozenset({"set", "cleared", *_CARE})


@router.get("/administration/sources")
async def sources(request: Request, session: PageSession, threads: Threads) -> Response:
    """List the sources that the person may look at."""
    workspace = workspace_of(request)

    def shown() -> str:
        who = admitted(request, session, HERE)
        listed = workspace.source_pages.listing(who.principal)
        values = {"here": HERE, "sources": listed, "minute": minute, "lasted": _lasted}
        return render(
            "administration/sources.html", say("sources.title"), person=person(request, session), **values
        )

    return HTMLResponse(await threads.run(shown))


@router.get("/administration/sources/{source_id}")
async def source(
    source_id: str,
    request: Request,
    session: PageSession,
    threads: Threads,
    after: Annotated[int, Query(ge=-1, le=2**62)] = -1,
    said: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    """Show one of them, with failures behind a place of the log."""

    def shown() -> str:
        admitted(request, session, HERE)
        return _page(request, session, source_id, after=after, said=said if said in _SAID else "")

    return HTMLResponse(await threads.run(shown))


@router.post("/administration/sources/{source_id}/readers")
async def readers(source_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Say who could read at a place."""
    fields = await form_of(request, "csrf", "place")
    check_change(request, session, fields.get("csrf"))

    def shown() -> Response:
        who, place = admitted(request, session, HERE), fields.get("place", "")
        try:
            ruling = workspace_of(request).source_pages.ruling(source_id, place, who.principal, who.actor)
        except MunimentError as error:
            refused = refusal_of(error)
            return HTMLResponse(
                _page(request, session, source_id, place=place, refused=refused), refused.status
            )
        return HTMLResponse(_page(request, session, source_id, place=place, ruling=ruling))

    return await threads.run(shown)


@router.post("/administration/sources/{source_id}/access")
async def preview(source_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Show who would gain and lose by a list set by hand."""
    fields = await form_of(request, "csrf", *_FIELDS)
    check_change(request, session, fields.get("csrf"))

    def shown() -> Response:
        admitted(request, session, HERE)
        return _previewed(request, session, source_id, fields)

    return await threads.run(shown)


@router.post("/administration/sources/{source_id}/access/set")
async def set_access(source_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Set what a preview showed."""
    fields = await form_of(request, "csrf", "digest", *_FIELDS)
    check_change(request, session, fields.get("csrf"))

    def done() -> Response:
        who = admitted(request, session, HERE)
        if anew := proving_anew(request, session, _place(source_id)):
            return anew
        access = _wanted(fields)
        try:
            workspace_of(request).access.confirm(
                source_id,
                fields.get("place", ""),
                access,
                fields.get("digest", ""),
                who.principal,
                who.actor,
            )
        except MunimentError as error:
            return _previewed(request, session, source_id, fields, refusal_of(error))
        said = "cleared" if access is None else "set"
        return RedirectResponse(f"{_place(source_id)}?said={said}", 303)

    return await threads.run(done)


@router.post("/administration/sources/{source_id}/care")
async def care(source_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Pause a connected source, let it go on, have what failed read again, or remove it."""
    fields = await form_of(request, "csrf", "do", "name")
    check_change(request, session, fields.get("csrf"))

    def done() -> Response:
        who, do = admitted(request, session, HERE), fields.get("do", "")
        if anew := proving_anew(request, session, _place(source_id)):
            return anew
        tended = workspace_of(request).source_care
        try:
            match do:
                case "pause":
                    tended.pause(source_id, who.principal, who.actor)
                case "resume":
                    tended.resume(source_id, who.principal, who.actor)
                case "retry":
                    tended.retry(source_id, who.principal, who.actor)
                case "remove":
                    tended.remove(source_id, fields.get("name", ""), who.principal, who.actor)
                case _:
                    raise BadInput("This form asks for nothing that is done here.")
        except NotFound as absent:
            raise NOTHING_HERE from absent
        except MunimentError as error:
            refused = refusal_of(error)
            return HTMLResponse(_page(request, session, source_id, refused=refused), refused.status)
        return RedirectResponse(f"{_place(source_id)}?said={do}", 303)

    return await threads.run(done)


def _previewed(
    request: Request, session: Session, name: str, fields: dict[str, str], refused: Refusal | None = None
) -> Response:
    """Show a preview, where there can be one; otherwise the form again with what stands in the way."""
    if anew := proving_anew(request, session, _place(name)):
        return anew
    who = caller(session)
    found: Preview | None = None
    told = refused or Refusal()
    try:
        found = workspace_of(request).access.preview(
            name, fields.get("place", ""), _wanted(fields), who.principal, who.actor
        )
    except MunimentError as error:
        told = refusal_of(error) if refused is None else refused
    if found is None:
        return HTMLResponse(_page(request, session, name, form=fields, refused=told), told.status)
    values = {
        "here": HERE,
        "name": name,
        "preview": found,
        "gaining": [one for one in found.moved if one.gains],
        "losing": [one for one in found.moved if one.loses],
        "form": {field: fields.get(field, "") for field in _FIELDS},
        "trouble": told.said,
    }
    page = render(
        "administration/access_preview.html",
        say("sources.preview_title"),
        person=person(request, session),
        **values,
    )
    return HTMLResponse(page, told.status)


def _page(
    request: Request,
    session: Session,
    name: str,
    *,
    after: int = -1,
    said: str = "",
    place: str = "",
    ruling: Ruling | None = None,
    form: dict[str, str] | None = None,
    refused: Refusal | None = None,
) -> str:
    workspace, who = workspace_of(request), caller(session)
    try:
        found = workspace.source_pages.show(name, after, who.principal, who.actor)
    except NotFound as absent:
        raise NOTHING_HERE from absent
    reading = found.listed.reading
    age = ""
    if reading is not None:
        age = span(workspace.clock.now() - datetime.fromisoformat(reading.began.at))
    row = found.listed.source
    values = {
        "here": HERE,
        "found": found,
        "source": row,
        "reading": reading,
        "age": age,
        "formats": sorted((_KINDS.get(kind, kind), count) for kind, count in found.counts.formats.items()),
        "command": f"muniment ingest {shlex.quote(row.location)} --source {shlex.quote(row.name)}",
        "levels": LEVELS,
        "place": place,
        "ruling": ruling,
        "form": {field: (form or {}).get(field, "") for field in _FIELDS},
        "said": said,
        "trouble": (refused or Refusal()).said,
        "after": after,
        "minute": minute,
        "lasted": _lasted,
        "fresh": found.listed.freshness,
    }
    return render("administration/source.html", row.name, person=person(request, session), **values)


def _wanted(fields: dict[str, str]) -> AccessList | None:
    """Return the list that a form states: one entry on a line, or None where it is to be cleared."""
    if fields.get("clear"):
        return None
    allow, deny = (
        frozenset(entry for line in fields.get(field, "").splitlines() if (entry := line.strip()))
        for field in ("allow", "deny")
    )
    return AccessList(allow, deny, fields.get("sensitivity", "").strip() or None)


def _lasted(seconds: float) -> str:
    return short_span(timedelta(seconds=int(seconds)))


def _place(name: str) -> str:
    return f"/administration/sources/{quote(name, safe='')}"
