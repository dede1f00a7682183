"""Sensitive values stay inside: a model reads placeholders in their stead, and its reply gets the values back.

Invariants:
- a value of a class that is not allowed is in no byte of the request that is sent;
- where names are not allowed, a passage whose names nobody has labelled is not sent;
- one value has one placeholder in a request, and no text of the request held that placeholder before;
- only a placeholder that was given is replaced in a reply, also where the stream cuts it; any other is left as it is.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from muniment.foundation.errors import Denied
from muniment.governance.privacy.handling import ALLOWED, Handling
from muniment.governance.privacy.kinds import KINDS, NAMED, Kind
from muniment.governance.privacy.known import Known
from muniment.inference.messages import Chunk, Draft, Mark, NumberedPassage, Request, TextDelta

_NAMES: dict[Kind, str] = {
    "secret": "SECRET",
    "card": "CARD",
    "iban": "ACCOUNT",
    "national_id": "IDENTIFIER",
    "email": "EMAIL",
    "phone": "PHONE",
    "person": "PERSON",
    "place": "PLACE",
}
_TAG_LENGTH = 4


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Numbers of the passages that do not go to an endpoint."""

    blocked: frozenset[int] = frozenset()
    """Because of what they hold."""
    unlabelled: frozenset[int] = frozenset()
    """Because nobody has labelled the names in them."""

    @property
    def numbers(self) -> frozenset[int]:
        return self.blocked | self.unlabelled


class Guarded:
    """One request as it may be sent, and the way back for its reply."""

    def __init__(self, request: Request, handling: Handling, endpoint: str) -> None:
        """Raises Denied where the question holds a value that may not go to the endpoint."""
        self._json = request.schema is not None
        self._values: dict[str, str] = {}
        self._placeholders: dict[str, str] = {}
        self._pending = ""
        self.counts: Counter[Kind] = Counter()
        """How many values of each class were replaced."""
        self.left_out = LeftOut()
        self.request = request if handling == ALLOWED else self._sealed(request, handling, endpoint)
        self._given = re.compile("|".join(map(re.escape, self._values))) if self._values else None

    def unmarked(self) -> Request:
        """Return the request that is sent with placeholders that are the same each time."""
        if not self._values:
            return self.request
        tag = self._tag

        def plain(text: str) -> str:
            return text.replace(f"-{tag}-", "-")

        return _mapped(self.request, plain)

    def restored(self, chunk: Chunk) -> Iterator[Chunk]:
        """Yield a chunk of the reply with its values, as far as no placeholder may still go on in the next one."""
        if isinstance(chunk, TextDelta):
            text = self._with_values(self._pending + chunk.text)
            held = self._unfinished(text)
            self._pending = text[len(text) - held :]
            if len(text) > held:
                yield TextDelta(text[: len(text) - held])
            return
        yield from self.rest()
        if isinstance(chunk, Draft):
            marks = tuple(Mark(mark.n, self._with_values(mark.quote)) for mark in chunk.marks)
            chunk = replace(chunk, text=self._with_values(chunk.text), marks=marks)
        yield chunk

    def rest(self) -> Iterator[Chunk]:
        """Yield what was held back, at the end of the reply."""
        if self._pending:
            held, self._pending = self._pending, ""
            yield TextDelta(held)

    def _sealed(self, request: Request, handling: Handling, endpoint: str) -> Request:
        blocked = handling.kinds("block")
        known = Known(handling.kinds("redact", "block"))
        labelled = [one for one in request.passages if one.names is not None or not handling.handles_names]
        for one in labelled:
            if one.names is not None:
                known.label(one.title, one.names.title)
                known.label(one.heading, one.names.heading)
                known.label(one.text, one.names.text)
        known.learn(request.question, *_texts(request.passages), *(one.text for one in request.refused))
        for one in known.find(request.question):
            if one.kind in blocked:
                raise Denied(
                    f"The question holds {NAMED[one.kind]}, which may not go to the model {endpoint!r}.",
                    fix="Ask without it, or ask another model.",
                )
        if known.find(request.form):
            raise Denied(
                f"The schema holds sensitive values, which may not go to the model {endpoint!r}.",
                fix="Ask with a schema without them, or ask another model.",
            )
        kept = tuple(
            passage
            for passage in labelled
            if not any(one.kind in blocked for text in _texts([passage]) for one in known.find(text))
        )
        refused = tuple(
            one for one in request.refused if not any(found.kind in blocked for found in known.find(one.text))
        )
        numbers = frozenset(one.n for one in labelled)
        self.left_out = LeftOut(
            numbers - {one.n for one in kept}, frozenset(one.n for one in request.passages) - numbers
        )
        self._tag = _tag(request)

        def sealed(text: str) -> str:
            made: list[str] = []
            at = 0
            for one in known.find(text):
                made += [text[at : one.start], self._placeholder(one.kind, text[one.start : one.end])]
                at = one.end
                self.counts[one.kind] += 1
            return "".join([*made, text[at:]])

        return _mapped(replace(request, passages=kept, refused=refused), sealed)

    def _placeholder(self, kind: Kind, value: str) -> str:
        if value not in self._placeholders:
            made = f"[{_NAMES[kind]}-{self._tag}-{len(self._placeholders) + 1}]"
            self._placeholders[value] = made
            # Where the reply is JSON, a value stands inside one of its strings.
            self._values[made] = json.dumps(value, ensure_ascii=False)[1:-1] if self._json else value
        return self._placeholders[value]

    def _with_values(self, text: str) -> str:
        if self._given is None:
            return text
        return self._given.sub(lambda found: self._values[found[0]], text)

    def _unfinished(self, text: str) -> int:
        """Return how many characters at the end may be the beginning of a placeholder."""
        if self._given is None:
            return 0
        begun = text.rfind("[")
        tail = text[begun:] if begun >= 0 else ""
        return len(tail) if tail and any(one.startswith(tail) for one in self._values) else 0


def counted(counts: Counter[Kind]) -> dict[str, int]:
    """Return the classes that were found, with how often, as the log has them."""
    return {kind: counts[kind] for kind in KINDS if counts[kind]}


def _texts(passages: Iterable[NumberedPassage]) -> list[str]:
    return [text for one in passages for text in (one.title, one.heading, one.text)]


def _mapped(request: Request, way: Callable[[str], str]) -> Request:
    passages = tuple(
        replace(one, title=way(one.title), heading=way(one.heading), text=way(one.text))
        for one in request.passages
    )
    refused = tuple(replace(one, text=way(one.text), why=way(one.why)) for one in request.refused)
    return replace(request, question=way(request.question), passages=passages, refused=refused)


def _tag(request: Request) -> str:
    """Return random characters that no text of the request holds."""
    again = [one.text for one in request.refused]
    held = "\n".join([request.instructions, request.question, *_texts(request.passages), *again])
    tag, turn = "", 0
    while not tag or tag in held:
        tag = hashlib.sha256(f"{request.boundary} {turn}".encode()).hexdigest()[:_TAG_LENGTH]
        turn += 1
    return tag
