"""Turns values into pages: one template environment, one catalog of sentences, static files held in memory.

Invariants:
- everything that is filled into a page is escaped; no template marks anything as safe;
- a missing value or sentence is an error, never an empty place;
- static files are served from memory under a name that holds their digest, so no path is ever looked up on disk.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import cast

from jinja2 import Environment, FunctionLoader, StrictUndefined

from muniment.actions.visible import pieces, spelled

_HERE = files("muniment.interfaces.web")
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file."""

    media_type: str
    content: bytes


@cache
def sentences() -> dict[str, str]:
    """Return every sentence of the pages by `section.name`."""
    document = tomllib.loads((_HERE / "strings.toml").read_text("utf-8"))
    return {f"{section}.{name}": text for section, texts in document.items() for name, text in texts.items()}


def say(key: str, **values: object) -> str:
    """Return a sentence with its places filled in; raises KeyError for an unknown sentence or place."""
    return sentences()[key].format(**values)


@cache
def assets() -> dict[str, Asset]:
    """Return the static files by name."""
    return {
        entry.name: Asset(_TYPES[_suffix(entry)], entry.read_bytes())
        for entry in sorted((_HERE / "static").iterdir(), key=lambda e: e.name)
        if _suffix(entry) in _TYPES
    }


def _suffix(entry: Traversable) -> str:
    return "." + entry.name.rpartition(".")[2]


@cache
def static_root() -> str:
    """Return the path under which this build's static files are served."""
    digest = hashlib.sha256()
    for name, asset in assets().items():
        digest.update(name.encode() + b"\0" + asset.content)
    return f"/static/{digest.hexdigest()[:16]}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(lambda name: (_HERE / "templates" / name).read_text("utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    places: dict[str, object] = {"t": say, "static": static_root(), "shown": pieces, "spelled": spelled}
    cast("dict[str, object]", environment.globals).update(places)
    return environment


def render(template: str, title: str, **values: object) -> str:
    """Return a page."""
    filled = {"person": None, "title": title, **values}
    return _environment().get_template(template).render(filled)
