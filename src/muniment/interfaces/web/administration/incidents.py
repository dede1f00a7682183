"""The incidents: what was found, what is frozen for it, what is to be done, and the evidence for people outside."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from muniment.foundation.errors import BadInput, MunimentError, NotFound, TooMany
from muniment.governance.audit.entry import StoredEntry
from muniment.governance.audit.query import Filter
from muniment.governance.frozen import Frozen
from muniment.governance.identity.sessions import Session
from muniment.governance.incidents.detection.rules import freezes_of
from muniment.governance.incidents.incident import Incident, Severity
from muniment.governance.policy.decision import AUDIT, WORKSPACE
from muniment.governance.policy.rules import LONGEST_REASON
from muniment.interfaces.authenticate import Caller, PageSession, check_change, workspace_of
from muniment.interfaces.problems import NOTHING_HERE
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.administration.changes import allowed, changed, changed_on, refused, told
from muniment.interfaces.web.attachment import attachment
from muniment.interfaces.web.forms import form_of
from muniment.interfaces.web.rendering import render, say
from muniment.interfaces.web.shell import admitted, person, proving_anew
from muniment.interfaces.web.wording import minute

if TYPE_CHECKING:
    from muniment.app import Workspace

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
HERE = "administration.incidents"
PAGE = "/administration/incidents"
_ID = re.compile(r"inc_[a-z2-7]{1,40}")
LISTED = 50
"""Closed incidents on the page; all that are open are listed."""
TOLD = 200
"""Entries of one incident's history."""
_RIGHTS = {
    "read": ("read_audit", AUDIT),
    "manage": ("manage_incident", WORKSPACE),
    "export": ("export_audit", AUDIT),
}
RUNBOOKS = (
    "leak-suspected",
    "account-taken-over",
    "api-key-leaked",
    "runaway-agent",
    "poisoned-source",
    "approval-abused",
    "model-endpoint-compromised",
    "key-compromised",
    "log-tampered",
    "backup-stolen",
)
"""In the guide, each the name of a page of commands."""


@router.get(PAGE)
async def incidents(request: Request, session: PageSession, threads: Threads, done: str = "") -> Response:
    """Show what is open and what is frozen."""
    return HTMLResponse(await threads.run(lambda: _page(request, session, done=done)))


@router.post(PAGE)
async def open_one(request: Request, session: PageSession, threads: Threads) -> Response:
    """Open one by hand."""
    fields = await form_of(request, "csrf", "subject", "severity", "says")
    check_change(request, session, fields.get("csrf"))

    def work(who: Caller) -> str:
        subject, severity, says = (fields.get(name, "").strip() for name in ("subject", "severity", "says"))
        incidents = workspace_of(request).incidents
        return f"{PAGE}/{incidents.open(subject, severity, says, who.principal, who.actor).id}"

    return await threads.run(lambda: changed_on(request, session, (HERE, PAGE), _page, work, done="opened"))


@router.get(PAGE + "/{incident_id}")
async def incident(
    incident_id: str, request: Request, session: PageSession, threads: Threads, done: str = ""
) -> Response:
    """Show one, with its history; whoever may act and not read finds the forms alone."""
    return HTMLResponse(await threads.run(lambda: _one(request, session, incident_id, done=done)))


