"""Manifests that the tests of actions start from."""

from __future__ import annotations

import copy
from typing import Any

from muniment.actions.manifest import Manifest
from muniment.actions.manifest_file import manifest_of

SEND: dict[str, Any] = {
    "name": "mail_send",
    "says": "Sends a mail.",
    "effect": "send",
    "reversible": "never",
    "sensitivity": "internal",
    "allowed_groups": ["group:everyone"],
    "arguments": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "to": {"type": "array", "items": {"type": "string"}},
            "body": {"type": "string"},
            "thread": {"type": "string"},
        },
    },
    "roles": {"to[]": "target", "body": "content", "thread": "reference"},
    "recipients": {"to[]": "email"},
    "result": {"type": "object"},
    "runs": {"kind": "python", "function": "sample.mail:send"},
}
PAY: dict[str, Any] = {
    "name": "pay",
    "says": "Pays somebody.",
    "effect": "pay",
    "reversible": "never",
    "sensitivity": "confidential",
    "allowed_groups": ["group:finance"],
    "arguments": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "iban": {"type": "string"},
            "amount": {"type": ["number", "string", "boolean"]},
            "currency": {"type": "string"},
        },
    },
    "roles": {"iban": "target", "amount": "amount", "currency": "free"},
    "recipients": {"iban": "outside"},
    "money": {"amount": "amount", "currency": "currency"},
    "limits": {"most": "100000", "per_day": 5},
    "result": {"type": "object"},
    "runs": {"kind": "python", "function": "sample.bank:pay"},
}
WRITE: dict[str, Any] = {
    "name": "note_write",
    "seen_by": "caller",
    "says": "Writes a note of one's own.",
    "effect": "write",
    "reversible": "by-tool",
    "sensitivity": "internal",
    "allowed_groups": ["group:everyone"],
    "arguments": {
        "type": "object",
        "additionalProperties": False,
        "properties": {"title": {"type": "string"}, "text": {"type": "string"}, "rank": {"type": "integer"}},
    },
    "roles": {"title": "reference", "text": "content", "rank": "free"},
    "undo": {"tool": "note_delete", "arguments": {"title": {"$from": "arguments", "path": ["title"]}}},
    "touches": {"kind": "note", "reference": "title", "tool": "note_read", "argument": "t", "version": "v"},
    "result": {"type": "object"},
    "runs": {
        "kind": "http",
        "method": "PUT",
        "url": "https://notes.example/n/{title}",
        "query": ["rank"],
    },
}
READ: dict[str, Any] = {
    "name": "orders",
    "says": "Lists orders.",
    "effect": "read",
    "sensitivity": "internal",
    "allowed_groups": ["group:everyone"],
    "arguments": {
        "type": "object",
        "additionalProperties": False,
        "properties": {"customer": {"type": "string"}},
    },
    "roles": {"customer": "free"},
    "result": {"type": "object"},
    "labels": {
        "rows[]": {"integrity": "system", "readers": "company"},
        "rows[].id": {"integrity": "system", "readers": "company"},
        "rows[].price": {"integrity": "system", "readers": "caller"},
        "rows[].note": {"integrity": "untrusted", "readers": "owner"},
        "mails[].id": {"integrity": "system", "readers": "owner"},
        "mails[].sender": {"integrity": "system", "readers": "owner"},
        "customer.email": {"integrity": "system", "readers": "anyone"},
    },
    "runs": {"kind": "mcp", "server": "shop", "tool": "orders", "definition": "sha256:" + "0" * 64},
}


def stated(base: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a manifest as it is stated, with fields changed; None removes one."""
    made = {**copy.deepcopy(base), **changes}
    return {name: value for name, value in made.items() if value is not None}


def tool(base: dict[str, Any], **changes: Any) -> Manifest:
    """Return a manifest with fields changed."""
    return manifest_of(stated(base, **changes))
