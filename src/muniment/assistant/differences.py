"""What took part in two answers and differs, by name: the component that was changed, not what followed from it.

A change often shows in several places of a lineage: another endpoint has other parameters, and a setting that lets a
reranker take part brings its weights. Each is named once, where it was made. What search found and what was answered
are no components: they are what came of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast

from muniment.governance.audit.entry import Json

NONE = "none"
_SHOWN = 12
"""Hex digits of a digest that a person is shown."""
_INDEX = {
    "words": "word rules",
    "settings": "ranking settings",
    "embedding": "embedding",
    "reranker": "reranker",
    "rerank": "reranking",
    "legs": "ranking by",
    "lexical": "word weights",
    "fusion": "fusion",
    "build": "index build",
}
_FOLLOWS = {
    "settings": ("lexical", "fusion"),
    "embedding": ("legs", "fusion", "build"),
}
"""Entries of the index that another entry brings with it."""
_SET_BY = {
    "retrieval.vectors": ("embedding", "legs", "fusion", "build", "reranker", "rerank"),
    "retrieval.rerank": ("reranker", "rerank"),
    "retrieval.rerank_budget_ms": ("rerank",),
}
"""Entries of the index that a setting brings or changes."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One component that was another."""

    component: str
    """Such as `document`, `prompt` or `setting`."""
    name: str
    """Which of them; empty where there is one only."""
    before: str
    after: str

    @property
    def text(self) -> str:
        """Return it as a line for a person."""
        named = f"{self.component} {self.name}" if self.name else self.component
        return f"{named}: {self.before} -> {self.after}" if (self.before, self.after) != ("", "") else named

    def as_json(self) -> dict[str, Json]:
        """Return it as one JSON object."""
        return {"component": self.component, "name": self.name, "before": self.before, "after": self.after}


@dataclass(slots=True)
class Compared:
    """What differs, most specific first, and what cannot be told."""

    differences: list[Difference] = field(default_factory=list[Difference])
    not_recorded: list[str] = field(default_factory=list[str])
    """What one of the two, or both, did not record: they were given by an earlier version."""


Lineage = Mapping[str, Json]


def compared(a: Lineage, b: Lineage) -> Compared:
    """Return which components other than documents differ between two lineages."""
    found = Compared()
    same_model = _of(a, "endpoint", "name", _named(a)) == _of(b, "endpoint", "name", _named(b))
    settings = _settings(found, a, b)
    _prompts(found, a, b)
    if same_model:
        _parameters(found, a, b)
    found.differences += [one for one in settings if same_model or not one.name.startswith("models.")]
    _chunking(found, a, b)
    _index(found, a, b, {one.name for one in settings})
    if same_model:
        _parts(found, a, b, {one.name for one in settings})
    _tools(found, a, b)
    for key, name in (("filters", "filters"), ("schema", "schema"), ("acted_by", "asked through")):
        _plain(found, a, b, key, name)
    if str(a.get("model")) != str(b.get("model")):
        found.differences.append(_model(a, b, same_model))
    _plain(found, a, b, "policy", "policy")
    _code(found, a, b)
    return found


def _settings(found: Compared, a: Lineage, b: Lineage) -> list[Difference]:
    if _missing(found, a, b, "settings", "settings"):
        return []
    before, after = _mapping(a, "settings"), _mapping(b, "settings")
    names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    # Their digests say nothing to a person, so that one is named and no more.
    return [Difference("setting", name, "", "") for name in names]


def _prompts(found: Compared, a: Lineage, b: Lineage) -> None:
    _prompt(found, str(a.get("prompt")), str(b.get("prompt")))
    before, after = _mapping(a, "rewritten_by"), _mapping(b, "rewritten_by")
    if before and after:
        _prompt(found, str(before.get("prompt")), str(after.get("prompt")))
    elif before or after:
        said = [str(one.get("prompt")) if one else "rules" for one in (before, after)]
        found.differences.append(Difference("follow-up", "written by", *said))


def _prompt(found: Compared, before: str, after: str) -> None:
    if before != after:
        name = before.partition("@")[0]
        found.differences.append(Difference("prompt", name, before, after))


def _parameters(found: Compared, a: Lineage, b: Lineage) -> None:
    if _missing(found, a, b, "endpoint", "model parameters"):
        return
    before = _mapping(_mapping(a, "endpoint"), "parameters")
    after = _mapping(_mapping(b, "endpoint"), "parameters")
    named = _of(a, "endpoint", "name", "")
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key):
            values = (_value(before.get(key)), _value(after.get(key)))
            found.differences.append(Difference("parameter", f"{named}.{key}", *values))


