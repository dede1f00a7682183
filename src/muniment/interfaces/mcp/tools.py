"""The tools that agents are offered: to read, and to propose. Each needs the scope of the route that does the same.

What an agent proposes is taken for the word of anybody: it may have read anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, Field

from muniment.actions.action import State
from muniment.actions.context import PROGRAMS
from muniment.actions.proposals import DENIED, Call
from muniment.foundation.errors import BadInput
from muniment.interfaces.authenticate import Caller
from muniment.interfaces.problems import NOTHING_HERE
from muniment.interfaces.rest.action_bodies import ProposeRequest
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
from muniment.interfaces.rest.tools import SCOPE as TOOL_SCOPE

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
    acts: bool = False
    """Whether something may come of it in the world."""


class NothingToSay(Taken):
    """No arguments."""


class Proposable(BaseModel):
    """A tool whose calls the caller may propose."""

    name: str
    says: str
    effect: str
    arguments: dict[str, object]
    """JSON Schema of what it takes."""


class Proposables(BaseModel):
    """The tools whose calls the caller may propose, by name."""

    tools: list[Proposable]


class Proposed(BaseModel):
    """What became of a proposal."""

    outcome: Literal["auto", "approval", "denied"]
    action: str | None
    """Its id; None where it was denied."""
    state: State | None
    """`waiting`: for people. `unknown`: perhaps done; never propose it again."""
    said: str


def _proposable(workspace: Workspace, caller: Caller, _body: NothingToSay) -> Proposables:
    found = workspace.usable_tools.of(caller.principal)
    return Proposables(
        tools=[
            Proposable(name=made.name, says=made.says, effect=made.effect, arguments=dict(made.arguments))
            for made in (one.manifest for one in found if one.enabled)
            if made.acts
        ]
    )


def _propose(workspace: Workspace, caller: Caller, body: ProposeRequest) -> Proposed:
    call = Call(body.tool, body.arguments)
    made = workspace.actions.propose(caller.principal, caller.actor, call, PROGRAMS, dry=body.dry_run)
    outcome, found = made.verdict.outcome, made.action
    said = DENIED if outcome == "denied" else _SAID[outcome]
    if found is None:
        return Proposed(outcome=outcome, action=None, state=None, said=said)
    return Proposed(outcome=outcome, action=found.id, state=found.state, said=said)


_SAID = {"auto": "It needs nobody.", "approval": "People have to approve it."}


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
        Offered(
            "list_proposable_tools",
            "List what can be proposed",
            "Return the tools whose calls the caller may propose, with what each takes.",
            TOOL_SCOPE,
            NothingToSay,
            Proposables,
            _proposable,
        ),
        Offered(
            "propose_action",
            "Propose an action",
            "Propose a call of one of these tools. As a rule people have to approve it before anything is done; "
            "the state `waiting` says so, and nothing that an agent sends approves it.",
            TOOL_SCOPE,
            ProposeRequest,
            Proposed,
            _propose,
            acts=True,
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
