"""The page of a stored document."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, Response

from muniment.interfaces.authenticate import PageSession, workspace_of
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.reading.leaves import document_view, parsed_span, title_of
from muniment.interfaces.web.rendering import render
from muniment.interfaces.web.shell import caller as caller_of
from muniment.interfaces.web.shell import person

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


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
    workspace, caller = workspace_of(request), caller_of(session)

    def shown() -> str:
        read = workspace.reading.read(caller.principal, document_id, _number(version), caller.actor)
        view = document_view(read, parsed_span(at, len(read.version.text)), _number(page))
        return render("reading/document.html", title_of(read), person=person(request, session), document=view)

    return HTMLResponse(await threads.run(shown))


def _number(text: str) -> int | None:
    """Return the number that a part of an address names, or None; nonsense names the default."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
