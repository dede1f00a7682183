"""Prompt files: text with a name, a purpose and a version that is the hash of what is sent.

Rendering puts values beside the text, never into it: no character of a document or question is ever read as
a template, and a passage cannot close the fence around it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from muniment.foundation.errors import BadInput
from muniment.inference.messages import NumberedPassage, Refused, Request

_FRONT = re.compile(r"\A---\n(.*?)\n---\n(.*)\Z", re.DOTALL)
INVISIBLE = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff\U000e0000-\U000e0fff]"
)
"""What no model is shown: control characters, and those without a look of their own."""

AGAIN = (
    "You replied to this before. What follows was refused. Reply again with corrected claims for these alone, each "
    "with a quote that proves it; leave out what the passages do not prove. Do not repeat your other claims."
)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt file as it is sent."""

    name: str
    purpose: str
    text: str

    @property
    def version(self) -> str:
        """Return `NAME@HASH8`: the first 8 hex digits of the SHA-256 of the text."""
        return f"{self.name}@{hashlib.sha256(self.text.encode()).hexdigest()[:8]}"


def parse(content: str, where: str) -> Prompt:
    """Read a prompt file; raises BadInput naming the file and the fault."""
    found = _FRONT.match(content)
    if found is None:
        raise BadInput(f"{where} has no front matter.", fix="Start it with ---, name:, purpose:, ---.")
    fields: dict[str, str] = {}
    for line in found[1].splitlines():
        key, colon, value = line.partition(":")
        if not colon or key.strip() not in ("name", "purpose") or key.strip() in fields:
            raise BadInput(f"{where} has a line in its front matter that is not read: {line!r}.")
        fields[key.strip()] = value.strip()
    for key in ("name", "purpose"):
        if not fields.get(key):
            raise BadInput(f"{where} lacks {key}.", fix=f"Add `{key}: ...` to its front matter.")
    return Prompt(fields["name"], fields["purpose"], found[2].strip())


@cache
def load(name: str) -> Prompt:
    """Return a shipped prompt; raises BadInput for an unknown name."""
    known = shipped()
    if name not in known:
        raise BadInput(f"No prompt named {name!r}.", fix=f"Known: {', '.join(known)}.")
    return known[name]


@cache
def shipped() -> dict[str, Prompt]:
    """Return every shipped prompt by name."""
    folder = files("muniment.inference") / "prompts"
    paths = sorted((path for path in folder.iterdir() if path.name.endswith(".md")), key=lambda p: p.name)
    found = (parse(path.read_text(encoding="utf-8"), path.name) for path in paths)
    return {prompt.name: prompt for prompt in found}


def request(
    prompt: Prompt,
    question: str,
    passages: tuple[NumberedPassage, ...],
    boundary: str,
    schema: Mapping[str, object] | None = None,
) -> Request:
    """Return the request for a question; `boundary` must be fresh random text for each."""
    if len(boundary) < 16:
        raise BadInput("A boundary needs at least 16 random characters.")
    return Request(prompt.version, prompt.text, question, passages, boundary, schema=schema)


def user_text(made: Request) -> str:
    """Return what a language model reads beside its instructions: the fenced passages, then the question."""
    blocks = [_fenced(passage, made.boundary) for passage in made.passages]
    question = neutral(made.question, made.boundary)
    refused = [_refused(n, one, made.boundary) for n, one in enumerate(made.refused, 1)]
    again = [AGAIN, *refused] if refused else []
    return "\n\n".join([*blocks, f"Question: {question}", *again])


def _refused(n: int, one: Refused, boundary: str) -> str:
    if not one.text:
        return one.why
    text = " ".join(neutral(one.text, boundary).split())
    return f"<<<{boundary} claim {n}>>>\n{text}\n<<<{boundary} end claim {n}>>>\nRefused: {one.why}"


def neutral(text: str, boundary: str) -> str:
    """Return `text` without control, invisible, direction and half characters, nor the boundary in any case."""
    plain = INVISIBLE.sub("", text)
    return re.sub(re.escape(boundary), " ", plain, flags=re.IGNORECASE)


def _fenced(passage: NumberedPassage, boundary: str) -> str:
    title = " ".join(neutral(f"{passage.title} / {passage.heading}".rstrip(" /"), boundary).split())
    body = neutral(passage.text, boundary)
    return f"<<<{boundary} passage {passage.n}>>>\nTitle: {title}\n{body}\n<<<{boundary} end {passage.n}>>>"
