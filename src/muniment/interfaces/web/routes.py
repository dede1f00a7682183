"""The routes of all pages."""

from __future__ import annotations

from muniment.interfaces.web import static_files
from muniment.interfaces.web.administration import (
    access,
    directory,
    health,
    incidents,
    keys,
    limits,
    models,
    network,
    policy,
    prompts,
    quarantine,
    sources,
    tools,
)
from muniment.interfaces.web.asking import conversations, downloads, lineage, searching, sharing
from muniment.interfaces.web.asking import pages as asking
from muniment.interfaces.web.auditing import entries as audit_entries
from muniment.interfaces.web.auditing import proof as audit_proof
from muniment.interfaces.web.deciding import approvals, delegations, inbox, own_actions, workflows
from muniment.interfaces.web.quality.routes import ROOMS as QUALITY
from muniment.interfaces.web.reading import documents, page_image
from muniment.interfaces.web.signing_in import signin

ROUTERS = tuple(
    room.router
    for room in (
        static_files,
        signin,
        asking,
        lineage,
        conversations,
        sharing,
        downloads,
        searching,
        documents,
        page_image,
        inbox,
        delegations,
        approvals,
        own_actions,
        workflows,
        audit_entries,
        audit_proof,
        *QUALITY,
        sources,
        quarantine,
        directory,
        access,
        policy,
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
