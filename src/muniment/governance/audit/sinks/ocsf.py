"""Entries as events of the Open Cybersecurity Schema Framework 1.5.0.

Sign-ins are Authentication, the rest is API Activity. What the schema has no place for stands in `unmapped`;
`raw_data` is the entry as it was hashed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from muniment.foundation.version import VERSION
from muniment.governance.audit.sinks.sink import Copied

SCHEMA = "1.5.0"
_INFORMATIONAL, _MEDIUM = 1, 3
_SUCCESS, _FAILURE = 1, 2
_OTHER = 99
_API_ACTIVITY, _AUTHENTICATION = 6003, 3002
_CREATE, _READ, _UPDATE, _DELETE = 1, 2, 3, 4
_LOGON, _LOGOFF = 1, 2
_SIGN_IN = frozenset({"signin", "session", "token", "certificate", "tls"})
_FAILED = frozenset({"refused", "denied", "failed", "lost", "reached", "withheld"})
_API_VERBS: Mapping[str, int] = {
    **dict.fromkeys(("created", "added", "started", "made", "proposed", "requested", "granted"), _CREATE),
    **dict.fromkeys(("read", "request", "chunk", "listed", "searched", "shown"), _READ),
    **dict.fromkeys(("changed", "imported", "switched", "renamed", "rotated", "approved"), _UPDATE),
    **dict.fromkeys(("deleted", "removed", "revoked", "dropped", "withdrawn", "erased"), _DELETE),
}
_SIGN_IN_VERBS: Mapping[str, int] = {
    "created": _LOGON,
    "signed_in": _LOGON,
    "issued": _LOGON,
    "ended": _LOGOFF,
}


def event(origin: str, entry: Copied) -> dict[str, Any]:
    """Return an entry of the log `origin` as an event."""
    said = json.loads(entry.body)
    room, _, verb = entry.kind.partition(".")
    failed = bool(_FAILED & set(verb.split("_"))) or said["about"].get("effect") == "deny"
    user = {"uid": said["actor"], "type_id": _OTHER, "type": said["actor"].partition(":")[0]}
    if room in _SIGN_IN:
        kind, activity = _AUTHENTICATION, _SIGN_IN_VERBS.get(verb, _OTHER)
        part: dict[str, Any] = {"category_uid": 3, "user": user, "service": {"name": "muniment"}}
    else:
        kind, activity = _API_ACTIVITY, _API_VERBS.get(verb, _OTHER)
        part = {
            "category_uid": 6,
            "actor": {"user": user},
            "api": {"operation": entry.kind, "service": {"name": "muniment"}},
        }
    return {
        **part,
        "class_uid": kind,
        "activity_id": activity,
        **({"activity_name": verb or room} if activity == _OTHER else {}),
        "type_uid": kind * 100 + activity,
        "time": round(datetime.fromisoformat(entry.at).timestamp() * 1000),
        "severity_id": _MEDIUM if failed else _INFORMATIONAL,
        "status_id": _FAILURE if failed else _SUCCESS,
        "src_endpoint": {"svc_name": said["via"]},
        "metadata": {
            "version": SCHEMA,
            "product": {"name": "muniment", "vendor_name": "muniment", "version": VERSION},
            "log_name": origin,
            "uid": f"{origin}/{entry.seq}",
            "sequence": entry.seq,
            "event_code": entry.kind,
        },
        "raw_data": entry.body.decode(),
        "unmapped": {"about": said["about"], "via": said["via"]},
    }
