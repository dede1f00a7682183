"""Pages of the log's proof: how it stands, verifying it, and what others need to verify it themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from muniment.foundation.errors import NotFound, Tampered
from muniment.governance.audit_proof import AuditProof, ChainState, Verified
from muniment.governance.identity.sessions import Session
from muniment.governance.policy.decision import AUDIT
from muniment.governance.policy.gate import NotPermitted
from muniment.interfaces.authenticate import Caller, PageSession, check_change, workspace_of
from muniment.interfaces.problems import NOTHING_HERE
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.attachment import attachment
from muniment.interfaces.web.auditing.words import by_words
from muniment.interfaces.web.forms import form_of
from muniment.interfaces.web.rendering import render, say
from muniment.interfaces.web.shell import admitted, person
from muniment.interfaces.web.wording import minute

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

_Number = Annotated[int, Query(ge=0, le=2**53)]
_TEXT, _PYTHON = "text/plain; charset=utf-8", "text/x-python; charset=utf-8"


@router.get("/audit/proof")
async def proof(request: Request, session: PageSession, threads: Threads) -> Response:
    """Show how the log stands, who outside holds it, and what the last verification came to."""

    def shown() -> str:
        return _page(request, session, admitted(request, session, "audit.proof"))

    return HTMLResponse(await threads.run(shown))


@router.post("/audit/proof")
async def verify(request: Request, session: PageSession, threads: Threads) -> Response:
    """Verify the log, or the next part of a long one; what it came to is on record and shown."""
    fields = await form_of(request, "csrf", "anew")
    check_change(request, session, fields.get("csrf"))

    def verified() -> Response:
        who = admitted(request, session, "audit.proof")
        proving = workspace_of(request).audit_proof
        proving.verify(fields.get("anew") == "yes", who.principal, who.actor)
        return RedirectResponse("/audit/proof#verified", 303)

    return await threads.run(verified)


@router.get("/audit/proof/checkpoint")
async def checkpoint(request: Request, session: PageSession, threads: Threads) -> Response:
    """Give a signed checkpoint of the log as it stands."""

    def taken(proving: AuditProof, who: Caller) -> Response:
        made = proving.checkpoint(who.principal, who.actor)
        return attachment(made.text, f"checkpoint-{made.size}.txt", _TEXT)

    return await threads.run(lambda: _given(request, session, taken))


@router.get("/audit/proof/public-key")
async def public_key(request: Request, session: PageSession, threads: Threads) -> Response:
    """Give the key that checks checkpoints."""

    def taken(proving: AuditProof, who: Caller) -> Response:
        return attachment(proving.public_key(who.principal, who.actor) + "\n", "public-key.txt", _TEXT)

    return await threads.run(lambda: _given(request, session, taken))


@router.get("/audit/proof/verifier")
async def verifier(request: Request, session: PageSession, threads: Threads) -> Response:
    """Give the program that checks proofs without this product."""

    def taken(proving: AuditProof, who: Caller) -> Response:
        return attachment(proving.verifier(who.principal, who.actor), "verify.py", _PYTHON)

    return await threads.run(lambda: _given(request, session, taken))


@router.get("/audit/proof/inclusion")
async def inclusion(request: Request, session: PageSession, threads: Threads, entry: _Number) -> Response:
    """Give the proof that an entry is in the log."""

    def taken(proving: AuditProof, who: Caller) -> Response:
        text = proving.inclusion(entry, who.principal, who.actor)
        return attachment(text, f"entry-{entry}.tlog-proof", _TEXT)

    return await threads.run(lambda: _given(request, session, taken))


@router.get("/audit/proof/consistency")
async def consistency(request: Request, session: PageSession, threads: Threads, size: _Number) -> Response:
    """Give the proof that the log only grew since it had so many entries."""

    def taken(proving: AuditProof, who: Caller) -> Response:
        text = proving.consistency(size, who.principal, who.actor)
        return attachment(text, f"growth-from-{size}.txt", _TEXT)

    return await threads.run(lambda: _given(request, session, taken))


def _given(request: Request, session: Session, taken: Callable[[AuditProof, Caller], Response]) -> Response:
    """Return what is taken away, or the page that says why it is not there."""
    who = admitted(request, session, "audit.proof")
    try:
        return taken(workspace_of(request).audit_proof, who)
    except NotPermitted as refused:
        raise NOTHING_HERE from refused
    except (NotFound, Tampered) as error:
        # They were let in to the log: how far it goes is no secret from them.
        said = f"{error.public} {error.fix}".strip()
        return HTMLResponse(_page(request, session, who, said), error.status)


def may_export(request: Request, who: Caller) -> bool:
    """Return whether policy lets somebody take proofs away, for what a page offers."""
    workspace = workspace_of(request)
    with workspace.database.read() as connection:
        standing = workspace.policy.standing(connection, who.principal)
        return standing.decide("export_audit", AUDIT).allowed


def _page(request: Request, session: Session, who: Caller, trouble: str = "") -> str:
    state = workspace_of(request).audit_proof.state(who.principal, who.actor)
    last = state.verified
    values = {
        "here": "audit.proof",
        "state": state,
        "last": last,
        "verified": None if last is None else _verified(last),
        "left": 0 if last is None else max(0, state.size - last.size),
        "goes_on": last is not None and last.ok and not last.complete,
        "exports": may_export(request, who),
        "minute": minute,
        "standing": _standing(state),
        "trouble": trouble,
    }
    return render("auditing/proof.html", say("proof.title"), person=person(request, session), **values)


def _standing(state: ChainState) -> tuple[str, str]:
    """Return what is known of the whole log, as a badge."""
    last = state.verified
    if last is None:
        return "quiet", say("proof.never")
    if not last.ok:
        return "bad", say("proof.altered")
    return ("good", say("proof.whole")) if last.complete else ("caution", say("proof.in_part"))


def _verified(last: Verified) -> list[tuple[str, str]]:
    """Return what the last verification read, in lines."""
    lines = [
        (say("proof.when"), minute(last.at)),
        (say("entries.by"), by_words(last.by)),
        (say("proof.read"), _entries(last.first, last.read)),
        (say("proof.compared"), say("proof.checkpoints", number=f"{last.checkpoints:,}")),
    ]
    if last.first and last.ok:
        before = say("proof.earlier", entries=_entries(0, last.first), begun=minute(last.begun))
        lines.append((say("proof.before"), before))
    return [*lines, (say("proof.root"), last.root)]


def _entries(first: int, end: int) -> str:
    if end <= first:
        return say("proof.no_entries")
    return say("proof.entries", first=f"{first:,}", last=f"{end - 1:,}", number=f"{end - first:,}")
