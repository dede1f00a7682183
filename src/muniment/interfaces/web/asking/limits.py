"""To which documents a question is limited: what the form offers, what it sends, and how the answer says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from muniment.foundation.errors import BadInput
from muniment.governance.audit.entry import Json
from muniment.governance.identity.principal import Principal
from muniment.interfaces.rest.bodies import FilterBody
from muniment.interfaces.web.rendering import say
from muniment.interfaces.web.wording import day
from muniment.knowledge.formats import MEDIA_TYPES

if TYPE_CHECKING:
    from muniment.app import Workspace

FIELDS = ("place", "type", "after", "before")
"""Of the form."""
_KINDS = {media_type: kind for kind, media_type in MEDIA_TYPES.items()}
_NAMES = {
    "md": "limits.type_md",
    "txt": "limits.type_txt",
    "html": "limits.type_html",
    "csv": "limits.type_csv",
    "eml": "limits.type_eml",
    "pdf": "limits.type_pdf",
    "docx": "limits.type_docx",
    "pptx": "limits.type_pptx",
    "xlsx": "limits.type_xlsx",
    "odt": "limits.type_odt",
    "ods": "limits.type_ods",
    "odp": "limits.type_odp",
    "rtf": "limits.type_rtf",
    "epub": "limits.type_epub",
    "msg": "limits.type_msg",
    "json": "limits.type_json",
    "jsonl": "limits.type_jsonl",
    "xml": "limits.type_xml",
    "ipynb": "limits.type_ipynb",
    "source": "limits.type_source",
    "zip": "limits.type_zip",
    "tar": "limits.type_tar",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """A place or type that may be chosen."""

    value: str
    name: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class LimitsView:
    """What the form offers."""

    places: tuple[tuple[str, tuple[Choice, ...]], ...]
    """By source: the whole of it, then its folders."""
    types: tuple[Choice, ...]
    after: str
    before: str
    said: str
    """What is chosen, in words; empty where nothing is."""


def filter_body(fields: Mapping[str, str]) -> FilterBody:
    """Return what a form limits a question to."""
    place, kind, after, before = (fields.get(name, "").strip()[:1_000] for name in FIELDS)
    source, _, folder = place.partition("/")
    return FilterBody(
        source=[source] if source else [],
        folder=[place] if folder else [],
        type=[kind] if kind else [],
        after=after[:40] or None,
        before=before[:40] or None,
    )


def chosen(stated: Json) -> dict[str, str]:
    """Return the fields of the form that stand for filters as an answer recorded them."""
    filters: Mapping[str, Json] = stated if isinstance(stated, Mapping) else {}
    kind = _first(filters.get("type"))
    found = {
        "place": _first(filters.get("folder")) or _first(filters.get("source")),
        "type": _KINDS.get(kind, kind),
        "after": str(filters.get("after") or "")[:10],
        "before": str(filters.get("before") or "")[:10],
    }
    return {name: value for name, value in found.items() if value}


def offered(workspace: Workspace, principal: Principal, fields: Mapping[str, str]) -> LimitsView:
    """Return what a person may choose: nothing in which they may read nothing, but for what they chose before."""
    readable = workspace.places.readable(principal)
    place, kind = fields.get("place", ""), fields.get("type", "")
    values = {*readable.sources, *(f"{source}/{folder}" for source, folder in readable.folders)}
    values |= {place} if place else set()
    by_source: dict[str, list[Choice]] = {}
    for value in sorted(values):
        source, _, folder = value.partition("/")
        name = folder or say("limits.whole", source=source)
        by_source.setdefault(source, []).append(Choice(value, name, value == place))
    kinds = {_KINDS[one] for one in readable.types if one in _KINDS} | ({kind} & set(MEDIA_TYPES))
    types = [Choice(one, _named(one), one == kind) for one in MEDIA_TYPES if one in kinds]
    places = tuple((source, tuple(found)) for source, found in by_source.items())
    return LimitsView(
        places, tuple(types), fields.get("after", ""), fields.get("before", ""), _in_words(fields)
    )


def _in_words(fields: Mapping[str, str]) -> str:
    try:
        return said(filter_body(fields).filters().stated())
    except BadInput:
        return say("limits.unclear")


def said(stated: Json) -> str:
    """Return the sentence that says to what an answer was limited; empty where to nothing."""
    filters: Mapping[str, Json] = stated if isinstance(stated, Mapping) else {}
    parts = list(_listed(filters.get("folder")) or _listed(filters.get("source")))
    parts += [_named(_KINDS.get(one, one)) for one in _listed(filters.get("type"))]
    parts += [*_listed(filters.get("author")), *_listed(filters.get("sensitivity"))]
    for name, key in (("after", "limits.said_after"), ("before", "limits.said_before")):
        if filters.get(name):
            parts.append(say(key, date=day(str(filters[name]))))
    return say("limits.said", what=", ".join(parts)) if parts else ""


def _named(kind: str) -> str:
    return say(_NAMES[kind]) if kind in _NAMES else kind


def _listed(value: Json) -> tuple[str, ...]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(str(one) for one in value)
    return (str(value),) if value else ()


def _first(value: Json) -> str:
    return next(iter(_listed(value)), "")
