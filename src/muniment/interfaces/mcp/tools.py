"""The tools that agents are offered. They read; each needs the scope of the HTTP route that does the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, Field

from muniment.foundation.errors import BadInput
from muniment.interfaces.authenticate import Caller
from muniment.interfaces.problems import NOTHING_HERE
from muniment.interfaces.rest.answers import answer_of
from muniment.interfaces.rest.bodies import (
    AnswerRequest,
    CitationBody,
    ClaimBody,
    DocumentResponse,
    NearestBody,
    SearchRequest,
    SearchResponse,
    Taken,
    whole_number,
)
from muniment.interfaces.rest.documents import LONGEST_SLICE, opened_document
from muniment.interfaces.rest.search import found

if TYPE_CHECKING:
    from muniment.app import Workspace

Result = BaseModel
Body = TypeVar("Body", bound=Taken)
DOCUMENTS = "documents"
"""The scope of reading documents."""
DOCUMENT_URI = "muniment://documents/"
FIRST_SLICE = 20_000
"""Characters of a document that are given where no others are asked for."""

Place = Annotated[int, BeforeValidator(whole_number), Field(ge=0, le=2**31)]
Number = Annotated[int, BeforeValidator(whole_number), Field(ge=1, le=2**31)]


class OpenRequest(Taken):
    """Which document to open, and how much of it."""

    id: Annotated[str, Field(min_length=1, max_length=200)]
    """As a passage or citation names it."""
    version: Number | None = None
    """Absent: the current one."""
    start: Place | None = None
    """First character of a slice."""
    end: Place | None = None
    """End of a slice, exclusive."""
    page: Number | None = None
    """A page, slide, sheet or message instead."""


class Answered(BaseModel):
    """An answer with its evidence."""

    id: str
    status: Literal["answered", "abstained", "refused"]
    answer: str
    claims: list[ClaimBody]
    citations: list[CitationBody]
    notes: list[str]
    nearest: list[NearestBody]
    """Where nothing was answered: documents that the caller may open, best first."""
    result: object
    """What keeps to the schema, where one was given."""
    conversation: str | None
    """Where it is a turn of one."""
    standalone: str | None
    """What was answered in the place of a follow-up."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A tool."""

    name: str
    title: str
    description: str
    scope: str
    takes: type[Taken]
    gives: type[BaseModel]
    call: Callable[[Workspace, Caller, Any], Result]


def _answer(workspace: Workspace, caller: Caller, body: AnswerRequest) -> Answered:
    made = answer_of(workspace, caller, body).as_json()
    return Answered.model_validate({name: made.get(name) for name in Answered.model_fields})


def _open(workspace: Workspace, caller: Caller, body: OpenRequest) -> DocumentResponse:
    start, end = body.start, body.end
    if body.page is None and end is None:
        start = start or 0
        end = start + FIRST_SLICE
    return opened_document(workspace, caller, body.id, body.version, start, end, body.page)


TOOLS = {
    one.name: one
    for one in (
        Offered(
            "search",
            "Search documents",
            "Return the best passages for a query among those that the caller may read, best first.",
            "search",
            SearchRequest,
            SearchResponse,
            found,
        ),
        Offered(
            "answer",
            "Answer a question",
            "Answer a question from what the caller may read. Each claim cites words that stand in a document; "
            "without such words there is no answer.",
            "ask",
            AnswerRequest,
            Answered,
            _answer,
        ),
        Offered(
            "open_document",
            "Open a document",
            f"Return a document that the caller may read: a page, a slice, or its first {FIRST_SLICE} characters; "
            "`characters` says how many there are.",
            DOCUMENTS,
            OpenRequest,
            DocumentResponse,
            _open,
        ),
    )
}


def text_of(workspace: Workspace, caller: Caller, uri: str) -> str:
    """Return the whole text of the document that a URI names; raises NotFound, or BadInput where it is too long."""
    if not uri.startswith(DOCUMENT_URI):
        raise NOTHING_HERE
    document_id = uri.removeprefix(DOCUMENT_URI)
    text = workspace.reading.read(caller.principal, document_id, None, caller.actor).version.text
    if len(text) > LONGEST_SLICE:
        raise BadInput(
            f"This document has {len(text)} characters.", fix="Read slices of it with the tool open_document."
        )
    return text
