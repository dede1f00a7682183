"""A purchase: proposed at once, approved by as many people as its amount takes, and ordered."""

from __future__ import annotations

from collections.abc import Mapping

from muniment.assistant.workflows.hands import Hands, needed
from muniment.assistant.workflows.rooms import Rooms
from muniment.foundation.workflows.definition import Definition, Json, Steps, Takes

NAME = "purchase-request"
SAYS = "Proposes a purchase; as many people approve it as its amount takes, then it is ordered."
TAKES = (
    Takes("supplier", "Id of the supplier", "sup-07"),
    Takes("item", "What is bought", "Two flow meters"),
    Takes("amount", "Amount", "1200.00"),
    Takes("currency", "Currency", "EUR"),
    Takes("cost_centre", "Cost centre", "CC-210"),
)
FIELDS = tuple(one.name for one in TAKES)


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

    return Definition(NAME, 1, run, SAYS, TAKES)
