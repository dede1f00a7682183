"""The page of a stored document."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, Response

from muniment.interfaces.authenticate import PageSession, workspace_of
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.reading import set_pages
from muniment.interfaces.web.reading.leaves import Asked, parsed_span, title_of
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
    row: Annotated[str, Query()] = "",
    view: Annotated[str, Query()] = "",
) -> Response:
    """Show a version of a document, the words at `at` marked: as it was set where that was kept, else its text."""
    workspace, caller = workspace_of(request), caller_of(session)
    as_text = view == "text"

    def shown() -> str:
        read = workspace.reading.read(
            caller.principal, document_id, number_in(version), caller.actor, original=not as_text
        )
        asked = Asked(
            parsed_span(at, len(read.version.text)), number_in(page), number_in(row), as_text=as_text
        )
        found = set_pages.view(read, asked, workspace.page_images, caller.principal.ref)
        return render(
            "reading/document.html",
            title_of(read),
            person=person(request, session),
            document=found,
            label=read.sensitivity,
            raised_by="; ".join(one.said() for one in read.raised_by),
        )

    return HTMLResponse(await threads.run(shown))


def number_in(text: str) -> int | None:
    """Return the number that a part of an address names, or None; nonsense names the default."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
