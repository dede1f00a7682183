"""The JSON that the HTTP interface takes and gives. What it takes has no other fields than these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from muniment.assistant.feedback import LONGEST_REASON, LONGEST_RIGHT_ANSWER
from muniment.governance.audit.entry import Json
from muniment.knowledge.retrieval import filters
from muniment.knowledge.retrieval.filters import Filters

JsonObject = dict[str, object]


class Taken(BaseModel):
    """A request body."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Values = Annotated[list[Annotated[str, Field(min_length=1, max_length=1_000)]], Field(max_length=100)]


class FilterBody(Taken):
    """What to limit a search to: fields that are stated must all hold, one of their values is enough."""

    source: Values = []
    folder: Values = []
    """`PATH` or `SOURCE/PATH`; with all that lies below."""
    type: Values = []
    """Such as `pdf`, `docx`, `email`, or a media type."""
    author: Values = []
    """Names, or parts of them."""
    sensitivity: Values = []
    after: Annotated[str, Field(max_length=40)] | None = None
    """A date, or a time in RFC 3339: changed then or later."""
    before: Annotated[str, Field(max_length=40)] | None = None
    """Changed earlier."""

    def filters(self) -> Filters:
        """Return the filters; raises BadInput for a value that a field cannot have."""
        return filters.of(self.model_dump())


def whole_number(value: object) -> object:
    """Take 10.0 for 10, as JSON Schema does."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class SearchRequest(Taken):
    """What to search for."""

    query: Annotated[str, Field(min_length=1, max_length=8_000)]
    k: Annotated[int, BeforeValidator(whole_number), Field(ge=1, le=100)] = 10
    """Most passages to return."""
    filters: FilterBody = FilterBody()
    explain: bool = False
    """Say of each passage why it is there."""


class AnswerRequest(Taken):
    """What to answer."""

    question: Annotated[str, Field(min_length=1, max_length=2_000)]
    model: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """A name from `/v1/models`; absent: the default one."""
    filters: FilterBody = FilterBody()
    output_schema: JsonObject | None = None
    """A JSON Schema: the answer is a `result` that keeps to it, each of its values a claim."""
    conversation: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """The id of one of the caller's own, to go on with; `new` begins one."""

    @property
    def earlier(self) -> tuple[str, ...]:
        """Nothing: what was asked before is the conversation's to know."""
        return ()


class FeedbackRequest(Taken):
    """What to say of an answer."""

    answer: Annotated[str, Field(min_length=1, max_length=200)]
    """Its id."""
    useful: bool
    reason: Annotated[str, Field(max_length=LONGEST_REASON)] | None = None
    right_answer: Annotated[str, Field(max_length=LONGEST_RIGHT_ANSWER)] | None = None
    """What it should have said."""


class FeedbackResponse(BaseModel):
    """What is stored."""

    answer: str
    useful: bool
    at: str


class TwinBody(BaseModel):
    """A passage that says the same, named instead of shown."""

    document: str
    title: str
    version: int
    chunk: str


class WhyBody(BaseModel):
    """Why a passage was found: BM25 score, cosine of the vectors, terms of the query that it holds."""

    words: float
    cosine: float | None
    terms: list[str]


class PassageBody(BaseModel):
    """A stored chunk that the caller may read, or neighbouring ones as one text."""

    document: str
    title: str
    version: int
    chunk: str
    page: int | None
    span: tuple[int, int]
    """Characters of that version's text, end exclusive."""
    score: float
    text: str
    sensitivity: str | None
    """The document's label when it was found."""
    twins: list[TwinBody]
    why: WhyBody | None
    """Where it was asked for."""


class SearchResponse(BaseModel):
    """Passages, best first."""

    passages: list[PassageBody]
    decision: JsonObject
    took_ms: float


class CitationBody(BaseModel):
    """Words that stand in a document, verbatim."""

    n: int
    document: str
    title: str
    version: int
    page: int | None
    span: tuple[int, int]
    quote: str
    sensitivity: str | None = None
    """The document's label when the passage was found."""


class CitedBody(BaseModel):
    """Which citation."""

    n: int


class ClaimBody(BaseModel):
    """A sentence of an answer, and the numbers of its citations."""

    text: str
    inferred: bool
    """It follows from its citations rather than stands in them."""
    citations: list[CitedBody]


