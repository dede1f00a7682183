"""Answers and conversations to take along: as text to copy, as Markdown, as JSON, by the rights of this moment."""

from __future__ import annotations

import json
import re
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import PlainTextResponse, Response

from muniment.assistant.written import markdown
from muniment.governance.audit.entry import Json
from muniment.interfaces.authenticate import PageSession, workspace_of
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.rest.bodies import without
from muniment.interfaces.web.asking.answering import stored_view
from muniment.interfaces.web.asking.plain import plain_text
from muniment.interfaces.web.attachment import attachment
from muniment.interfaces.web.shell import caller as caller_of
from muniment.knowledge.retrieval.wording import fold

router = APIRouter(include_in_schema=False)

Form = Annotated[Literal["markdown", "json"], Query()]
_APART = re.compile(r"[^a-z0-9]+")
_LONGEST_NAME = 60


@router.get("/answers/{answer_id}/text")
async def answer_text(answer_id: str, request: Request, session: PageSession, threads: Threads) -> Response:
    """Give an answer with its citations as plain text."""
    workspace, caller = workspace_of(request), caller_of(session)

    def text() -> str:
        found = workspace.lineage.explain(caller.principal, answer_id, caller.actor, export=True)
        return plain_text(stored_view(workspace, caller, found))

    return PlainTextResponse(await threads.run(text))


@router.get("/answers/{answer_id}/export")
async def export_answer(
    answer_id: str, request: Request, session: PageSession, threads: Threads, form: Form = "markdown"
) -> Response:
    """Give an answer as a file."""
    workspace, caller = workspace_of(request), caller_of(session)
    found = await threads.run(
        lambda: workspace.lineage.explain(caller.principal, answer_id, caller.actor, export=True)
    )
    if form == "json":
        return _file(_json(without(found.as_json(), "principal")), found.question, found.at, form)
    return _file(markdown(found), found.question, found.at, form)


@router.get("/conversations/{conversation_id}/export")
async def export_conversation(
    conversation_id: str, request: Request, session: PageSession, threads: Threads, form: Form = "markdown"
) -> Response:
    """Give a conversation as a file, as far as the person may read it now."""
    workspace, caller = workspace_of(request), caller_of(session)
    whole = await threads.run(
        lambda: workspace.conversations.read(caller.principal, conversation_id, caller.actor, export=True)
    )
    about = whole.summary
    text = _json(whole.as_json()) if form == "json" else whole.markdown()
    return _file(text, about.title, about.changed, form)


def _json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _file(text: str, title: str, at: str, form: str) -> Response:
    ending, media_type = ("json", "application/json") if form == "json" else ("md", "text/markdown")
    return attachment(text, f"{file_name(title, at)}.{ending}", f"{media_type}; charset=utf-8")


def file_name(title: str, at: str) -> str:
    """Return a name of letters, digits and hyphens, from what it is about and its day."""
    words = _APART.sub("-", fold(title))[:_LONGEST_NAME].strip("-")
    return f"{words or 'muniment'}-{_APART.sub('-', at[:10].lower())}"
