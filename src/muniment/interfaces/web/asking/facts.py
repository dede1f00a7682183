"""How an answer came about, as lines a person reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from muniment.assistant.lineage import Explanation
from muniment.governance.audit.entry import Json
from muniment.interfaces.web.asking.views import Fact
from muniment.interfaces.web.rendering import say
from muniment.interfaces.web.wording import minute

_ORDER = (
    "model", "parameters", "parts", "prompt", "policy", "settings", "index", "chunking", "searched_at", "code",
    "source", "replays", "checks",
)  # fmt: skip
_NEWER = {"parameters": "endpoint", "settings": "settings", "source": "source"}
"""What earlier versions did not record, and where it stands."""


def facts(found: Explanation, name: str, titles: Mapping[str, str]) -> tuple[Fact, ...]:
    """Return the lines; `titles` names the documents that the reader may read now."""
    made = [
        Fact(say("lineage.asked"), (minute(found.at),)),
        Fact(say("lineage.by"), (name,)),
        Fact(say("lineage.passages"), _passages(found, titles)),
    ]
    for key in _ORDER:
        lines = _recorded(found.lineage, key)
        if lines:
            made.append(Fact(say(f"lineage.{key}"), lines, technical=True))
    made.append(Fact(say("lineage.id"), (found.id,), technical=True))
    return tuple(made)


def _recorded(lineage: Mapping[str, Json], key: str) -> tuple[str, ...]:
    if _NEWER.get(key, key) not in lineage:
        return (say("lineage.not_recorded"),) if key in _NEWER else ()
    if key == "parameters":
        endpoint = lineage["endpoint"]
        return _lines(endpoint.get("parameters") if isinstance(endpoint, Mapping) else None)
    if key == "settings" and isinstance(settings := lineage[key], Mapping):
        # Their digests say nothing to a person.
        return tuple(settings) or (say("lineage.as_shipped"),)
    return _lines(lineage[key])


def _passages(found: Explanation, titles: Mapping[str, str]) -> tuple[str, ...]:
    passages = cast("Sequence[Mapping[str, Json]]", found.lineage.get("passages") or ())
    lines = [_passage(one, titles) for one in passages]
    return tuple(lines) or (say("lineage.no_passages"),)


def _passage(one: Mapping[str, Json], titles: Mapping[str, str]) -> str:
    title = titles.get(str(one.get("document")))
    if one.get("withheld") or title is None:
        return say("lineage.withheld")
    key = "lineage.cited" if one.get("cited") else "lineage.considered"
    return say(key, title=title, version=one.get("version"))


def _lines(value: Json) -> tuple[str, ...]:
    if isinstance(value, Mapping):
        return tuple(f"{name.replace('_', ' ')}: {_plain(one)}" for name, one in value.items())
    return () if value in (None, "") else (_plain(value),)


def _plain(value: Json) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(one)}" for name, one in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_plain(one) for one in value)
    return str(value)
