"""The log over HTTP: read by auditors who signed in, and co-signed for other workspaces by their API keys."""

from __future__ import annotations

import base64
import binascii
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Security

from muniment.foundation.clock import timestamp
from muniment.foundation.errors import BadInput
from muniment.governance.audit.checkpoint import Checkpoint
from muniment.governance.audit.query import MOST, Filter
from muniment.interfaces.authenticate import Caller, api_caller, workspace_of
from muniment.interfaces.rest.answers import Threads
from muniment.interfaces.rest.approvals import Person
from muniment.interfaces.rest.audit_bodies import (
    CheckpointResponse,
    CosignatureResponse,
    CosignRequest,
    EntriesResponse,
    EntryBody,
    ProofResponse,
    WitnessedResponse,
)
from muniment.interfaces.rest.shared_paths import SharesItsPath

WITNESS = "/v1/audit/witness"
router = APIRouter(tags=["audit"], route_class=SharesItsPath)
Log = Annotated[Caller, Security(api_caller, scopes=["witness"])]
"""Another workspace, by an API key."""
Text = Annotated[str, Query(max_length=200)]
Number = Annotated[int, Path(ge=0, le=2**53)]


@router.get("/v1/audit/entries")
async def entries(
    request: Request,
    caller: Person,
    threads: Threads,
    kind: Text = "",
    actor: Text = "",
    since: datetime | None = None,
    until: datetime | None = None,
    answer: Text = "",
    document: Text = "",
    after: Annotated[int | None, Query(ge=0, le=2**53)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
) -> EntriesResponse:
    """List entries, oldest first; a `kind` that ends in `*` stands for all that begin so."""
    named = {name: value for name, value in (("answer", answer), ("document", document)) if value}
    wanted = Filter(kind, actor, _time(since), _time(until), named)
    reading = workspace_of(request).audit_reading
    found = await threads.run(lambda: reading.entries(wanted, after, limit, caller.principal, caller.actor))
    return EntriesResponse(
        entries=[EntryBody.model_validate(asdict(one)) for one in found.entries], after=found.after
    )


@router.get("/v1/audit/checkpoint")
async def checkpoint(request: Request, caller: Person, threads: Threads) -> CheckpointResponse:
    """Return a signed checkpoint of the log as it stands, and the key that checks it."""
    workspace = workspace_of(request)

    def signed() -> tuple[Checkpoint, str]:
        made = workspace.audit_reading.checkpoint(caller.principal, caller.actor)
        return made, workspace.audit.public_key()

    made, key = await threads.run(signed)
    return CheckpointResponse(
        origin=made.origin, size=made.size, root=made.root.hex(), checkpoint=made.text, public_key=key
    )


@router.get("/v1/audit/entries/{entry_id}/proof")
async def proof(entry_id: Number, request: Request, caller: Person, threads: Threads) -> ProofResponse:
    """Return the proof that an entry is in the log, as a C2SP tlog-proof."""
    reading = workspace_of(request).audit_reading
    text = await threads.run(lambda: reading.inclusion(entry_id, caller.principal, caller.actor))
    return ProofResponse(proof=text)


@router.get("/v1/audit/consistency/{old_size}")
async def consistency(old_size: Number, request: Request, caller: Person, threads: Threads) -> ProofResponse:
    """Return the proof that the log only grew since it had so many entries."""
    reading = workspace_of(request).audit_reading
    text = await threads.run(lambda: reading.consistency(old_size, caller.principal, caller.actor))
    return ProofResponse(proof=text)


@router.get(WITNESS)
async def witnessed(
    request: Request,
    caller: Log,
    threads: Threads,
    origin: Annotated[str, Query(min_length=1, max_length=300)],
) -> WitnessedResponse:
    """Return the last checkpoint of a log that this workspace co-signed."""
    cosigning = workspace_of(request).cosigning
    return WitnessedResponse(checkpoint=await threads.run(lambda: cosigning.last(origin)) or None)


@router.post(WITNESS)
async def cosign(body: CosignRequest, request: Request, caller: Log, threads: Threads) -> CosignatureResponse:
    """Co-sign a checkpoint of a log that the settings name, if it grew out of the last one."""
    cosigning = workspace_of(request).cosigning
    path = [_node(line) for line in body.path]
    line = await threads.run(lambda: cosigning.add(body.checkpoint, body.old_size, path, caller.actor))
    return CosignatureResponse(cosignature=line)


def _time(given: datetime | None) -> str:
    if given is None:
        return ""
    try:
        return timestamp(given if given.tzinfo else given.replace(tzinfo=UTC))
    except OverflowError as error:
        raise BadInput("That time is out of range.", fix="Give one in this millennium.") from error


def _node(line: str) -> bytes:
    try:
        return base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadInput("The path holds what is no hash.", fix="Give each in base64.") from error
