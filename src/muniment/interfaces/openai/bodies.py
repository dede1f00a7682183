"""The JSON of chat completions. What is taken has no other fields than these."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from muniment.interfaces.rest.bodies import CitationBody, ClaimBody, FilterBody, Taken

Unused = Annotated[object, Field(description="Taken, and without effect.")]
Unserved = Annotated[object, Field(description="Refused, unless it asks for nothing.")]


class Part(Taken):
    """A part of a message; only text is read."""

    type: Annotated[str, Field(max_length=100)]
    text: str | None = None
    image_url: Unserved = None
    input_audio: Unserved = None
    file: Unserved = None
    refusal: Unused = None
    prompt_cache_breakpoint: Unused = None


class Message(Taken):
    """A message of the conversation as its client tells it."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | Annotated[list[Part], Field(max_length=1_000)] | None = None
    name: Unused = None
    refusal: Unused = None
    audio: Unused = None
    tool_calls: Unused = None
    tool_call_id: Unused = None
    function_call: Unused = None
    annotations: Unused = None
    reasoning: Unused = None
    reasoning_content: Unused = None
    muniment: Unused = None


class StreamOptions(Taken):
    """How an answer is streamed."""

    include_usage: bool | None = None
    include_obfuscation: Unused = None


class ResponseFormat(Taken):
    """What form the answer is to have."""

    type: Annotated[str, Field(max_length=100)]
    json_schema: object = None


class Extension(Taken):
    """What OpenAI's format has no word for."""

    filters: FilterBody = FilterBody()


class ChatRequest(Taken):
    """A conversation whose last question is to be answered."""

    messages: Annotated[list[Message], Field(min_length=1, max_length=10_000)]
    model: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """A name from `/v1/models`; absent or `default`: the default one."""
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    response_format: ResponseFormat | None = None
    muniment: Extension = Extension()

    frequency_penalty: Unused = None
    max_completion_tokens: Unused = None
    max_tokens: Unused = None
    metadata: Unused = None
    parallel_tool_calls: Unused = None
    prediction: Unused = None
    presence_penalty: Unused = None
    prompt_cache_key: Unused = None
    prompt_cache_options: Unused = None
    prompt_cache_retention: Unused = None
    reasoning_effort: Unused = None
    safety_identifier: Unused = None
    seed: Unused = None
    service_tier: Unused = None
    store: Unused = None
    temperature: Unused = None
    top_p: Unused = None
    user: Unused = None
    verbosity: Unused = None

    audio: Unserved = None
    function_call: Unserved = None
    functions: Unserved = None
    logit_bias: Unserved = None
    logprobs: Unserved = None
    modalities: Unserved = None
    moderation: Unserved = None
    n: Unserved = None
    stop: Unserved = None
    tool_choice: Unserved = None
    tools: Unserved = None
    top_logprobs: Unserved = None
    web_search_options: Unserved = None


class UrlCitation(BaseModel):
    """Where a citation stands in the answer, and the page that shows its words in the document."""

    start_index: int
    """Of the `[n]` in `content`, in characters."""
    end_index: int
    """Exclusive."""
    title: str
    url: str


class Annotation(BaseModel):
    """A citation as OpenAI's clients read it."""

    type: Literal["url_citation"] = "url_citation"
    url_citation: UrlCitation


class Evidence(BaseModel):
    """What stands behind an answer."""

    id: str
    """Of the answer."""
    status: Literal["answered", "abstained", "refused"]
    claims: list[ClaimBody]
    """Sentences, or the values of a result, each with the numbers of its citations."""
    citations: list[CitationBody]
    notes: list[str]
    lineage: str
    """Where to read how the answer came about."""


class ReplyMessage(BaseModel):
    """The answer."""

    role: Literal["assistant"] = "assistant"
    content: str | None
    refusal: str | None = None
    """Why there is no content, where a form of answer was asked for and nothing was found."""
    annotations: list[Annotation]
    muniment: Evidence


Reason = Literal["stop", "content_filter"]
"""`content_filter` where the rest of an answer was withheld."""


class Choice(BaseModel):
    """The only choice."""

    index: int = 0
    message: ReplyMessage
    logprobs: None = None
    finish_reason: Reason


class UsageBody(BaseModel):
    """Tokens to and from the model; 0 where none was asked, or where it does not say."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatCompletion(BaseModel):
    """An answer as a chat completion."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: UsageBody