def _chunking(found: Compared, a: Lineage, b: Lineage) -> None:
    before, after = _cut(a), _cut(b)
    both = before.keys() & after.keys()
    if both:
        changed = sorted({(before[one], after[one]) for one in both if before[one] != after[one]})
        found.differences += [Difference("chunking", "", *pair) for pair in changed]
    elif before and after and set(before.values()).isdisjoint(after.values()):
        said = [", ".join(sorted(set(one.values()))) for one in (before, after)]
        found.differences.append(Difference("chunking", "", *said))


def _cut(lineage: Lineage) -> dict[str, str]:
    """Return how each document was cut, as far as that was recorded."""
    return {str(one["document"]): str(one["chunking"]) for one in passages(lineage) if one.get("chunking")}


def passages(lineage: Lineage) -> list[Mapping[str, Json]]:
    """Return the passages that may be read now."""
    listed = cast("list[Mapping[str, Json]]", lineage.get("passages") or [])
    return [one for one in listed if not one.get("withheld")]


def _index(found: Compared, a: Lineage, b: Lineage, settings: Iterable[str]) -> None:
    before, after = _mapping(a, "index"), _mapping(b, "index")
    changed = [key for key in _INDEX if before.get(key) != after.get(key)]
    explained = {
        key for name in settings for key in _SET_BY.get(name, ()) if NONE in _sides(before, after, key)
    }
    explained |= {"rerank"} if {"retrieval.rerank", "retrieval.rerank_budget_ms"} & set(settings) else set()
    explained |= {"legs"} if "retrieval.vectors" in settings else set()
    for key in changed:
        if key in _FOLLOWS and key not in explained:
            explained |= set(_FOLLOWS[key])
    for key in changed:
        if key == "build" and NONE in _sides(before, after, key):
            continue
        if key not in explained:
            found.differences.append(Difference(_INDEX[key], "", *_sides(before, after, key)))


def _sides(before: Lineage, after: Lineage, key: str) -> tuple[str, str]:
    return _value(before.get(key)), _value(after.get(key))


def _parts(found: Compared, a: Lineage, b: Lineage, settings: Iterable[str]) -> None:
    """Name weights that take part beside search: of a local model, and of what chooses quotes."""
    before, after = _mapping(a, "parts"), _mapping(b, "parts")
    searched = {(one.before, one.after) for one in found.differences}
    names = {"weights": "weights", "embedding": "quoting embedding", "reranker": "quoting reranker"}
    for key, name in names.items():
        pair = _sides(before, after, key)
        explained = pair in searched or (NONE in pair and "retrieval.vectors" in settings)
        if pair[0] != pair[1] and not explained:
            found.differences.append(Difference(name, "", *pair))


def _tools(found: Compared, a: Lineage, b: Lineage) -> None:
    before, after = _mapping(a, "tools"), _mapping(b, "tools")
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            found.differences.append(Difference("tool", name, *_sides(before, after, name)))


def _plain(found: Compared, a: Lineage, b: Lineage, key: str, name: str) -> None:
    before, after = (_value(one.get(key) or None) for one in (a, b))
    if before != after:
        found.differences.append(Difference(name, "", before, after))


def _model(a: Lineage, b: Lineage, same: bool) -> Difference:
    before, after = str(a.get("model")), str(b.get("model"))
    if not same:
        return Difference("model", "", before, after)
    name, _, first = before.partition(":")
    return Difference("model", name, first or NONE, after.partition(":")[2] or NONE)


def _code(found: Compared, a: Lineage, b: Lineage) -> None:
    if _missing(found, a, b, "source", "source of the code"):
        _plain(found, a, b, "code", "code")
        return
    before, after = (f"{one.get('code')} ({_value(one.get('source'))})" for one in (a, b))
    if before != after:
        found.differences.append(Difference("code", "", before, after))


def _missing(found: Compared, a: Lineage, b: Lineage, key: str, name: str) -> bool:
    if key in a and key in b:
        return False
    found.not_recorded.append(name)
    return True


def _named(lineage: Lineage) -> str:
    return str(lineage.get("model")).partition(":")[0]


def _of(lineage: Lineage, key: str, name: str, otherwise: str) -> str:
    return str(_mapping(lineage, key).get(name, otherwise))


def _mapping(lineage: Lineage, key: str) -> Mapping[str, Json]:
    found = lineage.get(key)
    return found if isinstance(found, Mapping) else {}


def _value(value: Json) -> str:
    if value is None:
        return NONE
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_value(one)}" for key, one in sorted(value.items()))
    if isinstance(value, str):
        head, mark, digest = value.rpartition("sha256:")
        return f"{head}{mark}{digest[:_SHOWN]}" if mark else value
    if isinstance(value, (list, tuple)):
        return ", ".join(_value(one) for one in value)
    return str(value)
