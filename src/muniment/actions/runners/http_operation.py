"""Makes a call of an operation of a web interface: one request, through the one door, answered or not.

Invariants:
- nothing is sent twice, and no redirect is followed;
- a credential is minted for exactly what is sent;
- it is certain that nothing was done only where nothing was sent, or the system said that it refused.
"""

from __future__ import annotations

from muniment.actions.manifest import HttpOperation
from muniment.actions.runners.call import ToolCall, ToolFailed
from muniment.actions.runners.credentials import CallCredentials
from muniment.actions.runners.http_request import prepare
from muniment.actions.runners.outside_words import shown
from muniment.actions.runners.strict_json import read_value
from muniment.foundation.egress import Egress, Refused, Reply, Unreached
from muniment.foundation.errors import BadInput

_CHANGED = 412
_EMPTY = 204


class HttpOperationRunner:
    """Makes calls of operations at the origins that its door opens to."""

    def __init__(self, egress: Egress, credentials: CallCredentials) -> None:
        self._egress = egress
        self._credentials = credentials

    def run(self, call: ToolCall) -> object:
        """Return the JSON value of the reply, None where it is empty on purpose; raises ToolFailed."""
        runs = call.manifest.runs
        if not isinstance(runs, HttpOperation):
            raise ToolFailed("refused", "This is no operation of a web interface.", certain=True)
        prepared = prepare(call, runs)
        headers = dict(prepared.headers)
        if runs.audience:
            minted = self._credentials.mint(runs.audience, call.caller, call.manifest.scope, prepared.request)
            headers["authorization"] = f"Bearer {minted.reveal()}"
        manifest, request = call.manifest, prepared.request
        try:
            reply = self._egress.exchange(
                request.method, prepared.url, headers, request.body, manifest.seconds, manifest.most_bytes
            )
        except (Refused, BadInput) as error:
            raise ToolFailed("unreachable", error.public, certain=True, fix=error.fix) from error
        except Unreached as error:
            raise _unreached(error) from error
        return _value(reply)


def _unreached(error: Unreached) -> ToolFailed:
    if error.how == "connect":
        return ToolFailed(
            "unreachable", "The system cannot be reached; nothing was sent.", certain=True, detail=str(error)
        )
    if error.how == "time":
        return ToolFailed("time", "The system did not reply in time.", certain=False, detail=str(error))
    if error.how == "size":
        return ToolFailed("size", "The system replied with more than is taken.", certain=False)
    return ToolFailed(
        "crash", "The connection broke before the reply was whole.", certain=False, detail=str(error)
    )


def _value(reply: Reply) -> object:
    if reply.status == _EMPTY and not reply.body:
        return None
    if 200 <= reply.status < 300:
        try:
            return read_value(reply.body)
        except ValueError as error:
            said = "The system replied with something else than JSON."
            raise ToolFailed("type", said, certain=False, detail=str(error)) from error
    if reply.status == _CHANGED:
        raise ToolFailed(
            "changed", "The record has changed since it was read.", certain=True, fix="Read it again."
        )
    if 400 <= reply.status < 500:
        title = _title(reply)
        told = f"The system refused it: {title}" if title else f"The system refused it ({reply.status})."
        raise ToolFailed("refused", told, certain=True, detail=f"status {reply.status}")
    detail = f"status {reply.status}"
    if reply.status < 400:
        raise ToolFailed(
            "type", "The system points elsewhere, which is not followed.", certain=False, detail=detail
        )
    raise ToolFailed("crash", "Something failed inside the system.", certain=False, detail=detail)


def _title(reply: Reply) -> str:
    """Return the title of a problem (RFC 9457); its detail may hold anything."""
    if reply.kind != "application/problem+json":
        return ""
    try:
        found = read_value(reply.body)
    except ValueError:
        return ""
    return shown(found.get("title")) if isinstance(found, dict) else ""
