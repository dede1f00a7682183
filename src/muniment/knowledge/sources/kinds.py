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


_CONNECTORS = "muniment.knowledge.sources.connectors"
KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "folder",
            "A folder of this machine: POSIX owners, modes and ACLs, or access.toml.",
            f"{_CONNECTORS}.folder",
        ),
        Kind(
            "sharepoint",
            "Libraries of a SharePoint site or a OneDrive, through Microsoft Graph.",
            f"{_CONNECTORS}.graph",
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
