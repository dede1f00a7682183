"""All that a decision on an action rests on, as values: the tool, every argument with whose word it is, who asks.

Nothing is cut short, and nothing in it was written by a model but the values of arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from muniment.actions.action import Action
from muniment.actions.arguments import amount_of
from muniment.actions.bound import Bound
from muniment.actions.manifest import Manifest
from muniment.actions.paths import leaves

UNKNOWN = "unknown"
"""Of an argument whose place its tool's manifest does not name."""


def particulars(action: Action, manifest: Manifest) -> dict[str, object]:
    """Return what whoever decides on an action is shown, by the manifest that it is bound to."""
    bound = action.bound
    amount = amount_of(manifest, bound.arguments)
    return {
        "id": action.id,
        "digest": action.digest,
        "state": action.state,
        "requester": bound.requester,
        "tool": {
            "name": manifest.name,
            "says": manifest.says,
            "effect": manifest.effect,
            "reversible": manifest.reversible,
            "sensitivity": manifest.sensitivity,
            "manifest": bound.manifest,
        },
        "arguments": bound.arguments,
        "values": _values(bound, manifest),
        "amount": None if amount is None else f"{amount.value} {amount.currency}",
        "record": asdict(bound.record),
        "context": bound.context.integrity.spelled,
        "planned": bound.values is not None,
        "agent": asdict(bound.agent),
        "evidence": [asdict(one) for one in bound.evidence],
        "undo": "" if manifest.undo is None else manifest.undo.tool,
        "class": action.risk,
        "approvers": bound.approvers,
        "assigned": sorted(action.assigned),
        "decisions": [
            {"person": one.person, "on_behalf_of": one.on_behalf_of, "decision": one.decision, "at": one.at}
            for one in action.decisions
        ],
        "created_at": action.created_at,
        "expires_at": bound.expires_at,
        "bound": bound.text(),
    }


def _values(bound: Bound, manifest: Manifest) -> list[Mapping[str, object]]:
    """Return each value of the arguments with its role and whose word it is, in the order of its places."""
    label = bound.values or bound.context
    found: list[Mapping[str, object]] = []
    for place, value in leaves(bound.arguments):
        origin = bound.origins.get(place)
        found.append(
            {
                "place": place,
                "value": value,
                "role": manifest.roles.get(place, UNKNOWN),
                "integrity": label.integrity.spelled if origin is None else origin.integrity,
                "source": "" if origin is None else origin.source,
            }
        )
    return found
