"""From a model's stream to single claims with their quotes, as soon as each is whole.

A reply is one JSON object of the schema below. What does not keep to it makes no claim: a claim with a field too many
or of another type is counted as malformed, and so is a reply that is not such an object at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from muniment.inference.messages import Chunk, Draft, Mark, Usage

MAX_REPLY = 200_000
"""Characters of a reply; what comes after is not read."""
MAX_CLAIM = 8_000
"""Characters of one claim with its quotes."""
MAX_CLAIMS = 40
MAX_TAIL = 4_000
"""Characters behind the array for which the stream's usage is waited."""
MAX_TEXT = 1_000
MAX_QUOTES = 8

SCHEMA: Mapping[str, object] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["claims"],
    "properties": {
        "claims": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["quotes", "text", "inferred"],
                "properties": {
                    "quotes": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["passage", "quote"],
                            "properties": {"passage": {"type": "integer"}, "quote": {"type": "string"}},
                        },
                    },
                    "text": {"type": "string"},
                    "inferred": {"type": "boolean"},
                },
            },
        }
    },
}
"""What a model is asked to reply with: evidence before words, so that the words follow from it."""

_OPENING = re.compile(r"\{\s*\"claims\"\s*:\s*\[")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


@dataclass(slots=True)
class Reading:
    """What a stream held beside its claims; complete once the stream has ended."""

    usage: list[Usage] = field(default_factory=list[Usage])
    malformed: int = 0
    """Claims, or whole replies, that are not of the schema."""


def drafts(chunks: Iterable[Chunk], reading: Reading) -> Generator[Draft]:
    """Yield each claim once it is whole; what else the stream held is noted in `reading`."""
    array = _Array()
    for chunk in chunks:
        if isinstance(chunk, Usage):
            reading.usage.append(chunk)
        elif isinstance(chunk, Draft):
            array.found += 1
            yield chunk
        else:
            for item in array.feed(chunk.text):
                draft = _draft(item)
                if draft is None:
                    reading.malformed += 1
                else:
                    yield draft
            if array.spent:
                break
    if array.found == 0 and array.seen and not array.closed:
        reading.malformed += 1


class _Array:
    """The objects of the array `claims`, each as soon as its last brace is there."""

    def __init__(self) -> None:
        self.found = 0
        self.seen = False
        """Whether anything came that is not white space."""
        self.closed = False
        """Whether the array has ended."""
        self.spent = False
        """Whether nothing more is to be read."""
        self._head: str | None = ""
        self._item: list[str] = []
        self._depth = 0
        self._quoted = False
        self._escaped = False
        self._read = 0
        self._tail = 0

    def feed(self, text: str) -> Iterator[str]:
        self._read += len(text)
        if self.closed:
            self._tail += len(text)
            self.spent = self._tail > MAX_TAIL
            return
        self.seen = self.seen or bool(text.strip())
        if self._head is not None:
            self._head += text
            opening = _OPENING.search(self._head)
            if opening is None:
                self._head = self._head[-64:] if len(self._head) > 4096 else self._head
                self.spent = self._read > MAX_REPLY
                return
            text, self._head = self._head[opening.end() :], None
        for item in self._items(text):
            self.found += 1
            yield item
            if self.found == MAX_CLAIMS:
                self.spent = True
                return
        self.spent = self.spent or (self._read > MAX_REPLY and not self.closed)

    def _items(self, text: str) -> Iterator[str]:
        for letter in text:
            if self.closed:
                return
            if self._depth:
                self._item.append(letter)
                if len(self._item) > MAX_CLAIM:
                    self.spent = True
                    return
            if self._quoted:
                self._in_string(letter)
            elif self._ends_item(letter):
                yield "".join(self._item)

    def _ends_item(self, letter: str) -> bool:
        """Take a character outside of strings; whether an object is whole with it."""
        if letter == '"':
            self._quoted = self._depth > 0
        elif letter in "{[":
            if not self._depth:
                self._item = [letter]
            self._depth += 1
        elif letter in "}]":
            if not self._depth:
                self.closed = True
                return False
            self._depth -= 1
            return not self._depth
        return False

    def _in_string(self, letter: str) -> None:
        if self._escaped:
            self._escaped = False
        elif letter == "\\":
            self._escaped = True
        elif letter == '"':
            self._quoted = False


def _draft(item: str) -> Draft | None:
    """Return the claim, None where it is not of the schema."""
    try:
        made = json.loads(item)
    except (ValueError, RecursionError):
        return None
    if not isinstance(made, dict) or set(cast("dict[str, Any]", made)) != {"quotes", "text", "inferred"}:
        return None
    claim = cast("dict[str, Any]", made)
    text, quotes, inferred = claim["text"], claim["quotes"], claim["inferred"]
    if not _is_text(text, MAX_TEXT) or not isinstance(inferred, bool) or not isinstance(quotes, list):
        return None
    marks = [_mark(one) for one in cast("list[object]", quotes)]
    if len(marks) > MAX_QUOTES or None in marks:
        return None
    return Draft(" ".join(text.split()), tuple(mark for mark in marks if mark is not None), inferred)


def _mark(made: object) -> Mark | None:
    if not isinstance(made, dict) or set(cast("dict[str, Any]", made)) != {"passage", "quote"}:
        return None
    n, quote = cast("dict[str, Any]", made)["passage"], cast("dict[str, Any]", made)["quote"]
    if isinstance(n, bool) or not isinstance(n, int) or not _is_text(quote, MAX_CLAIM):
        return None
    return Mark(n, quote)


def _is_text(value: object, longest: int) -> bool:
    """Whether it is text that can be shown: no control characters, no half of a surrogate pair."""
    if not isinstance(value, str) or not value.strip() or len(value) > longest or _CONTROL.search(value):
        return False
    return not any("\ud800" <= letter <= "\udfff" for letter in value)
