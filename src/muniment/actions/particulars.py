"""All that a decision on an action rests on, as values: the tool, every argument with whose word it is, who asks.

Nothing is cut short, and nothing in it was written by a model but the values of arguments. Of documents that the
reader may not read it says that there are some, and no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from muniment.actions.action import Action
from muniment.actions.manifest import Manifest
from muniment.actions.view import Field, Passage, View, leaves_of
from muniment.actions.visible import spelled

WITHHELD = "withheld"
"""Stands for a document that the reader may not read."""


def particulars(action: Action, manifest: Manifest, view: View) -> dict[str, object]:
    """Return what whoever decides on an action is shown, by the manifest that it is bound to and their own view."""
    bound = action.bound
    raw = dict(leaves_of(bound.arguments))
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
        "values": [_value(one, raw[one.path]) for one in view.fields],
        "amount": None if view.amount is None else f"{view.amount.value} {view.amount.currency}",
        "record": asdict(bound.record),
        "context": bound.context.integrity.spelled,
        "planned": bound.values is not None,
        "agent": asdict(bound.agent),
        "evidence": [_passage(one) for one in view.passages],
        "undo": "" if manifest.undo is None else manifest.undo.tool,
        "class": action.risk,
        "rules": list(view.rules),
        "approvers": bound.approvers,
        "assigned": sorted(action.assigned),
        "decisions": [
            {"person": one.person, "on_behalf_of": one.on_behalf_of, "decision": one.decision, "at": one.at}
            for one in action.decisions
        ],
        "created_at": action.created_at,
        "expires_at": bound.expires_at,
    }


def _value(one: Field, raw: object) -> Mapping[str, object]:
    source = one.provenance.source
    return {
        "place": spelled(one.place),
        "value": raw,
        "shown": spelled(one.value.pieces),
        "remarks": [f"{spelled(said.text)}: {said.means}" for said in one.value.remarks],
        "role": one.role,
        "integrity": one.provenance.integrity,
        "source": WITHHELD if source is None else spelled(source),
        "reaches": one.reaches,
    }


def _passage(one: Passage) -> Mapping[str, object]:
    if one.title is None:
        return {"document": WITHHELD, "version": "", "title": ""}
    return {"document": one.document, "version": one.version, "title": spelled(one.title)}
