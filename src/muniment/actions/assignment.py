"""Who is asked to approve a call, who else when nobody decides, and when waiting ends: always in a denial."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.resources import files
from typing import cast

from muniment.actions.manifest import Manifest
from muniment.actions.stated import Stated
from muniment.foundation.duration import parsed
from muniment.foundation.errors import BadInput

LONGEST = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is asked, and until when."""

    id: str
    groups: frozenset[str] = frozenset()
    """`group:NAME` or `user:NAME`; empty: any approver."""
    escalate_to: frozenset[str] = frozenset()
    after: timedelta | None = None
    """How long the first are asked alone."""
    expires: timedelta = timedelta(hours=24)
    tools: frozenset[str] = frozenset()
    effects: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()

    def fits(self, manifest: Manifest, risk: str) -> bool:
        """Return whether it speaks of such a call; what it does not state, it does not ask."""
        return (
            (not self.tools or manifest.name in self.tools)
            and (not self.effects or manifest.effect in self.effects)
            and (not self.classes or risk in self.classes)
        )


@dataclass(frozen=True, slots=True)
class Assignment:
    """The rules of one workspace."""

    rules: tuple[Asked, ...]

    def asked(self, manifest: Manifest, risk: str) -> Asked:
        """Return who is asked about a call; where no rule fits, any approver for a day."""
        return next((rule for rule in self.rules if rule.fits(manifest, risk)), Asked("no-rule"))


@cache
def shipped() -> Assignment:
    """Return the rules that ship."""
    return read_assignment((files("muniment.actions") / "assignment.toml").read_text("utf-8"))


def read_assignment(text: str) -> Assignment:
    """Return the rules that a TOML text holds; raises BadInput naming what does not fit."""
    try:
        stated = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadInput(f"The rules of who approves are no TOML: {error}.", fix="Mend that line.") from error
    Stated("", stated).only(frozenset({"rule"}))
    tables = stated.get("rule", [])
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in cast("list[object]", tables)):
        raise BadInput("rule is no list of tables.", fix="Write each as [[rule]].")
    rules = [
        _rule(Stated(f"rule[{place}].", cast("Mapping[str, object]", table)))
        for place, table in enumerate(cast("Sequence[object]", tables))
    ]
    return Assignment(tuple(rules))


def _rule(table: Stated) -> Asked:
    table.only(frozenset({"id", "groups", "escalate_to", "after", "expires", "tools", "effects", "classes"}))
    after = _span(table, "after")
    escalate_to = _names(table, "escalate_to")
    if bool(escalate_to) != (after is not None):
        raise table.fault("after", "is needed with escalate_to, and only then", "Give both or none.")
    return Asked(
        id=table.text("id"),
        groups=_names(table, "groups"),
        escalate_to=escalate_to,
        after=after,
        expires=_span(table, "expires") or timedelta(hours=24),
        tools=frozenset(table.texts("tools")),
        effects=frozenset(table.texts("effects")),
        classes=frozenset(table.texts("classes")),
    )


def _names(table: Stated, name: str) -> frozenset[str]:
    found = frozenset(table.texts(name))
    for one in sorted(found):
        if one.partition(":")[0] not in ("group", "user") or not one.partition(":")[2]:
            raise table.fault(name, f"holds {one!r}", "Write group:NAME or user:NAME.")
    return found


def _span(table: Stated, name: str) -> timedelta | None:
    if name not in table.whole:
        return None
    span = parsed(table.text(name))
    if not timedelta(0) < span <= LONGEST:
        raise table.fault(name, "is out of bounds", "Use up to 14d, such as 4h.")
    return span
