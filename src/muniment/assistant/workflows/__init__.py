"""Work of several steps over days: read, have a model classify or draft, propose, wait for people, go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from muniment.assistant.workflows.rooms import Rooms
    from muniment.foundation.workflows.definition import Definition


def definitions(rooms: Rooms) -> Sequence[Definition]:
    """Return every workflow that ships, over the rooms of a workspace."""
    from muniment.assistant.workflows import access_request, customer_case, purchase_request

    return [one.definition(rooms) for one in (customer_case, purchase_request, access_request)]
