"""Makes drafts of manifests from what systems say of themselves, and tells which manifests no longer fit that.

Nothing that decides what may happen is guessed: whose word a field is, whom a call reaches, what it does and how
consequential that is are a person's to say. No draft is a manifest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from muniment.actions.closed_schema import closed, plain
from muniment.actions.draft import Draft, Known, draft
from muniment.actions.manifest import HttpOperation, Manifest
from muniment.actions.openapi import Operation, operations
from muniment.actions.runners.definition import Definition
from muniment.actions.schema_refs import References
from muniment.foundation.errors import BadInput

_LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class Changed:
    """A tool whose operation is not what its manifest was written for."""

    name: str
    why: str


def import_openapi(document_text: str, base_url: str) -> list[Draft]:
    """Return a draft for each operation of a document; raises BadInput for one that is no OpenAPI 3 in JSON."""
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise BadInput("The base address is none.", fix="Write https://HOST, with a path where there is one.")
    taken: set[str] = set()
    return [
        draft(_known(one, base_url.rstrip("/"), _name(one.id or f"{one.method} {one.path}", taken)))
        for one in operations(document_text)
    ]


def import_mcp(definitions: Iterable[Definition]) -> list[Draft]:
    """Return a draft for each tool that a server offers; its words about itself are quoted, and mean nothing."""
    taken: set[str] = set()
    return [draft(_offered(one, _name(one.name, taken))) for one in definitions]


def changed_operations(document_text: str, manifests: Iterable[Manifest]) -> list[Changed]:
    """Return the tools whose operation the document no longer states as it did; those without a digest are left out.

    `manifests` are those of this document's system.
    """
    stated = operations(document_text)
    digests = {one.definition for one in stated}
    found: list[Changed] = []
    for manifest in manifests:
        runs = manifest.runs
        if isinstance(runs, HttpOperation) and runs.definition and runs.definition not in digests:
            path = urlsplit(runs.url).path
            there = any(one.method == runs.method and _ends(path, one.path) for one in stated)
            why = "is stated in another way" if there else "is gone"
            found.append(Changed(manifest.name, f"{runs.method} {path} {why}"))
    return found


def _known(one: Operation, base_url: str, name: str) -> Known:
    runs: dict[str, object] = {"kind": "http", "method": one.method, "url": base_url + one.path}
    if one.query:
        runs["query"] = list(one.query)
    if one.version_header:
        runs["version_header"] = one.version_header
    if one.definition:
        runs["definition"] = one.definition
    hints = ["audience =  # whom its credential is for; without one, none is sent"]
    if one.scopes:
        hints.append(f"The document asks for the scope {', '.join(one.scopes)}.")
    if one.dry_run:
        hints.append('dry_run = "dry_run=true"  # only if that certainly changes nothing')
    hints += one.notes
    return Known(
        name,
        f"{one.method} {one.path}",
        runs,
        one.arguments,
        one.result,
        says=one.says,
        quoted="it has no summary",
        hints=hints,
        problems=one.problems,
    )


def _offered(one: Definition, name: str) -> Known:
    problems: list[str] = []
    arguments: dict[str, object] = {"type": "object", "additionalProperties": False, "properties": {}}
    result = None
    try:
        arguments |= closed(References(one.input_schema).resolved(one.input_schema), words=False)
    except BadInput as error:
        problems.append(f"arguments: {error.public}")
    if one.output_schema is None:
        problems.append("it gives no structured result")
    else:
        try:
            result = plain(References(one.output_schema).resolved(one.output_schema))
        except BadInput as error:
            problems.append(f"result: {error.public}")
    runs = {"kind": "mcp", "server": one.server, "tool": one.name, "definition": one.digest}
    return Known(
        name,
        f"the tool {one.name} of the server {one.server}",
        runs,
        arguments,
        result,
        quoted=one.description,
        problems=problems,
    )


def _name(given: str, taken: set[str]) -> str:
    """Return a name that a tool can have, and no other draft has."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", given)
    base = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")
    base = base if re.match(r"[a-z]", base) else f"tool_{base}".rstrip("_")
    name = base[:_LONGEST_NAME]
    number = 2
    while name in taken:
        name = f"{base[: _LONGEST_NAME - 4]}_{number}"
        number += 1
    taken.add(name)
    return name


def _ends(path: str, stated: str) -> bool:
    def shape(text: str) -> str:
        return re.sub(r"\{[^{}]*\}", "{}", text)

    return shape(path).endswith(shape(stated))
