"""What a chat request asks for: one question, and nothing that its client wrote besides.

Invariants:
- system, developer, assistant and tool messages are neither instructions nor evidence: nothing reads them;
- a parameter that would change the answer and is not served is refused, never passed over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from muniment.interfaces.openai.bodies import ChatRequest, Message, Part, ResponseFormat
from muniment.interfaces.openai.errors import Unfit
from muniment.interfaces.rest.bodies import FilterBody

DEFAULT = "default"
"""The name that clients which must send one give the default model."""
_NOTHING: Mapping[str, tuple[object, ...]] = {
    "audio": (),
    "function_call": ("none", "auto"),
    "functions": ([],),
    "logit_bias": ({},),
    "logprobs": (False,),
    "modalities": (["text"],),
    "moderation": (),
    "n": (1,),
    "stop": ("", []),
    "tool_choice": ("none", "auto"),
    "tools": ([],),
    "top_logprobs": (0,),
    "web_search_options": (),
}
"""Values, beside null, by which a parameter that is not served asks for nothing."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and what to answer it with."""

    question: str
    model: str | None
    filters: FilterBody
    earlier: tuple[str, ...] = ()
    """What the user asked before in the same request, oldest first."""
    output_schema: Mapping[str, object] | None = None
    conversation: None = None
    """Nothing is stored but the answer: the client keeps the conversation."""


def asked(body: ChatRequest, models: Sequence[str]) -> Asked:
    """Return what a request asks for, where `models` are there; raises Unfit for what is not served."""
    for name, nothing in _NOTHING.items():
        value: object = getattr(body, name)
        if value is not None and not any(type(value) is type(one) and value == one for one in nothing):
            raise Unfit(f"{name} is not served here.", name, "unsupported_parameter", fix="Leave it out.")
    if body.stream_options is not None and not body.stream:
        raise Unfit(
            "stream_options belong to a stream.", "stream_options", fix="Set stream, or leave them out."
        )
    schema = schema_of(body.response_format)
    model = None if body.model == DEFAULT and DEFAULT not in models else body.model
    *earlier, question = questions_of(body.messages)
    return Asked(question, model, body.muniment.filters, tuple(earlier), schema)


def schema_of(wanted: ResponseFormat | None) -> Mapping[str, object] | None:
    """Return the schema that an answer is to keep to; None for text. Raises Unfit for another form."""
    if wanted is None or wanted.type == "text":
        return None
    form = wanted.json_schema
    schema = cast("Mapping[str, object]", form).get("schema") if isinstance(form, Mapping) else None
    if wanted.type != "json_schema" or not isinstance(schema, Mapping):
        raise Unfit(
            "response_format is none that is served.",
            "response_format",
            fix="Ask for the type 'text', or 'json_schema' with the fields in json_schema.schema.",
        )
    return cast("Mapping[str, object]", schema)


def questions_of(messages: Sequence[Message]) -> list[str]:
    """Return what the user asked, the newest last; nothing else of a conversation is read."""
    theirs = [(at, message) for at, message in enumerate(messages) if message.role == "user"]
    if not theirs:
        raise Unfit("There is no message of a user's.", "messages", fix="Send one with the question.")
    return [_text(message, at) for at, message in theirs]


def _text(message: Message, at: int) -> str:
    if isinstance(message.content, list):
        return "\n".join(_text_of(part, at) for part in message.content)
    return message.content or ""


def _text_of(part: Part, at: int) -> str:
    if part.type != "text" or part.text is None:
        raise Unfit(
            "Only text is read here.", f"messages.{at}.content", fix="Leave out images, sound and files."
        )
    return part.text
