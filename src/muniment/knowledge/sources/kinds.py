"""The kinds of source that can be added, and what each needs to be connected."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from muniment.foundation.errors import BadInput, NotSetUp
from muniment.knowledge.sources.connector import Connector
from muniment.knowledge.sources.source_settings import SourceSettings

if TYPE_CHECKING:
    from muniment.foundation.clock import Clock
    from muniment.foundation.egress import Egress
    from muniment.foundation.secret import Secret


@dataclass(frozen=True, slots=True)
class Doors:
    """What a connector may use of this machine."""

    egress: Callable[[Iterable[str], bool], Egress]
    """Gives the door to these origins; with True, their names may lead into the operator's own network."""
    secret: Callable[[str, str], Secret | None]
    """Gives what a reference such as `env:NAME` leads to, for the setting of this name."""
    clock: Clock
    home: Path
    max_file_bytes: int


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of source."""

    name: str
    says: str
    module: str
    """Holds `Settings` and `connect(settings, doors)`."""
    needs: str = ""
    """The extra that has to be installed."""
    proven: str = "a real server"
    """What its tests run against."""


@dataclass(frozen=True, slots=True)
class FieldRead:
    """A setting of a kind of source, for whoever is to state it."""

    name: str
    takes: str
    needed: bool
    default: object
    says: str


_CONNECTORS = "muniment.knowledge.sources.connectors"
KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "folder",
            "A folder of this machine: POSIX owners, modes and ACLs, or access.toml.",
            f"{_CONNECTORS}.folder",
            proven="real files, opened as their users",
        ),
        Kind(
            "sharepoint",
            "Libraries of a SharePoint site or a OneDrive, through Microsoft Graph.",
            f"{_CONNECTORS}.graph",
            proven="a simulator of its public API",
        ),
        Kind(
            "smb",
            "A share of a Windows file server or of Samba: NT access lists.",
            f"{_CONNECTORS}.smb",
            needs="smb",
        ),
        Kind(
            "git",
            "A branch of a Git repository: readers as stated, or POSIX rights, narrowed by access.toml.",
            f"{_CONNECTORS}.git",
        ),
        Kind(
            "imap",
            "Mail on an IMAP server: folders of its accounts, shared by access lists.",
            f"{_CONNECTORS}.imap",
        ),
        Kind(
            "postgres",
            "Tables of a Postgres database: row-level security, as the server answers each role.",
            f"{_CONNECTORS}.postgres",
            needs="postgres",
        ),
        Kind(
            "s3",
            "A bucket of Amazon S3 or of a service like it: readers by prefix, or by prefix and tag.",
            f"{_CONNECTORS}.s3",
            needs="aws",
            proven="a server of that interface (moto)",
        ),
        Kind(
            "webdav",
            "A WebDAV server: readers by path, or its own access lists (RFC 3744).",
            f"{_CONNECTORS}.webdav",
            proven="a real server (wsgidav) with stated readers; a simulator of RFC 3744 with its lists",
        ),
        Kind(
            "confluence",
            "Pages, blog posts, comments and attachments of Confluence, Cloud or Data Center.",
            f"{_CONNECTORS}.confluence",
            proven="a simulator of its public API",
        ),
        Kind(
            "jira",
            "Issues, comments and attachments of Jira, Cloud or Data Center.",
            f"{_CONNECTORS}.jira",
            proven="a simulator of its public API",
        ),
        Kind(
            "drive",
            "Shared drives and folders of Google Drive.",
            f"{_CONNECTORS}.drive",
            proven="a simulator of its public API",
        ),
        Kind(
            "slack",
            "Channels of a Slack workspace, a day of each at a time.",
            f"{_CONNECTORS}.slack",
            proven="a simulator of its public API",
        ),
    )
}


def kind_of(name: str) -> Kind:
    """Return a kind; raises BadInput for an unknown one."""
    if name not in KINDS:
        raise BadInput(
            f"No kind of source is called {name!r}.", fix=f"Use one of {', '.join(sorted(KINDS))}."
        )
    return KINDS[name]


def settings_of(kind: str, stated: Mapping[str, object]) -> SourceSettings:
    """Return the settings of a source as its kind reads them; raises BadInput naming the field."""
    model = cast("type[SourceSettings]", _module(kind_of(kind)).Settings)
    try:
        return model.model_validate(dict(stated))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "settings"
        raise BadInput(
            f"{field}: {first['msg']}.", fix=f"See `muniment sources kinds {kind}` for its settings."
        ) from error


def fields_of(kind: str) -> list[FieldRead]:
    """Return the settings of a kind, those that every kind has last."""
    model = cast("type[SourceSettings]", _module(kind_of(kind)).Settings)
    schema = model.model_json_schema()
    needed, shapes = schema.get("required", []), schema.get("$defs", {})
    found = [
        FieldRead(
            name,
            _shape(said, shapes),
            name in needed,
            said.get("default"),
            " ".join(str(said.get("description", "")).split()),
        )
        for name, said in schema["properties"].items()
    ]
    return sorted(found, key=lambda one: (one.name in SourceSettings.model_fields, not one.needed))


def _shape(said: Mapping[str, Any], shapes: Mapping[str, Any]) -> str:
    """Return in words what a setting takes."""
    if "$ref" in said:
        return _shape(shapes.get(said["$ref"].rpartition("/")[2], {}), shapes)
    if "enum" in said or "const" in said:
        return " or ".join(str(one) for one in said.get("enum", [said.get("const")]))
    if options := said.get("anyOf") or said.get("oneOf"):
        return " or ".join(_shape(one, shapes) for one in options if one.get("type") != "null")
    match said.get("type"):
        case "array":
            return f"list of {_shape(said.get('items', {}), shapes)}"
        case "object":
            return "table"
        case "boolean":
            return "true or false"
        case "integer" | "number":
            low, high = said.get("minimum"), said.get("maximum")
            return f"number from {low} to {high}" if low is not None and high is not None else "number"
        case _:
            return "text"


def connect(kind: str, settings: SourceSettings, doors: Doors) -> Connector:
    """Return a connection, not yet tried; raises NotSetUp where what it needs is not installed."""
    found = kind_of(kind)
    make = cast("Callable[[SourceSettings, Doors], Connector]", _module(found).connect)
    try:
        return make(settings, doors)
    except ImportError as error:
        raise NotSetUp(
            f"Sources of the kind {kind} need more than is installed.",
            fix=f"Run `pip install 'muniment[{found.needs}]'`.",
        ) from error


def _module(kind: Kind) -> Any:
    return importlib.import_module(kind.module)
