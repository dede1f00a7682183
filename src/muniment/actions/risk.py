"""How consequential a call is: what it does, whether it can be taken back, what it touches, how much it moves.

Invariants:
- of all rules that fit, the strictest counts, so a rule can never loosen another;
- reading is `auto`; any other call that fits no rule takes an approver.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Literal, cast, get_args

from muniment.actions.arguments import Amount
from muniment.actions.manifest import Effect, Manifest, Reversible
from muniment.actions.stated import Stated
from muniment.foundation.canonical import digest
from muniment.foundation.errors import BadInput
from muniment.governance.identity.clearance import LEVELS

RiskClass = Literal["auto", "one", "two", "never"]
CLASSES: tuple[RiskClass, ...] = get_args(RiskClass)
"""From the least to the most consequential."""
APPROVERS: Mapping[RiskClass, int] = {"auto": 0, "one": 1, "two": 2}
UNMATCHED = "no-rule"
_CHANGES = tuple(effect for effect in get_args(Effect) if effect != "read")


@dataclass(frozen=True, slots=True)
class RiskRule:
    """One rule; what it does not state, it does not ask."""

    id: str
    effects: frozenset[str]
    gives: RiskClass
    reversible: frozenset[str] = frozenset()
    sensitivity_from: str = ""
    outside: bool | None = None
    """Whether somebody is reached who has no account."""
    over: Mapping[str, Decimal] | None = None

    def fits(self, manifest: Manifest, amount: Amount | None, outside: bool) -> bool:
        """Return whether it speaks of such a call."""
        if manifest.effect not in self.effects:
            return False
        if self.reversible and manifest.reversible not in self.reversible:
            return False
        if self.sensitivity_from and LEVELS.index(manifest.sensitivity) < LEVELS.index(self.sensitivity_from):
            return False
        if self.outside is not None and self.outside != outside:
            return False
        if self.over is None:
            return True
        if amount is None:
            return False
        return amount.currency not in self.over or amount.value > self.over[amount.currency]


@dataclass(frozen=True, slots=True)
class Classified:
    """The class of a call, and the rules that gave it."""

    gives: RiskClass
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RiskPolicy:
    """The rules of one workspace."""

    rules: tuple[RiskRule, ...]
    version: str
    """`sha256:` and the digest of what was stated."""

    def classify(self, manifest: Manifest, amount: Amount | None, outside: bool) -> Classified:
        """Return how consequential a call is."""
        if not manifest.acts:
            return Classified("auto", ())
        fitting = [rule for rule in self.rules if rule.fits(manifest, amount, outside)]
        if not fitting:
            return Classified("one", (UNMATCHED,))
        gives = CLASSES[max(CLASSES.index(rule.gives) for rule in fitting)]
        return Classified(gives, tuple(rule.id for rule in fitting if rule.gives == gives))


@cache
def shipped() -> RiskPolicy:
    """Return the rules that ship."""
    return read_risk((files("muniment.actions") / "risk.toml").read_text("utf-8"))


def read_risk(text: str) -> RiskPolicy:
    """Return the rules that a TOML text holds; raises BadInput naming what does not fit."""
    try:
        stated = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"The risk rules are no TOML: {error}.", fix="Mend the line that it names.") from error
    Stated("", stated).only(frozenset({"rule"}))
    tables = stated.get("rule", [])
    if not isinstance(tables, list) or not tables:
        raise BadInput(
            "The risk rules hold no [[rule]].", fix="Write one, or remove the file for those that ship."
        )
    odd = next((n for n, one in enumerate(cast("list[object]", tables)) if not isinstance(one, dict)), None)
    if odd is not None:
        raise BadInput(f"rule[{odd}] is no table.", fix="Write each rule as [[rule]].")
    rules = [
        _rule(Stated(f"rule[{place}].", cast("Mapping[str, object]", table)))
        for place, table in enumerate(cast("Sequence[object]", tables))
    ]
    names = [rule.id for rule in rules]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BadInput(f"Two risk rules have the id {twice!r}.", fix="Rename one.")
    return RiskPolicy(tuple(rules), digest(stated))


def _rule(table: Stated) -> RiskRule:
    table.only(frozenset({"id", "effects", "reversible", "sensitivity_from", "outside", "over", "class"}))
    outside = table.whole.get("outside")
    if outside is not None and not isinstance(outside, bool):
        raise table.fault("outside", "is neither true nor false", "Write true or false.")
    over = None
    if "over" in table.whole:
        limits = table.table("over")
        over = {
            currency: amount for currency in limits.whole if (amount := limits.money(currency)) is not None
        }
    return RiskRule(
        id=table.text("id"),
        effects=_words(table, "effects", _CHANGES, needed=True),
        gives=cast(RiskClass, table.one_of("class", CLASSES)),
        reversible=_words(table, "reversible", get_args(Reversible)),
        sensitivity_from=table.one_of("sensitivity_from", ("", *LEVELS)),
        outside=outside,
        over=over,
    )


def _words(table: Stated, name: str, known: Sequence[str], needed: bool = False) -> frozenset[str]:
    found = frozenset(table.texts(name))
    if found - set(known) or (needed and not found):
        raise table.fault(name, "is missing or names something unknown", f"Use {', '.join(known)}.")
    return found
