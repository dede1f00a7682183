"""Manifests of the suites' tools, as they are written in `manifests/`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

from muniment.actions.manifest import Manifest
from muniment.actions.manifest_file import manifest_of

FOLDER = Path(__file__).parent / "manifests"
FILES: Mapping[str, tuple[str, ...]] = {
    "workspace": ("calendar_mail", "workspace"),
    "travel": ("calendar_mail", "hotels_restaurants", "cars_flights"),
    "banking": ("banking",),
    "slack": ("slack",),
}
"""Of each suite."""


@cache
def manifests(suite: str) -> Mapping[str, Manifest]:
    """Return the tools of a suite by name."""
    return {name: manifest_of(stated) for name, stated in stated_tools(suite).items()}


@cache
def stated_tools(suite: str) -> Mapping[str, dict[str, Any]]:
    """Return what is written of each tool of a suite, with what its file says of all and what it is like."""
    found: dict[str, dict[str, Any]] = {}
    for file in FILES[suite]:
        text = tomllib.loads((FOLDER / f"{file}.toml").read_text("utf-8"))
        for stated in cast("list[dict[str, Any]]", text["tool"]):
            made = {**text["common"], **stated}
            like = found.get(made.pop("like", ""))
            if like is not None:
                _copy(like, made)
            found[made["name"]] = made
    return found


@cache
def with_label(suite: str, tool: str, place: str, trusted: bool) -> Mapping[str, Manifest]:
    """Return the tools of a suite with one label changed; as they are where it has no such tool."""
    stated = stated_tools(suite).get(tool)
    if stated is None:
        return manifests(suite)
    labels = {**stated.get("labels", {}), place: {"integrity": "system" if trusted else "untrusted"}}
    return {**manifests(suite), tool: manifest_of({**stated, "labels": labels})}


def _copy(like: Mapping[str, Any], made: dict[str, Any]) -> None:
    """Fill in what a tool shares with another: what it gives, and what it takes unless it says so itself."""
    if "arguments" not in made:
        made.update({name: like[name] for name in ("arguments", "roles", "recipients") if name in like})
    made.setdefault("result", like["result"])
    made["labels"] = {**like.get("labels", {}), **made.get("labels", {})}
