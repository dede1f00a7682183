"""A purchase: proposed at once, approved by as many people as its amount takes, and ordered."""

from __future__ import annotations

from collections.abc import Mapping

from muniment.assistant.workflows.hands import Hands, needed
from muniment.assistant.workflows.rooms import Rooms
from muniment.foundation.workflows.definition import Definition, Json, Steps

NAME = "purchase-request"
FIELDS = ("supplier", "item", "amount", "currency", "cost_centre")


def definition(rooms: Rooms) -> Definition:
    """Return the workflow over the rooms of a workspace."""

    def run(steps: Steps, given: Mapping[str, Json]) -> Mapping[str, Json]:
        needed(given, *FIELDS)
        hands = Hands(rooms, steps, given)
        wanted = hands.given(given)
        arguments = {name: {"$from": "given", "path": [name]} for name in FIELDS}
        action = hands.propose("propose", "request_purchase", arguments, {"given": wanted})
        steps.tell(stage="waits for approval", action=action)
        found = hands.outcome("decided", action)
        steps.tell(stage=found["state"])
        return {
            "action": action,
            "state": found["state"],
            "purchase": found["value"],
            "reason": found["reason"],
        }

    return Definition(NAME, 1, run)
