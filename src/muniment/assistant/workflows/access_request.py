"""Access for a while: approved by a person, granted, and taken back by a timer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from muniment.assistant.workflows.hands import Hands, needed
from muniment.assistant.workflows.rooms import Rooms
from muniment.foundation.clock import timestamp
from muniment.foundation.duration import parsed
from muniment.foundation.errors import BadInput
from muniment.foundation.workflows.definition import Definition, Json, Steps, Takes

NAME = "access-request"
SAYS = "Asks for access to a system; once approved it is granted, and taken back when the time is over."
TAKES = (
    Takes("user", "Account that gets access", "dave"),
    Takes("system", "System", "orders"),
    Takes("for", "For how long", "7d"),
)
SHORTEST = timedelta(minutes=1)
LONGEST = timedelta(days=30)


def definition(rooms: Rooms) -> Definition:
    """Return the workflow over the rooms of a workspace."""

    def run(steps: Steps, given: Mapping[str, Json]) -> Mapping[str, Json]:
        needed(given, *(one.name for one in TAKES))
        lasts = parsed(str(given["for"]))
        if not SHORTEST <= lasts <= LONGEST:
            raise BadInput("for is out of bounds.", fix="Ask for 1m to 30d.")
        hands = Hands(rooms, steps, given)
        until = steps.do("until", lambda: timestamp(rooms.clock.now() + lasts))
        wanted = hands.given({**given, "until": until})
        arguments = {name: {"$from": "given", "path": [name]} for name in ("user", "system", "until")}
        action = hands.propose("propose", "grant_access", arguments, {"given": wanted})
        steps.tell(stage="waits for approval", action=action, until=until)
        found = hands.outcome("decided", action)
        if found["state"] != "done":
            steps.tell(stage=found["state"])
            return {"action": action, "state": found["state"], "reason": found["reason"]}
        grant = hands.done("granted", action)
        steps.tell(stage="granted", until=until)
        steps.sleep(until=datetime.fromisoformat(until))
        revoke = {"grant_id": {"$from": "grant", "path": ["id"]}}
        back = hands.propose("revoke", "revoke_access", revoke, {"grant": grant})
        ended = hands.outcome("revoked", back)
        steps.tell(stage="revoked" if ended["state"] == "done" else f"not revoked: {ended['state']}")
        return {"action": action, "state": ended["state"], "revoked_by": back, "until": until}

    return Definition(NAME, 1, run, SAYS, TAKES)
