"""The pages: ask, read an answer and how it came about, read a document."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from muniment.assistant.answer import LONGEST_QUESTION
from muniment.assistant.feedback import LONGEST_REASON, LONGEST_RIGHT_ANSWER, Opinion
from muniment.foundation.errors import BadInput, MunimentError, NotFound, Unauthenticated
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.sessions import Session
from muniment.interfaces.authenticate import (
    Caller,
    PageSession,
    check_change,
    workspace_of,
)
from muniment.interfaces.problems import NOTHING_HERE, problem_of
from muniment.interfaces.rest.answers import Threads, streamed
from muniment.interfaces.rest.bodies import AnswerRequest
from muniment.interfaces.rest.events import MEDIA_TYPE, opened
from muniment.interfaces.rest.models import check_model
from muniment.interfaces.web.answering import (
    lineage_facts,
    model_choices,
    recent_items,
    stored_view,
    worded_events,
)
from muniment.interfaces.web.forms import form_of
from muniment.interfaces.web.leaves import document_view, parsed_span, title_of
from muniment.interfaces.web.rendering import assets, render, say, static_root
from muniment.interfaces.web.views import BLANK_CARD, Person

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

_FOREVER = "public, max-age=31536000, immutable"


@router.get("/")
async def ask_page(request: Request, session: PageSession, threads: Threads) -> Response:
    """Show the question box, and what the person asked before."""

    def shown() -> str:
        recent = recent_items(workspace_of(request), session.principal)
        return _ask_page(request, session, say("ask.title"), recent=recent)

    return HTMLResponse(await threads.run(shown))


@router.post("/ask")
async def ask(request: Request, session: PageSession, threads: Threads) -> Response:
    """Answer as events for the page's script, or as a page of its own for a browser without scripts."""
    fields = await form_of(request, "csrf", "question", "model")
    check_change(request, session, fields.get("csrf"))
    workspace, caller = workspace_of(request), _caller(session)
    question, model = fields.get("question", "").strip(), fields.get("model") or None
    if MEDIA_TYPE in request.headers.get("accept", ""):
        body = _body(question, model)
        worded = worded_events(workspace, caller)
        return await opened(streamed(workspace, threads, caller, body, worded))

    def answer() -> Response:
        try:
            body = _body(question, model)
            check_model(workspace, caller, body.model)
            made = workspace.assistant.ask(caller.principal, body.question, caller.actor, body.model)
        except (Unauthenticated, NotFound):
            raise
        except MunimentError as error:
            told = problem_of(error)
            trouble = f"{told.title} {told.detail}".strip()
            shown = _ask_page(
                request,
                session,
                say("ask.title"),
                trouble=trouble,
                asked=question,
                typed=question,
                model=model,
            )
            return HTMLResponse(shown, told.status)
        return RedirectResponse(f"/answers/{made.id}", 303)

    return await threads.run(answer)


@router.get("/answers/{answer_id}")
async def answer_page(answer_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Show an earlier answer of one's own, and how it came about."""
    workspace, caller = workspace_of(request), _caller(session)

    def shown() -> str:
        found = workspace.lineage.explain(caller.principal, answer_id, caller.actor)
        view = stored_view(workspace, caller, found)
        lineage = lineage_facts(workspace, caller.principal, found)
        said = workspace.feedback.of(caller.principal, answer_id)
        return _ask_page(request, session, found.question, answer=view, lineage=lineage, said=said)

    return HTMLResponse(await threads.run(shown))


@router.post("/answers/{answer_id}/feedback")
async def feedback(answer_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Keep what the person says of an answer of their own."""
    fields = await form_of(request, "csrf", "useful", "reason", "right_answer")
    check_change(request, session, fields.get("csrf"))
    workspace, caller = workspace_of(request), _caller(session)
    useful = {"yes": True, "no": False}.get(fields.get("useful", ""))
    if useful is None:
        raise BadInput("An answer was useful, or it was not.", fix="Choose one of the two.")
    opinion = Opinion(useful, fields.get("reason", "").strip(), fields.get("right_answer", "").strip())
    await threads.run(lambda: workspace.feedback.give(caller.principal, answer_id, opinion, caller.actor))
    return RedirectResponse(f"/answers/{answer_id}#feedback", 303)


@router.get("/documents/{document_id}")
async def document_page(
    document_id: str,
    request: Request,
    session: PageSession,
    threads: Threads,
    version: Annotated[str, Query()] = "",
    at: Annotated[str, Query()] = "",
    page: Annotated[str, Query()] = "",
) -> Response:
    """Show a document's stored text, the words at `at` marked."""
    workspace, caller = workspace_of(request), _caller(session)

    def shown() -> str:
        read = workspace.reading.read(caller.principal, document_id, _number(version), caller.actor)
        view = document_view(read, parsed_span(at, len(read.version.text)), _number(page))
        person = _person(request, session)
        return render("document.html", title_of(read), person=person, document=view)

    return HTMLResponse(await threads.run(shown))


@router.get("/static/{build}/{name}")
async def static(build: str, name: str) -> Response:
    """Give a static file of this build."""
    asset = assets().get(name)
    if asset is None or f"/static/{build}" != static_root():
        raise NOTHING_HERE
    return Response(asset.content, media_type=asset.media_type, headers={"cache-control": _FOREVER})


def _ask_page(request: Request, session: Session, title: str, **shown: object) -> str:
    model = shown.pop("model", None)
    values: dict[str, object] = {
        "answer": None,
        "trouble": "",
        "asked": "",
        "typed": "",
        "recent": (),
        "lineage": (),
        "said": None,
        **shown,
        "person": _person(request, session),
        "models": model_choices(workspace_of(request), session.principal, str(model) if model else None),
        "longest": LONGEST_QUESTION,
        "longest_reason": LONGEST_REASON,
        "longest_right_answer": LONGEST_RIGHT_ANSWER,
        "blank": BLANK_CARD,
    }
    return render("ask.html", title, **values)


def _body(question: str, model: str | None) -> AnswerRequest:
    if not question or len(question) > LONGEST_QUESTION:
        raise BadInput(f"A question has 1 to {LONGEST_QUESTION} characters.", fix="Shorten it, or write one.")
    return AnswerRequest(question=question, model=model[:200] if model else None)


def _caller(session: Session) -> Caller:
    return Caller(session.principal, Actor(session.principal.ref, "web"))


def _person(request: Request, session: Session) -> Person:
    return Person(workspace_of(request).directory.title(session.principal), session.csrf)


def _number(text: str) -> int | None:
    """Return the number that a part of an address names, or None; nonsense names the default."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