@router.post(PAGE + "/{incident_id}/freeze")
async def freeze(incident_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Freeze something for it, from the next request on."""
    fields = await form_of(request, "csrf", "kind", "name", "reason")
    check_change(request, session, fields.get("csrf"))

    def work(workspace: Workspace, who: Caller) -> None:
        kind, name, reason = (fields.get(one, "").strip() for one in ("kind", "name", "reason"))
        workspace.incidents.freeze(incident_id, kind, name, reason, who.principal, who.actor)

    return await threads.run(lambda: _changed(request, session, incident_id, work, "frozen"))


@router.post(PAGE + "/{incident_id}/thaw")
async def thaw(incident_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """End a freeze of it."""
    fields = await form_of(request, "csrf", "kind", "name", "reason")
    check_change(request, session, fields.get("csrf"))

    def work(workspace: Workspace, who: Caller) -> None:
        kind, name, reason = (fields.get(one, "").strip() for one in ("kind", "name", "reason"))
        workspace.incidents.thaw(kind, name, reason, who.principal, who.actor, incident_id)

    return await threads.run(lambda: _changed(request, session, incident_id, work, "thawed"))


@router.post(PAGE + "/{incident_id}/close")
async def close(incident_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Close it; what is frozen stays so."""
    fields = await form_of(request, "csrf", "outcome")
    check_change(request, session, fields.get("csrf"))

    def work(workspace: Workspace, who: Caller) -> None:
        workspace.incidents.close(incident_id, fields.get("outcome", ""), who.principal, who.actor)

    return await threads.run(lambda: _changed(request, session, incident_id, work, "closed"))


@router.post(PAGE + "/{incident_id}/evidence")
async def evidence(incident_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Hand over its evidence, sealed to a public key."""
    fields = await form_of(request, "csrf", "key", "names")
    check_change(request, session, fields.get("csrf"))

    def sealed() -> Response:
        who = admitted(request, session, HERE)
        if again := proving_anew(request, session, f"{PAGE}/{incident_id}"):
            return again
        try:
            content = _sealed(workspace_of(request), incident_id, who, fields)
        except (NotFound, TooMany):
            raise
        except MunimentError as error:
            return refused(error, lambda trouble: _one(request, session, incident_id, trouble))
        return attachment(content, f"evidence-{incident_id}.sealed", "application/octet-stream")

    return await threads.run(sealed)


def _sealed(workspace: Workspace, incident_id: str, who: Caller, fields: dict[str, str]) -> bytes:
    key = fields.get("key", "").strip()
    if not key:
        raise BadInput(say("incidents.no_key"), fix=say("incidents.no_key_fix"))
    names = fields.get("names") == "yes"
    with tempfile.TemporaryDirectory() as folder:
        made = workspace.evidence.export(
            incident_id,
            Path(folder) / "evidence",
            who.principal,
            who.actor,
            f"{key}\n".encode(),
            names,
        )
        return made.file.read_bytes()


def _changed(
    request: Request,
    session: Session,
    incident_id: str,
    work: Callable[[Workspace, Caller], None],
    done: str,
) -> Response:
    who = admitted(request, session, HERE)
    return changed(
        request,
        session,
        f"{PAGE}/{incident_id}",
        lambda: work(workspace_of(request), who),
        lambda trouble: _one(request, session, incident_id, trouble),
        done=done,
    )


def _page(request: Request, session: Session, trouble: str = "", done: str = "") -> str:
    who, workspace = admitted(request, session, HERE), workspace_of(request)
    may = allowed(request, session, _RIGHTS)
    rooms = workspace.incidents
    opened = rooms.listing(who.principal, who.actor, "open") if may["read"] else []
    closed = rooms.listing(who.principal, who.actor, "closed", LISTED + 1) if may["read"] else []
    worst = get_args(Severity)[::-1]
    stated, freezes = workspace.settings.detection, freezes_of(workspace.settings.detection)
    values = {
        "here": HERE,
        "may": may,
        "opened": sorted(opened, key=lambda one: worst.index(one.severity)),
        "closed": closed[:LISTED],
        "more": len(closed) > LISTED,
        "listed": LISTED,
        "frozen": rooms.frozen(who.principal, who.actor) if may["read"] else [],
        "rules": [(name, getattr(stated, name), freezes[name]) for name in freezes],
        "runbooks": RUNBOOKS,
        "severities": get_args(Severity),
        "minute": minute,
        "longest": LONGEST_REASON,
        "trouble": trouble,
        "done": told("incidents", done),
    }
    return render(
        "administration/incidents.html", say("incidents.title"), person=person(request, session), **values
    )


def _one(request: Request, session: Session, incident_id: str, trouble: str = "", done: str = "") -> str:
    who, workspace = admitted(request, session, HERE), workspace_of(request)
    if not _ID.fullmatch(incident_id):
        raise NOTHING_HERE
    may = allowed(request, session, _RIGHTS)
    found = workspace.incidents.show(incident_id, who.principal, who.actor) if may["read"] else None
    values = {
        "here": HERE,
        "may": may,
        "id": incident_id,
        "one": found,
        "history": _history(workspace, found, who) if found else [],
        "kinds": get_args(Frozen),
        "minute": minute,
        "longest": LONGEST_REASON,
        "trouble": trouble,
        "done": told("incidents", done),
    }
    title = say("incidents.one", subject=found.subject) if found else incident_id
    return render("administration/incident.html", title, person=person(request, session), **values)


def _history(workspace: Workspace, found: Incident, who: Caller) -> list[StoredEntry]:
    """Return the entries of an incident's own, oldest first; raises NotPermitted."""
    wanted = Filter("incident.*", since=found.opened_at, about={"incident": found.id})
    return list(workspace.audit_reading.entries(wanted, None, TOLD, who.principal, who.actor).entries)
