"""Turns values into pages: one template environment, one catalog of sentences.

Invariants:
- everything that is filled into a page is escaped; no template marks anything as safe;
- a missing value or sentence is an error, never an empty place.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import cast

from jinja2 import Environment, FunctionLoader, StrictUndefined

from muniment.actions.visible import pieces, spelled
from muniment.interfaces.web.static_files import static_root

_HERE = files("muniment.interfaces.web")


@cache
def sentences() -> dict[str, str]:
    """Return every sentence of the pages by `section.name`; raises ValueError where two files have a section."""
    found: dict[str, str] = {}
    for entry in (_HERE / "strings").iterdir():
        document = tomllib.loads(entry.read_text("utf-8"))
        here = {
            f"{section}.{name}": text for section, texts in document.items() for name, text in texts.items()
        }
        if twice := found.keys() & here.keys():
            raise ValueError(f"{entry.name} says again what another file says: {sorted(twice)}")
        found |= here
    return found


def say(key: str, **values: object) -> str:
    """Return a sentence with its places filled in; raises KeyError for an unknown sentence or place."""
    return sentences()[key].format(**values)


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
    """Return a page; `here` is the key of the opening that it belongs to, if it does to one."""
    filled = {"person": None, "here": "", "title": title, **values}
    return _environment().get_template(template).render(filled)
