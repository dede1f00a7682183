"""Which class the calls of a tool would have, before there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from muniment.actions.arguments import Amount
from muniment.actions.manifest import Manifest
from muniment.actions.risk import RiskPolicy

ANY_OTHER = ""
"""In the place of a currency that no rule names."""


@dataclass(frozen=True, slots=True)
class ClassOf:
    """The class of some calls."""

    calls: str
    """Which, in words."""
    gives: str
    rules: tuple[str, ...]


def classes_of(manifest: Manifest, risk: RiskPolicy) -> Sequence[ClassOf]:
    """Return the class of each kind of call that the rules tell apart."""
    reached = [("", False)]
    if manifest.seen_by == "outside":
        reached = [("seen outside", True)]
    elif manifest.recipients:
        reached = [("telling colleagues", False), ("telling outsiders", True)]
    found: list[ClassOf] = []
    for whom, outside in reached:
        for moves, amount in _amounts(manifest, risk):
            given = risk.classify(manifest, amount, outside)
            said = ", ".join(part for part in (whom, moves) if part) or "every call"
            found.append(ClassOf(said, given.gives, given.rules))
    return found


def _amounts(manifest: Manifest, risk: RiskPolicy) -> Sequence[tuple[str, Amount | None]]:
    """Return an amount on each side of every limit that a rule names."""
    if manifest.money is None:
        return [("", None)]
    limits: dict[str, set[Decimal]] = {}
    for rule in risk.rules:
        for currency, limit in (rule.over or {}).items():
            limits.setdefault(currency, set()).add(limit)
    fixed = manifest.money.always
    named = [fixed] if fixed else [*sorted(limits), ANY_OTHER]
    found: list[tuple[str, Amount | None]] = []
    for currency in named:
        shown = "another currency" if currency == ANY_OTHER else currency
        steps = sorted(limits.get(currency, ()))
        if not steps:
            found.append((shown, Amount(Decimal(1), currency)))
            continue
        found.append((f"{shown} up to {steps[0]}", Amount(steps[0], currency)))
        found += [(f"{shown} over {step}", Amount(step + Decimal("0.01"), currency)) for step in steps]
    return found
