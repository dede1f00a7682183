"""The operations of an OpenAPI document (3.x, JSON): what each takes and gives, and the digest of what it states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from muniment.actions.closed_schema import Schema, closed, given, plain
from muniment.actions.runners.outside_words import LONGEST
from muniment.actions.runners.strict_json import read_value
from muniment.actions.schema_refs import References
from muniment.foundation.canonical import digest
from muniment.foundation.errors import BadInput

LARGEST = 8 << 20
_METHODS = ("get", "post", "put", "patch", "delete")
_JSON = "application/json"
_SENT = frozenset({"idempotency-key", "authorization", "accept", "content-type"})
"""Headers that a call has anyway, or may not choose."""
_DRY = "dry_run"
_NOTHING: Schema = {"type": "null"}
Fields = Mapping[str, object]


@dataclass(frozen=True)
class Operation:
    """One operation as its document states it."""

    method: str
    path: str
    id: str
    says: str
    definition: str
    """Digest of all that the document states of it; empty where it refers to what is not there."""
    arguments: Schema
    result: Schema | None
    query: tuple[str, ...]
    version_header: str
    dry_run: bool
    """Whether its query takes `dry_run`."""
    scopes: tuple[str, ...]
    notes: tuple[str, ...]
    """What a person should look at."""
    problems: tuple[str, ...]
    """What keeps it from being called as it is, or what could not be read of it."""


def operations(document_text: str) -> list[Operation]:
    """Return the operations of a document, in its order; raises BadInput for one that cannot be read."""
    if len(document_text) > LARGEST:
        raise BadInput("The document is too large.", fix=f"Use at most {LARGEST >> 20} MiB.")
    try:
        whole = read_value(document_text.encode(errors="surrogatepass"))
    except ValueError as error:
        raise BadInput(
            f"The document is no JSON ({error}).", fix="Ask the system for its openapi.json."
        ) from error
    if not isinstance(whole, dict) or not str(cast(Fields, whole).get("openapi", "")).startswith("3."):
        raise BadInput("The document is no OpenAPI 3.", fix="Ask the system for its openapi.json.")
    document = cast("dict[str, object]", whole)
    references = References(document)
    return [
        _operation(references, document, method, path, item, cast(Fields, item[method]))
        for path, item in _fields(document.get("paths")).items()
        if isinstance(item, Mapping)
        for method in _METHODS
        if isinstance(item.get(method), Mapping)
    ]


class _Reading:
    """What is gathered of one operation."""

    def __init__(self) -> None:
        self.properties: dict[str, object] = {}
        self.required: list[str] = []
        self.query: list[str] = []
        self.version_header = ""
        self.dry_run = False
        self.problems: list[str] = []
        self.notes: list[str] = []

    def takes(self, name: str, schema: Schema, required: bool) -> None:
        if name in self.properties:
            self.problems.append(f"two arguments are named {name}")
            return
        self.properties[name] = schema
        if required:
            self.required.append(name)


def _operation(
    references: References, document: Fields, method: str, path: str, item: Fields, stated: Fields
) -> Operation:
    reading = _Reading()
    own = _list(stated.get("parameters"))
    shared = _list(item.get("parameters"))
    for parameter in _parameters(reading, references, shared, own):
        _take_parameter(reading, references, parameter, method)
    if "requestBody" in stated:
        _take_body(reading, references, stated["requestBody"])
    arguments: Schema = {"type": "object", "additionalProperties": False}
    if reading.required:
        arguments["required"] = reading.required
    arguments["properties"] = reading.properties
    return Operation(
        method.upper(),
        path,
        str(stated.get("operationId", "")),
        _says(stated),
        _definition(reading, references, method, path, shared, stated),
        arguments,
        _result(reading, references, stated),
        tuple(reading.query),
        reading.version_header,
        reading.dry_run,
        _scopes(stated.get("security", document.get("security"))),
        tuple(reading.notes),
        tuple(reading.problems),
    )


def _definition(
    reading: _Reading, references: References, method: str, path: str, shared: object, stated: Fields
) -> str:
    """All of it counts, also what is only said: whoever wrote the manifest has read that."""
    try:
        behind = references.behind([shared, stated])
        return digest(
            {"method": method, "path": path, "shared": shared, "operation": stated, "behind": behind}
        )
    except BadInput as error:
        reading.problems.append(f"definition: {error.public}")
        return ""


def _parameters(
    reading: _Reading, references: References, shared: list[object], own: list[object]
) -> Iterator[Fields]:
    """Yield parameters; one of the operation takes the place of one of its path."""
    found: dict[tuple[object, object], Fields] = {}
    for one in (*shared, *own):
        parameter = _followed(reading, references, one)
        found[str(parameter.get("in")), str(parameter.get("name"))] = parameter
    yield from found.values()


def _followed(reading: _Reading, references: References, node: object) -> Fields:
    try:
        return _fields(references.followed(node))
    except BadInput as error:
        reading.problems.append(error.public)
        return {}


def _take_parameter(reading: _Reading, references: References, parameter: Fields, method: str) -> None:
    name, place, required = str(parameter.get("name")), parameter.get("in"), parameter.get("required") is True
    if place == "header" and name.lower() in _SENT:
        return
    if place == "header" and name.lower() == "if-match":
        reading.version_header = "If-Match"
        return
    if place == "query" and name == _DRY and method != "get":
        reading.dry_run = True
        return
    if place not in ("path", "query"):
        if required:
            reading.problems.append(f"it needs the {place} {name}, which a call cannot send")
        return
    try:
        schema = given(closed(references.resolved(parameter.get("schema", {}))))
    except BadInput as error:
        reading.problems.append(f"{name}: {error.public}")
        return
    if said := parameter.get("description"):
        schema = {**schema, **closed({"description": said})}
    reading.takes(name, schema, required)
    if place == "query":
        reading.query.append(name)


def _take_body(reading: _Reading, references: References, body: object) -> None:
    content = _fields(_followed(reading, references, body).get("content"))
    if _JSON not in content:
        reading.problems.append("its body is no JSON")
        return
    try:
        schema = closed(references.resolved(_fields(content[_JSON]).get("schema")))
    except BadInput as error:
        reading.problems.append(f"body: {error.public}")
        return
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        reading.problems.append("its body is no object with named fields")
        return
    required = _list(schema.get("required"))
    for name, one in cast("Mapping[str, Schema]", properties).items():
        reading.takes(name, one, name in required)


def _result(reading: _Reading, references: References, stated: Fields) -> Schema | None:
    """Of several good replies, the last: a 200 beside a 201 is usually what a dry run says."""
    found: dict[str, object] = {}
    for status, response in sorted(_fields(stated.get("responses")).items()):
        content = _fields(_followed(reading, references, response).get("content"))
        if status.startswith("2") and _JSON in content:
            found[status] = _fields(content[_JSON]).get("schema")
        elif status == "204":
            found[status] = _NOTHING
    if not found:
        return None
    last = max(found)
    if len(found) > 1:
        reading.notes.append(
            f"The document states the replies {', '.join(sorted(found))}; below is that of {last}."
        )
    try:
        return plain(references.resolved(found[last]))
    except BadInput as error:
        reading.problems.append(f"result: {error.public}")
        return None


def _says(stated: Fields) -> str:
    """Summaries are often made of a name; the first paragraph of a description says more, where it is short."""
    first = str(stated.get("description") or "").strip().split("\n\n")[0]
    return first if 0 < len(first) <= LONGEST else str(stated.get("summary") or first)


def _scopes(security: object) -> tuple[str, ...]:
    found = {
        str(scope) for one in _list(security) for scopes in _fields(one).values() for scope in _list(scopes)
    }
    return tuple(sorted(found))


def _fields(value: object) -> Fields:
    return cast(Fields, value) if isinstance(value, Mapping) else {}


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []
