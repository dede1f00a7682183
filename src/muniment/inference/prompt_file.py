"""Prompt files: a text to be sent, and before it, what it is for, what it takes and what it gives.

```
---
name: answer
purpose: answer
about: One line for people.
inputs: question text, passages passages
output: claims
models: any
owner: platform
---
The text.
```
Values stand beside the text, never in it: no character of a document or a question is ever read as a template.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

from muniment.foundation.errors import BadInput
from muniment.inference.messages import NumberedPassage

InputType = Literal["text", "passages", "schema"]
LONGEST = 50_000
"""Characters of a file."""
_TYPES: tuple[InputType, ...] = get_args(InputType)
_FRONT = re.compile(r"\A---\n(.*?)\n---\n(.*)\Z", re.DOTALL)
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_NEEDED, _LEFT_OUT = ("name", "purpose"), ("about", "inputs", "output", "models", "owner")


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a prompt is used for: what it is given, and how its reply is read."""

    inputs: Mapping[str, InputType]
    output: str


PURPOSES: Mapping[str, Purpose] = {
    "answer": Purpose({"question": "text", "passages": "passages"}, "claims"),
    "extract": Purpose({"question": "text", "passages": "passages", "schema": "schema"}, "result"),
    "rewrite": Purpose({"question": "text", "earlier": "text"}, "question"),
    "question": Purpose({"question": "text", "passages": "passages"}, "question"),
    "agent": Purpose({"question": "text", "passages": "passages"}, "move"),
    "draft": Purpose({"question": "text", "passages": "passages"}, "text"),
    "take": Purpose({"question": "text", "passages": "passages", "schema": "schema"}, "values"),
    "judge": Purpose({"question": "text", "passages": "passages"}, "better"),
    "support": Purpose({"question": "text", "passages": "passages"}, "supported"),
    "reply": Purpose({"question": "text"}, "text"),
    "fill": Purpose({"question": "text", "schema": "schema"}, "filled"),
}
"""What muniment asks models for."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt as it is sent."""

    name: str
    purpose: str
    text: str
    about: str = ""
    inputs: tuple[tuple[str, InputType], ...] = ()
    """Name and type of each value that stands beside the text."""
    output: str = ""
    """How its reply is read."""
    models: tuple[str, ...] = ()
    """Endpoints that it is written for; none: any."""
    owner: str = ""
    where: str = ""
    """The file that it was read from."""
    content: str = ""
    """That file, whole."""

    @property
    def version(self) -> str:
        """Return `NAME@HASH8`: the first 8 hex digits of the SHA-256 of the text."""
        return f"{self.name}@{hashlib.sha256(self.text.encode()).hexdigest()[:8]}"

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the whole file."""
        return "sha256:" + hashlib.sha256(self.content.encode()).hexdigest()


def parse(content: str, where: str) -> Prompt:
    """Read a prompt file; raises BadInput naming the file and the fault."""
    if len(content) > LONGEST:
        raise BadInput(f"{where} is too long for a prompt.", fix=f"Use at most {LONGEST:,} characters.")
    content = content.replace("\r\n", "\n")
    found = _FRONT.match(content)
    if found is None:
        raise BadInput(f"{where} has no front matter.", fix="Start it with ---, name:, purpose:, ---.")
    fields: dict[str, str] = {}
    for line in found[1].splitlines():
        key, colon, value = line.partition(":")
        if not colon or key.strip() not in (*_NEEDED, *_LEFT_OUT) or key.strip() in fields:
            raise BadInput(f"{where} has a line in its front matter that is not read: {line!r}.")
        fields[key.strip()] = value.strip()
    for key in _NEEDED:
        if not fields.get(key):
            raise BadInput(f"{where} lacks {key}.", fix=f"Add `{key}: ...` to its front matter.")
        if not _NAME.fullmatch(fields[key]):
            raise BadInput(f"{where}: {key} is no name.", fix="Use small letters, digits and dashes.")
    if not found[2].strip():
        raise BadInput(f"{where} has no text.", fix="Write what is sent below its front matter.")
    models = _listed(fields.get("models", "any"))
    return Prompt(
        name=fields["name"],
        purpose=fields["purpose"],
        text=found[2].strip(),
        about=fields.get("about", ""),
        inputs=_inputs(fields.get("inputs", ""), where),
        output=fields.get("output", ""),
        models=() if models == ("any",) else models,
        owner=fields.get("owner", ""),
        where=where,
        content=content,
    )


def fits(prompt: Prompt, known: frozenset[str]) -> None:
    """Raise BadInput where a prompt cannot serve its purpose, or is written for an endpoint that is not `known`."""
    purpose = PURPOSES.get(prompt.purpose)
    if purpose is None:
        raise BadInput(
            f"{prompt.where}: nothing is asked for the purpose {prompt.purpose!r}.",
            fix=f"Known: {', '.join(PURPOSES)}.",
        )
    if dict(prompt.inputs) != dict(purpose.inputs):
        wanted = ", ".join(f"{name} {kind}" for name, kind in purpose.inputs.items())
        raise BadInput(
            f"{prompt.where}: its inputs are not those of the purpose {prompt.purpose!r}.",
            fix=f"Write `inputs: {wanted}`.",
        )
    if prompt.output != purpose.output:
        raise BadInput(
            f"{prompt.where}: its output is not read for the purpose {prompt.purpose!r}.",
            fix=f"Write `output: {purpose.output}`.",
        )
    for model in prompt.models:
        if model not in known:
            raise BadInput(
                f"{prompt.where}: there is no model {model!r}.", fix=f"Known: {', '.join(sorted(known))}."
            )


def check_inputs(prompt: Prompt, values: Mapping[str, object]) -> None:
    """Raise BadInput naming the file and the input that is missing, not declared, or of another type."""
    declared = dict(prompt.inputs)
    where = prompt.where or prompt.name
    for name in values:
        if name not in declared:
            fix = f"It takes {', '.join(declared) or 'none'}."
            raise BadInput(f"{where} takes no input {name!r}.", fix=fix)
    for name, kind in declared.items():
        if name not in values:
            raise BadInput(f"{where} lacks the input {name!r}.", fix=f"Give it ({kind}).")
        if not _is(values[name], kind):
            raise BadInput(f"{where}: the input {name!r} is not {kind}.", fix="Give a value of that type.")


def _is(value: object, kind: InputType) -> bool:
    if kind in ("text", "schema"):
        return isinstance(value, str)
    return isinstance(value, tuple) and all(
        isinstance(one, NumberedPassage) for one in cast("tuple[object, ...]", value)
    )


def _inputs(line: str, where: str) -> tuple[tuple[str, InputType], ...]:
    made: dict[str, InputType] = {}
    for one in _listed(line):
        name, _, kind = one.partition(" ")
        kind = kind.strip()
        if not _NAME.fullmatch(name) or kind not in _TYPES or name in made:
            raise BadInput(
                f"{where}: {one!r} is no input.",
                fix=f"Write a name and one of {', '.join(_TYPES)}, once each.",
            )
        made[name] = kind
    return tuple(made.items())


def _listed(line: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in line.split(",") if part.strip())
