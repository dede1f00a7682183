"""An answer as a chat completion, whole or in chunks: one delta for each released claim.

Invariants:
- the deltas of a stream are, one after the other, the text of the whole answer;
- citations come from the finished answer alone, which holds those that its reader might read at its end.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from muniment.assistant.values import WITHDRAWN, Answer, Citation, Claim, Event, Finished, Started, numbered
from muniment.foundation.errors import Unavailable
from muniment.interfaces.openai.bodies import (
    Annotation,
    ChatCompletion,
    Choice,
    Evidence,
    Reason,
    ReplyMessage,
    UrlCitation,
    UsageBody,
)
from muniment.interfaces.rest.bodies import CitationBody, ClaimBody

Mark = tuple[int, int, Citation]
"""Where the `[n]` of a citation begins and ends."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What all chunks of a completion have in common, and where its links lead."""

    model: str
    created: int
    """Seconds since 1970."""
    base: str
    """This server's own address, with a slash behind it."""
    form: bool = False
    """Whether the answer is to be JSON: it comes whole."""


@dataclass(frozen=True, slots=True)
class Chunks:
    """Chunks that are sent together."""

    bodies: tuple[Mapping[str, object], ...]
    last: bool = False

    def encoded(self) -> bytes:
        """Return them as they go over the wire."""
        sent = [f"data: {json.dumps(body, ensure_ascii=False)}\n\n" for body in self.bodies]
        return "".join([*sent, "data: [DONE]\n\n"] if self.last else sent).encode()


def whole(frame: Frame, events: Iterable[Event]) -> ChatCompletion:
    """Return the completion of an answer's events."""
    claims: list[Claim] = []
    for event in events:
        match event:
            case Claim():
                claims.append(event)
            case Finished(made):
                return _completion(frame, made, claims)
            case Started():
                pass
    raise Unavailable("The answer did not come to its end.")


def _completion(frame: Frame, made: Answer, claims: Sequence[Claim]) -> ChatCompletion:
    kept = [claim for claim in claims if set(claim.citations) <= set(made.citations)]
    text, marks = "", list[Mark]()
    for claim in kept:
        text += _appended(text, claim, marks)
    unfilled = frame.form and made.result is None
    message = ReplyMessage(
        content=None if unfilled else made.answer,
        refusal=made.answer if unfilled else None,
        annotations=_annotations(frame, made, marks) if made.answer.startswith(text) else [],
        muniment=_evidence(frame, made),
    )
    choice = Choice(message=message, finish_reason=_reason(made))
    return ChatCompletion(
        id=made.id, created=frame.created, model=frame.model, choices=[choice], usage=_usage(made)
    )


@dataclass(slots=True)
class Stream:
    """Words the events of one answer as chunks."""

    frame: Frame
    usage: bool
    """Whether a last chunk states the tokens."""
    _id: str = ""
    _text: str = ""
    _marks: list[Mark] = field(default_factory=list[Mark])

    def worded(self, event: Event) -> Chunks:
        """Return the chunks of an event."""
        match event:
            case Started():
                self._id = event.answer_id
                return Chunks((self._chunk({"role": "assistant", "content": ""}),))
            case Claim():
                if self.frame.form:
                    return Chunks(())
                added = _appended(self._text, event, self._marks)
                self._text += added
                return Chunks((self._chunk({"content": added}),))
            case Finished(made):
                return self._end(made)

    def _end(self, made: Answer) -> Chunks:
        said = made.answer.startswith(self._text)
        rest = made.answer[len(self._text) :] if said else f" {WITHDRAWN}"
        unfilled = self.frame.form and made.result is None
        delta = {
            **({"refusal" if unfilled else "content": rest} if rest else {}),
            "annotations": [one.model_dump() for one in _annotations(self.frame, made, self._marks)],
            "muniment": _evidence(self.frame, made).model_dump(),
        }
        chunks = [self._chunk(delta, _reason(made))]
        if self.usage:
            chunks.append({**self._chunk({}), "choices": [], "usage": _usage(made).model_dump()})
        return Chunks(tuple(chunks), last=True)

    def _chunk(self, delta: Mapping[str, object], reason: Reason | None = None) -> dict[str, object]:
        return {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self.frame.created,
            "model": self.frame.model,
            "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}],
            **({"usage": None} if self.usage else {}),
        }


def _appended(text: str, claim: Claim, marks: list[Mark]) -> str:
    """Return what a claim adds to the text before it, and note where its citations stand in both together."""
    added = f"{' ' if text else ''}{numbered([claim])}"
    cited = list({citation.n: citation for citation in claim.citations}.values())
    at = len(text) + len(added) - sum(len(f"[{one.n}]") for one in cited)
    for one in cited:
        marks.append((at, at + len(f"[{one.n}]"), one))
        at += len(f"[{one.n}]")
    return added


def _annotations(frame: Frame, made: Answer, marks: Sequence[Mark]) -> list[Annotation]:
    return [
        Annotation(
            url_citation=UrlCitation(start_index=start, end_index=end, title=one.title, url=_page(frame, one))
        )
        for start, end, one in marks
        if one in made.citations
    ]


def _page(frame: Frame, cited: Citation) -> str:
    start, end = cited.span
    return f"{frame.base}documents/{cited.document}?version={cited.version}&at={start}-{end}#quote"


def _evidence(frame: Frame, made: Answer) -> Evidence:
    return Evidence(
        id=made.id,
        status=made.status,
        claims=[ClaimBody.model_validate(one.as_json()) for one in made.claims],
        citations=[CitationBody.model_validate(one.as_json()) for one in made.citations],
        notes=list(made.notes),
        lineage=f"{frame.base}v1/answers/{made.id}/lineage",
    )


def _reason(made: Answer) -> Reason:
    return "content_filter" if made.status == "refused" else "stop"


def _usage(made: Answer) -> UsageBody:
    sent, received = made.usage.prompt_tokens, made.usage.completion_tokens
    return UsageBody(prompt_tokens=sent, completion_tokens=received, total_tokens=sent + received)
