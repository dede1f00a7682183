"""The routes of all pages."""

from __future__ import annotations

from muniment.interfaces.web import static_files
from muniment.interfaces.web.administration import (
    health,
    incidents,
    keys,
    limits,
    models,
    network,
    prompts,
    tools,
)
from muniment.interfaces.web.asking import conversations
from muniment.interfaces.web.asking import pages as asking
from muniment.interfaces.web.deciding import approvals
from muniment.interfaces.web.reading import documents
from muniment.interfaces.web.signing_in import signin

ROUTERS = tuple(
    room.router
    for room in (
        static_files,
        signin,
        asking,
        conversations,
        documents,
        approvals,
        health,
        models,
        prompts,
        tools,
        keys,
        network,
        limits,
        incidents,
    )
)
