"""The image of a page: its reader's rights are looked up for every one of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from markupsafe import escape
from starlette.responses import Response

from muniment.foundation.errors import NotFound
from muniment.interfaces.authenticate import PageSession, workspace_of
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.web.reading.documents import number_in
from muniment.interfaces.web.rendering import say
from muniment.interfaces.web.shell import caller as caller_of
from muniment.knowledge.pages.page_images import NoImage
from muniment.knowledge.reading import ABSENT

router = APIRouter(include_in_schema=False)

_SAYS = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 800"><rect width="600" height="800" fill="#fff"/>'
    '<text x="300" y="400" font-family="sans-serif" font-size="22" fill="#56615b" text-anchor="middle">{}</text>'
    "</svg>"
)
"""Stands where the page would: browsers show it whatever the status."""


@router.get("/documents/{document_id}/pages/{page}.png")
async def page_image(
    document_id: str,
    page: str,
    request: Request,
    session: PageSession,
    threads: Threads,
    version: Annotated[str, Query()] = "",
) -> Response:
    """Give a page of a version as it was set."""
    workspace, caller = workspace_of(request), caller_of(session)

    def drawn() -> Response:
        read = workspace.reading.read(
            caller.principal, document_id, number_in(version), caller.actor, original=True
        )
        number = number_in(page)
        if read.original is None or number is None:
            raise NotFound(ABSENT)
        try:
            image = workspace.page_images.image(read.original, number, who=caller.principal.ref)
            return Response(image, media_type="image/png")
        except NoImage as failed:
            says = _SAYS.format(escape(say("document.no_image")))
            return Response(says, failed.status, media_type="image/svg+xml")

    return await threads.run(drawn)
