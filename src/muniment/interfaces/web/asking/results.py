"""A result in an asker's schema as tables: each value beside the numbers of its sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from muniment.governance.audit.entry import Json
from muniment.interfaces.web.asking.views import ClaimView, Column, Node, SourceCard
from muniment.interfaces.web.rendering import say

MOST_COLUMNS = 8
"""Of a table; what has more is shown object by object."""
DEEPEST = 12


@dataclass(frozen=True, slots=True)
class _Proofs:
    claims: Sequence[ClaimView]
    known: dict[str, tuple[tuple[SourceCard, ...], str]] = field(
        default_factory=dict[str, tuple[tuple[SourceCard, ...], str]]
    )

    def of(self, path: str) -> tuple[tuple[SourceCard, ...], str]:
        """Return the cards of the value at a place, and whether it was inferred from them."""
        if path not in self.known:
            mine = [one for one in self.claims if one.text.startswith(f"{path}: ")]
            cards = {card.n: card for one in mine for card in one.cited}
            self.known[path] = (
                tuple(cards.values()),
                next((one.inferred for one in mine if one.inferred), ""),
            )
        return self.known[path]


def tabled(result: Json, claims: Sequence[ClaimView]) -> Node:
    """Return a result as it is shown; `claims` are its values with their evidence."""
    return _node(result, "", _Proofs(claims), 0)


def _node(value: Json, path: str, proofs: _Proofs, depth: int) -> Node:
    if depth > DEEPEST:
        return Node("value", str(value))
    if isinstance(value, Mapping):
        pairs = [
            (named(name), _node(one, _below(path, name), proofs, depth + 1)) for name, one in value.items()
        ]
        return Node("pairs", pairs=tuple(pairs)) if pairs else _value(None, path, proofs)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _several(value, path, proofs, depth)
    return _value(value, path, proofs)


def _several(values: Sequence[Json], path: str, proofs: _Proofs, depth: int) -> Node:
    if not values:
        return _value(None, path, proofs)
    objects = [one for one in values if isinstance(one, Mapping)]
    names = list(dict.fromkeys(name for one in objects for name in one))
    flat = all(not isinstance(part, Mapping) for one in objects for part in one.values())
    if len(objects) < len(values) or not flat or not 0 < len(names) <= MOST_COLUMNS:
        items = [_node(one, f"{path}/{at}", proofs, depth + 1) for at, one in enumerate(values)]
        return Node("list", items=tuple(items))
    rows = tuple(
        tuple(_node(one.get(name), _below(f"{path}/{at}", name), proofs, depth + 1) for name in names)
        for at, one in enumerate(objects)
    )
    columns = tuple(Column(named(name), _counted([row[at] for row in rows])) for at, name in enumerate(names))
    return Node("table", columns=columns, rows=rows)


def _counted(cells: Sequence[Node]) -> bool:
    """Return whether a column holds numbers and nothing else."""
    return any(one.number for one in cells) and all(one.number or one.empty for one in cells)


def _value(value: Json, path: str, proofs: _Proofs) -> Node:
    cards, inferred = proofs.of(path or "/")
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is None or value == "":
        text = say("result.none")
    elif isinstance(value, bool):
        text = say("result.yes") if value else say("result.no")
    else:
        text = str(value)
    nothing = value is None or value == ""
    return Node("value", text, number=number, cited=cards, inferred=inferred, empty=nothing)


def _below(path: str, name: str) -> str:
    return f"{path}/{name.replace('~', '~0').replace('/', '~1')}"


def named(name: str) -> str:
    """Return the name of a property as a person reads it."""
    words = " ".join(name.replace("_", " ").split())
    return (words[:1].upper() + words[1:]) or name
