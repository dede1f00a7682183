"""Reading a document over HTTP: what it is, and any slice or page of its text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request, Security

from muniment.foundation.errors import BadInput
from muniment.interfaces.authenticate import Caller, api_caller, workspace_of
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.rest.bodies import DocumentResponse, RaisedBody, UnitBody
from muniment.knowledge.library import VersionRow

if TYPE_CHECKING:
    from muniment.app import Workspace

router = APIRouter(tags=["documents"])

Reader = Annotated[Caller, Security(api_caller, scopes=["documents"])]

LONGEST_SLICE = 200_000
"""Characters."""

Version = Annotated[int | None, Query(ge=1, le=2**31, description="Absent: the current version.")]
Start = Annotated[int | None, Query(ge=0, le=2**31, description="First character of the slice.")]
End = Annotated[int | None, Query(ge=0, le=2**31, description="End of the slice, exclusive.")]
Page = Annotated[int | None, Query(ge=1, le=2**31, description="A page, slide, sheet or message instead.")]


@router.get("/v1/documents/{document_id}")
async def document(
    document_id: str,
    request: Request,
    caller: Reader,
    threads: Threads,
    version: Version = None,
    start: Start = None,
    end: End = None,
    page: Page = None,
) -> DocumentResponse:
    """Return a document that you may read; with `page`, or `start` and `end`, also that much of its text."""
    workspace = workspace_of(request)
    return await threads.run(
        lambda: opened_document(workspace, caller, document_id, version, start, end, page)
    )


def opened_document(
    workspace: Workspace,
    caller: Caller,
    document_id: str,
    version: int | None,
    start: int | None,
    end: int | None,
    page: int | None,
) -> DocumentResponse:
    """Return a document and a part of its text to a caller who may read it; raises NotFound or BadInput."""
    found = workspace.reading.read(caller.principal, document_id, version, caller.actor)
    units = [UnitBody.model_validate(dict(unit)) for unit in found.version.units]
    span = _span(found.version, units, start, end, page)
    return DocumentResponse(
        id=found.document.id,
        source=found.document.source,
        path=found.document.path,
        title=found.version.title,
        media_type=found.document.media_type,
        version=found.version.version,
        current_version=found.document.version,
        modified_at=found.version.modified_at,
        language=found.version.language,
        sensitivity=found.sensitivity,
        raised_by=[RaisedBody(origin=one.origin, name=one.name, label=one.label) for one in found.raised_by],
        characters=len(found.version.text),
        units=units,
        span=span,
        text=None if span is None else found.version.text[span[0] : span[1]],
    )


def _span(
    version: VersionRow, units: list[UnitBody], start: int | None, end: int | None, page: int | None
) -> tuple[int, int] | None:
    if page is not None:
        if start is not None or end is not None:
            raise BadInput("Ask for a page or for a slice, not both.")
        for unit in units:
            if unit.number == page:
                return unit.start, min(unit.end, unit.start + LONGEST_SLICE)
        raise BadInput(f"This document has no page {page}.", fix="See its units.")
    if start is None and end is None:
        return None
    first, last = start or 0, len(version.text) if end is None else min(end, len(version.text))
    if first > last or last - first > LONGEST_SLICE:
        raise BadInput(f"That is no slice of up to {LONGEST_SLICE} characters.", fix="Give start below end.")
    return first, last
