"""The prompts that ship, and how one is rendered: each has a version that is the hash of what is sent.

Rendering puts values beside the text, never into it: no character of a document or question is ever read as
a template, and a passage cannot close the fence around it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

from muniment.foundation.errors import BadInput
from muniment.inference.messages import NumberedPassage, Refused, Request
from muniment.inference.prompt_file import Prompt, check_inputs, parse

INVISIBLE = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff\U000e0000-\U000e0fff]"
)
"""What no model is shown: control characters, and those without a look of their own."""

AGAIN_WHOLE = (
    "You replied to this before. What follows was wrong. Reply again with the whole object, corrected."
)
AGAIN = (
    "You replied to this before. What follows was refused. Reply again with corrected claims for these alone, each "
    "with a quote that proves it; leave out what the passages do not prove. Do not repeat your other claims."
)
LAST_IN_FULL = "how is the last of these asked, so that it can be understood without the others?"


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
    form: str = "",
) -> Request:
    """Return the request for a question; `boundary` must be fresh random text for each."""
    check_inputs(prompt, {"question": question, "passages": passages, **({"schema": form} if form else {})})
    if len(boundary) < 16:
        raise BadInput("A boundary needs at least 16 random characters.")
    return Request(prompt.version, prompt.text, question, passages, boundary, form, schema=schema)


def rewriting(
    prompt: Prompt, question: str, earlier: Sequence[str], boundary: str, schema: Mapping[str, object]
) -> Request:
    """Return the request for a question that stands alone; it holds nothing of the library."""
    *before, last = [f"- {' '.join(one.split())}" for one in [*earlier, question]]
    check_inputs(prompt, {"question": question, "earlier": "\n".join(before)})
    asked = "\n".join([LAST_IN_FULL, *before, last])
    return Request(prompt.version, prompt.text, asked, (), boundary, schema=schema, labels=frozenset())


def alone(
    prompt: Prompt, question: str, boundary: str, schema: Mapping[str, object] | None = None, form: str = ""
) -> Request:
    """Return the request for a question that a model answers by itself; it holds nothing of the library."""
    check_inputs(prompt, {"question": question, **({"schema": form} if form else {})})
    return Request(
        prompt.version, prompt.text, question, (), boundary, form, schema=schema, labels=frozenset()
    )


def user_text(made: Request) -> str:
    """Return what a language model reads beside its instructions: the fenced passages, then the question."""
    blocks = [_fenced(passage, made.boundary) for passage in made.passages]
    question = neutral(made.question, made.boundary)
    refused = [_refused(n, one, made.boundary) for n, one in enumerate(made.refused, 1)]
    form = [f"Schema of the result: {neutral(made.form, made.boundary)}"] if made.form else []
    again = [AGAIN_WHOLE if made.form else AGAIN, *refused] if refused else []
    return "\n\n".join([*blocks, *form, f"Question: {question}", *again])


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
