"""Access manifests of the folder source: `access.toml` covers its folder and everything below.

Invariant: a manifest that is missing, unreadable or does not parse means nobody, never everybody.
"""

from __future__ import annotations

import re
import tomllib

from muniment.foundation.errors import BadInput
from muniment.knowledge.access import AccessList

FILE_NAME = "access.toml"
_KEYS = {"allow", "deny", "sensitivity"}
_ENTRY = re.compile(r"(user|group|service):[^\s:/\x00-\x1f\x7f][^:/\x00-\x1f\x7f]*")


def parse(content: bytes, name: str) -> AccessList:
    """Return the access list that a manifest states; raises BadInput naming file, line or key, and the fix."""
    try:
        document = tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{name}: not UTF-8.", fix="Save it as UTF-8; until then nobody may read its folder."
        ) from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadInput(
            f"{name}: {error}.", fix="Mend that line; until then nobody may read its folder."
        ) from error
    unknown = sorted(set(document) - _KEYS)
    if unknown:
        raise BadInput(
            f"{name}: unknown key {unknown[0]!r}.",
            fix="Use allow, deny and sensitivity; until then nobody may read its folder.",
        )
    sensitivity = document.get("sensitivity")
    if sensitivity is not None and (not isinstance(sensitivity, str) or not sensitivity.strip()):
        raise BadInput(
            f"{name}: sensitivity must be a word.", fix='Write for example sensitivity = "internal".'
        )
    return AccessList(
        _entries(document.get("allow", []), name, "allow"),
        _entries(document.get("deny", []), name, "deny"),
        sensitivity,
    )


def _entries(value: object, name: str, key: str) -> frozenset[str]:
    if not isinstance(value, list):
        raise BadInput(f"{name}: {key} must be a list.", fix=f'Write for example {key} = ["group:everyone"].')
    entries: list[str] = [
        check_entry(str(entry), f"{name}: {key}") for entry in value if isinstance(entry, str)
    ]
    if len(entries) != len(value):
        raise BadInput(f"{name}: {key} holds something that is not text.", fix="Put every entry in quotes.")
    return frozenset(entries)


def check_entry(entry: str, where: str) -> str:
    """Return the entry when it is spelled `user:NAME`, `group:NAME` or `service:NAME`; raises BadInput otherwise."""
    if not _ENTRY.fullmatch(entry):
        raise BadInput(
            f"{where}: {entry!r} names no user, group or service.",
            fix='Write "user:NAME", "group:NAME" or "service:NAME".',
        )
    return entry
