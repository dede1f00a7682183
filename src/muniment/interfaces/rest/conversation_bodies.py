"""The JSON that the routes of conversations take and give."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field

from muniment.assistant.conversations import LONGEST_SEARCH, LONGEST_TITLE
from muniment.interfaces.rest.bodies import CitationBody, ClaimBody, NearestBody, Taken, whole_number

Title = Annotated[str, Field(min_length=1, max_length=LONGEST_TITLE)]


class NewConversation(Taken):
    """How a conversation begins."""

    title: Title | None = None
    """Absent: it is made of the first question."""


class TitleRequest(Taken):
    """What to call a conversation."""

    title: Title


class ShareRequest(Taken):
    """Whom to let read it, or no longer."""

    subject: Annotated[str, Field(min_length=1, max_length=LONGEST_TITLE)]
    """`user:NAME`, `service:NAME` or `group:NAME`."""


class SearchConversations(Taken):
    """What to look for."""

    words: Annotated[str, Field(min_length=1, max_length=LONGEST_SEARCH)]
    """All of which must stand in a question with its answer, or in a title."""
    k: Annotated[int, BeforeValidator(whole_number), Field(ge=1, le=100)] = 50
    """Most places to return."""


class SummaryBody(BaseModel):
    """A conversation, without its turns."""

    id: str
    title: str
    owner: str
    mine: bool
    created: str
    changed: str


class ConversationsResponse(BaseModel):
    """The conversations that the caller may open, last changed first."""

    conversations: list[SummaryBody]


class TurnBody(BaseModel):
    """A question and its answer, as far as the caller may read them now."""

    number: int
    answer_id: str
    at: str
    question: str
    standalone: str | None
    """What was answered in the place of a follow-up."""
    status: Literal["answered", "abstained", "refused"]
    answer: str
    claims: list[ClaimBody]
    citations: list[CitationBody]
    withheld: bool
    """Whether some of it may not be read."""
    notes: list[str]
    nearest: list[NearestBody]


class ConversationResponse(SummaryBody):
    """A conversation as far as the caller may read it now."""

    turns: list[TurnBody]


class HitBody(BaseModel):
    """Where the words stand."""

    conversation: SummaryBody
    turn: int
    """0 for the title."""
    excerpt: str


class HitsResponse(BaseModel):
    """Places, those of the conversation that was changed last first."""

    hits: list[HitBody]


class SharesResponse(BaseModel):
    """Who else may open a conversation."""

    shares: list[str]
