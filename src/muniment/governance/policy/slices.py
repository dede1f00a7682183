"""A policy text cut up by action, so that a decision looks only at rules and groups that can matter to it.

Invariants:
- a slice decides exactly as the whole text does. A rule is left out only where its scope names other actions; a group
  is left out only where no rule of the slice could tell whether it is held;
- an answer is used again only for the same question, whole, to the same rules, and never where working it out failed.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from muniment.governance.policy.vocabulary import actions

REMEMBERED = 1024
"""Answers that a slice keeps."""
_HOLDERS = ("contains", "containsAny", "containsAll")
_CONTEXT = {"Var": "context"}
_GROUPS = {".": {"left": _CONTEXT, "attr": "groups"}}


Answer = tuple[bool, tuple[str, ...], bool]
"""Whether it is allowed, why, and whether working it out failed."""


class Remembered:
    """What was answered to which question, for as many as were asked last."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._answers: OrderedDict[bytes, Answer] = OrderedDict()

    def answer(self, question: str, work: Callable[[], Answer]) -> Answer:
        """Return the answer to a question, as it was before or as `work` finds it."""
        # Its digest: a question may hold thousands of groups.
        name = hashlib.sha256(question.encode()).digest()
        with self._lock:
            found = self._answers.get(name)
            if found is not None:
                self._answers.move_to_end(name)
                return found
        found = work()
        if not found[2]:
            with self._lock:
                self._answers[name] = found
                while len(self._answers) > self._most:
                    self._answers.popitem(last=False)
        return found

    def forget(self) -> None:
        """Let every question be answered anew."""
        with self._lock:
            self._answers.clear()


@dataclass(frozen=True, slots=True)
class Slice:
    """The rules that can apply to an action."""

    policies: Any
    texts: frozenset[str] | None
    """Every text that the rules hold; None where a rule asks of the groups as a whole."""
    groups: frozenset[str]
    """Groups that the rules name as entities."""
    remembered: Remembered = field(default_factory=Remembered, compare=False)

    def asked_of(self, held: frozenset[str], more: Iterable[str]) -> list[str]:
        """Return the groups held that these rules could ask for, where `more` are texts from the request."""
        return sorted(held if self.texts is None else held & self.texts.union(more))


class Slices:
    """One policy text, parsed once."""

    def __init__(self, policies: str, permits_only: bool = False) -> None:
        """Raises ValueError for a text that does not parse."""
        import cedarpy

        self._whole = cast("dict[str, Any]", json.loads(cedarpy.policies_to_json_str(policies)))
        if permits_only:
            rules = self._whole["staticPolicies"]
            self._whole["staticPolicies"] = {n: one for n, one in rules.items() if one["effect"] == "permit"}
        self._made: dict[str, Slice] = {}

    def of(self, action: str) -> Slice:
        """Return the rules for an action; all of them for one that the schema does not know."""
        known = actions().get(action)
        name = "" if known is None else action
        found = self._made.get(name)
        if found is None:
            found = self._made[name] = self._make(None if known is None else known.families)
        return found

    def forget(self) -> None:
        """Let every decision be worked out anew."""
        for one in list(self._made.values()):
            one.remembered.forget()

    def _make(self, families: frozenset[str] | None) -> Slice:
        import cedarpy

        rules = cast("dict[str, dict[str, Any]]", self._whole["staticPolicies"])
        kept = {n: one for n, one in rules.items() if families is None or _speaks_of(one, families)}
        texts, groups = set[str](), set[str]()
        whole = _gather(list(kept.values()), texts, groups)
        policies = cedarpy.PolicySet.from_json_str(json.dumps({**self._whole, "staticPolicies": kept}))
        return Slice(policies, None if whole else frozenset(texts), frozenset(groups))


def _speaks_of(rule: Mapping[str, Any], families: frozenset[str]) -> bool:
    scope = rule["action"]
    if scope["op"] == "All":
        return True
    named = scope["entities"] if "entities" in scope else [scope["entity"]]
    return any(one["id"] in families for one in named)


def _gather(node: object, texts: set[str], groups: set[str]) -> bool:
    """Collect texts and groups below a node; return whether it asks of the groups as a whole."""
    if isinstance(node, str):
        texts.add(node)
        return False
    if isinstance(node, list):
        return any([_gather(one, texts, groups) for one in cast("list[object]", node)])
    if not isinstance(node, dict):
        return False
    tree = cast("dict[str, Any]", node)
    if tree in (_GROUPS, _CONTEXT):
        return True
    if tree.get("type") == "Group":
        groups.add(str(tree.get("id")))
    below: list[object] = []
    for name, value in tree.items():
        if name in _HOLDERS and isinstance(value, dict):
            # What is asked here is whether single groups are held, which the others do not change.
            sides = [value.get("left"), value.get("right")]
            fine = sides[:1] if name != "containsAny" else sides
            below += [side for side in sides if not (side == _GROUPS and side in fine)]
        elif name in (".", "has") and isinstance(value, dict) and value.get("left") == _CONTEXT:
            continue
        else:
            below.append(value)
    return any([_gather(one, texts, groups) for one in below])
