"""The pages of asking: the question box, an answer, and how it came about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from muniment.assistant.answer import LONGEST_QUESTION
from muniment.assistant.dialogue import NEW
from muniment.assistant.feedback import Opinion
from muniment.foundation.errors import BadInput, MunimentError, NotFound, TooMany, Unauthenticated
from muniment.governance.audit.entry import Json
from muniment.interfaces.authenticate import (
    PageSession,
    check_change,
    require_session,
    still_signed_in,
    workspace_of,
)
from muniment.interfaces.problems import problem_of
from muniment.interfaces.rest.answers import Threads, answer_of, streamed
from muniment.interfaces.rest.bodies import AnswerRequest
from muniment.interfaces.rest.events import MEDIA_TYPE, opened
from muniment.interfaces.web.asking.answering import stored_view, worded_events
from muniment.interfaces.web.asking.desk import desk, earlier, instead, items, talk_view
from muniment.interfaces.web.asking.limits import FIELDS, chosen, filter_body
from muniment.interfaces.web.forms import form_of
from muniment.interfaces.web.rendering import say
from muniment.interfaces.web.shell import caller as caller_of
from muniment.interfaces.web.shell import person

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/")
async def ask_page(request: Request, session: PageSession, threads: Threads) -> Response:
    """Show the question box, and the conversations that the person may open."""

    def shown() -> Response:
        who = person(request, session)
        if not who.asks and who.openings:
            return RedirectResponse(who.openings[0][1], 303)
        listed = items(workspace_of(request), caller_of(session))
        return HTMLResponse(desk(request, session, say("ask.title"), items=listed))

    return await threads.run(shown)


@router.post("/ask")
async def ask(request: Request, session: PageSession, threads: Threads) -> Response:
    """Answer as events for the page's script, or as a page of its own for a browser without scripts."""
    fields = await form_of(request, "csrf", "question", "model", "conversation", *FIELDS)
    check_change(request, session, fields.get("csrf"))
    workspace, caller = workspace_of(request), caller_of(session)
    question, model = fields.get("question", "").strip(), fields.get("model") or None
    conversation = fields.get("conversation") or NEW
    if MEDIA_TYPE in request.headers.get("accept", ""):
        body = _body(question, model, conversation, fields)
        worded = worded_events(
            workspace,
            caller,
            question,
            still=lambda: require_session(request),
            turns=lambda: earlier(workspace, caller, conversation),
        )
        events = streamed(workspace, threads, caller, body, worded)
        return await opened(events, still=lambda: still_signed_in(request))

    def answer() -> Response:
        try:
            made = answer_of(workspace, caller, _body(question, model, conversation, fields))
        except (Unauthenticated, NotFound):
            raise
        except MunimentError as error:
            told = problem_of(error)
            trouble = f"{told.title} {told.detail}".strip()
            shown = desk(
                request,
                session,
                say("ask.title"),
                trouble=trouble,
                asked=question,
                typed=question,
                model=model,
                conversation=conversation,
                limits=fields,
            )
            wait = {"retry-after": str(error.retry_after)} if isinstance(error, TooMany) else None
            return HTMLResponse(shown, told.status, wait)
        return RedirectResponse(f"/answers/{made.id}", 303)

    return await threads.run(answer)


@router.get("/answers/{answer_id}")
async def answer_page(answer_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Show an earlier answer of one's own."""
    workspace, caller = workspace_of(request), caller_of(session)

    def shown() -> str:
        found = workspace.lineage.explain(caller.principal, answer_id, caller.actor)
        view = stored_view(workspace, caller, found)
        shown: dict[str, object] = {
            "said": workspace.feedback.of(caller.principal, answer_id),
            "limits": chosen(found.lineage.get("filters")),
            "model": _model_of(found.lineage),
        }
        if view.status == "abstained" or view.unused:
            shown["typed"] = view.question
        whole = workspace.conversations.around(caller.principal, answer_id, caller.actor)
        if whole is None:
            return desk(request, session, view.question, answer=view, **shown)
        turn = next(one for one in whole.turns if one.answer_id == answer_id)
        view = replace(view, question=turn.question, instead=instead(turn.standalone))
        talk = talk_view(whole, up_to=answer_id)
        shown |= {"talk": talk, "conversation": talk.id}
        return desk(request, session, view.question, answer=view, **shown)

    return HTMLResponse(await threads.run(shown))


@router.post("/answers/{answer_id}/feedback")
async def feedback(answer_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Keep what the person says of an answer of their own."""
    fields = await form_of(request, "csrf", "useful", "reason", "right_answer")
    check_change(request, session, fields.get("csrf"))
    workspace, caller = workspace_of(request), caller_of(session)
    useful = {"yes": True, "no": False}.get(fields.get("useful", ""))
    if useful is None:
        raise BadInput("An answer was useful, or it was not.", fix="Choose one of the two.")
    opinion = Opinion(useful, fields.get("reason", "").strip(), fields.get("right_answer", "").strip())
    await threads.run(lambda: workspace.feedback.give(caller.principal, answer_id, opinion, caller.actor))
    return RedirectResponse(f"/answers/{answer_id}#feedback", 303)


def _model_of(lineage: Mapping[str, Json]) -> str | None:
    """Return the name of the endpoint that answered; None where that was not recorded."""
    endpoint = lineage.get("endpoint")
    return str(endpoint.get("name")) if isinstance(endpoint, Mapping) else None


def _body(question: str, model: str | None, conversation: str, fields: Mapping[str, str]) -> AnswerRequest:
    if not question or len(question) > LONGEST_QUESTION:
        raise BadInput(f"A question has 1 to {LONGEST_QUESTION} characters.", fix="Shorten it, or write one.")
    model = model[:200] if model else None
    return AnswerRequest(
        question=question, model=model, conversation=conversation[:200], filters=filter_body(fields)
    )
