"""What policies may speak of: the actions, their families, and what each is done to; read from the schema."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, cast, get_args

from muniment.foundation.errors import BadInput
from muniment.governance.policy.decision import (
    AUDIT,
    DIRECTORY,
    KEYS,
    POLICY,
    SETTINGS,
    WORKSPACE,
    Kind,
    Resource,
)

SINGLE: Mapping[str, Resource] = {
    one.id: one for one in (WORKSPACE, AUDIT, KEYS, DIRECTORY, SETTINGS, POLICY)
}
"""Resources of which a workspace has one each."""
_KINDS: tuple[Kind, ...] = get_args(Kind)
_ACTION = re.compile(
    r'^action ((?:"\w+"(?:, )?)+)(?: in \[([^\]]*)\])?(?: appliesTo \{[^}]*resource: \[([^\]]*)\][^}]*\})?;',
    re.MULTILINE,
)
_COMMENT = re.compile(r"//[^\n]*")


@dataclass(frozen=True, slots=True)
class Action:
    """One action of the schema."""

    name: str
    families: frozenset[str]
    """Itself, and every action that stands for it and others."""
    kinds: tuple[Kind, ...]
    """What it is done to; none for a mere family."""


@cache
def schema() -> str:
    """Return the schema, as Cedar text."""
    return (files("muniment.governance.policy") / "schema.cedarschema").read_text("utf-8")


@cache
def parsed_schema() -> Any:
    """Return the schema as the engine takes it."""
    import cedarpy

    return cedarpy.Schema.from_str(schema())


@cache
def actions() -> Mapping[str, Action]:
    """Return every action by its name, in the order of the schema."""
    above: dict[str, list[str]] = {}
    kinds: dict[str, tuple[Kind, ...]] = {}
    for names, families, done_to in _ACTION.findall(_COMMENT.sub("", schema())):
        for name in re.findall(r"\w+", names):
            above[name] = re.findall(r"\w+", families)
            kinds[name] = tuple(cast(Kind, kind) for kind in re.findall(r"\w+", done_to))

    def upward(name: str) -> frozenset[str]:
        return frozenset({name}).union(*(upward(family) for family in above[name]))

    return {name: Action(name, upward(name), kinds[name]) for name in above}


def action_named(text: str) -> str:
    """Return the action that a person means (`use-model` is `use_model`); raises BadInput for none."""
    name = text.replace("-", "_")
    known = [one.name for one in actions().values() if one.kinds]
    if name not in known:
        close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        fix = f"Did you mean {' or '.join(close)}?" if close else f"The actions are {', '.join(known)}."
        raise BadInput(f"There is no action '{text}'.", fix=fix)
    return name


def resource_named(text: str, attributes: Mapping[str, str | frozenset[str]] | None = None) -> Resource:
    """Return what `workspace`, `audit` or `Model:quotes` names; raises BadInput for another kind."""
    if text.lower() in SINGLE:
        return SINGLE[text.lower()]
    kind, colon, name = text.partition(":")
    found: Kind | None = next((known for known in _KINDS if known.lower() == kind.lower()), None)
    if found is None or not colon or not name:
        raise BadInput(
            f"'{text}' names no resource.",
            fix=f"Write {', '.join(SINGLE)}, or KIND:NAME such as model:quotes or source:handbook.",
        )
    return Resource(found, name, dict(attributes or {}))
