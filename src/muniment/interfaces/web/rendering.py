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
from muniment.assurance.evaluation.reports import charts, wording
from muniment.assurance.evaluation.reports.reported import about
from muniment.interfaces.web.static_files import static_root
from muniment.interfaces.web.tables import labelled

_HERE = files("muniment.interfaces.web")
_REPORTS = files("muniment.assurance.evaluation.reports")


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


def _source(name: str) -> str:
    # What a report is made of stands in pages too.
    room = _REPORTS if name.startswith("report/") else _HERE
    return (room / "templates" / name).read_text("utf-8")


@cache
def _visible() -> Environment:
    return _environment().overlay(finalize=_shown)


def _shown(value: object) -> object:
    # What a macro has made is a text of another type: its parts have been shown already.
    return spelled(pieces(value)) if type(value) is str and not _plain(value) else value


def _plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_source),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    places: dict[str, object] = {"t": say, "static": static_root(), "shown": pieces, "spelled": spelled}
    cast("dict[str, object]", environment.globals).update(places)
    environment.filters["labelled"] = labelled
    return environment


def render(template: str, title: str, **values: object) -> str:
    """Return a page; `here` is the key of the opening that it belongs to, if it does to one."""
    filled = {"person": None, "here": "", "title": title, **values}
    return _environment().get_template(template).render(filled)


def render_report(template: str, title: str, **values: object) -> str:
    """Return a page in which every character of every text is to be seen, as a report shows it."""
    filled = {
        "person": None,
        "here": "",
        "title": title,
        "w": wording,
        "charts": charts,
        "about": about,
        **values,
    }
    return _visible().get_template(template).render(filled)