class NearestBody(BaseModel):
    """A document that comes closest to a question without answering it."""

    document: str
    title: str


class AnswerResponse(BaseModel):
    """An answer with its evidence."""

    id: str
    status: Literal["answered", "abstained", "refused"]
    answer: str
    claims: list[ClaimBody]
    citations: list[CitationBody]
    lineage: JsonObject
    usage: JsonObject
    took_ms: float
    notes: list[str]
    nearest: list[NearestBody]
    """Where nothing was answered: documents that the caller may open, best first."""
    result: object
    """Of an answer in a schema: what keeps to it."""
    conversation: str | None = None
    """Where it is a turn of one."""
    standalone: str | None = None
    """What was answered in the place of a follow-up."""


class StoredAnswer(BaseModel):
    """An earlier answer of the caller's own, as far as its evidence may be read now."""

    id: str
    at: str
    question: str
    status: Literal["answered", "abstained", "refused"]
    answer: str
    claims: list[ClaimBody]
    citations: list[CitationBody]
    withheld: int
    notes: list[str]
    nearest: list[NearestBody]
    result: object
    """Of an answer in a schema, while all of its evidence may be read."""


class LineageResponse(BaseModel):
    """How an answer came about."""

    id: str
    principal: str
    at: str
    lineage: JsonObject


class DifferenceBody(BaseModel):
    """A component that was another."""

    component: str
    name: str
    before: str
    after: str


class DifferenceResponse(BaseModel):
    """What took part in two answers and differs, most specific first."""

    a: str
    b: str
    differences: list[DifferenceBody]
    not_recorded: list[str]
    """What an earlier version did not record of one of them."""
    withheld: int
    """Passages of either that the caller may not read now, or that are gone; they are not compared."""


class ReplayRequest(Taken):
    """How to replay an answer."""

    ask: bool = False
    """Ask the language model too, with the prompt and parameters of then; what quotes always answers again."""


class ReplayedPassage(BaseModel):
    """A passage of then or of now."""

    state: Literal["same", "moved", "new", "gone", "not kept", "withheld"]
    before: int | None
    after: int | None
    document: str | None
    where: str | None
    version: int | None


class AnsweredAgain(BaseModel):
    """What was answered this time, beside what was then."""

    id: str
    status: Literal["answered", "abstained", "refused"]
    answer: str
    same: bool
    kept: int
    gone: int
    new: int


class ReplayResponse(BaseModel):
    """An earlier search done again."""

    answer: str
    as_of: str
    passages: list[ReplayedPassage]
    differences: list[DifferenceBody]
    """Components that are others now."""
    not_recorded: list[str]
    not_kept: int
    """Readable documents whose version of then is not indexed any more."""
    again: AnsweredAgain | None
    notes: list[str]


class UnitBody(BaseModel):
    """A page, slide, sheet or message."""

    kind: str
    label: str
    number: int
    start: int
    end: int


class RaisedBody(BaseModel):
    """What raises a document's label above that of its access list."""

    origin: Literal["rule", "file"]
    name: str
    """Of the rule, or the word that the file states."""
    label: str


class DocumentResponse(BaseModel):
    """A document at one version."""

    id: str
    source: str
    path: str
    title: str
    media_type: str
    version: int
    current_version: int
    modified_at: str
    language: str
    """BCP 47 tag; empty where it is not known."""
    sensitivity: str | None
    """Its label as of now."""
    raised_by: list[RaisedBody]
    characters: int
    units: list[UnitBody]
    span: tuple[int, int] | None
    """Which characters `text` is; None when no text was asked for."""
    text: str | None


class ModelBody(BaseModel):
    """A model that the caller may ask."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str


class ModelsResponse(BaseModel):
    """The models that the caller may ask, as OpenAI clients expect them."""

    object: Literal["list"] = "list"
    data: list[ModelBody]


class HealthResponse(BaseModel):
    """Whether the server lives or can work."""

    status: Literal["ok"] = "ok"


def without(body: Mapping[str, Json], *names: str) -> dict[str, Json]:
    """Return `body` without some of its fields."""
    return {name: value for name, value in body.items() if name not in names}
