"""What is known of deleted tenants: that a deletion began, how far it came, and which keys it took.

One small file for each name that was ever deleted, below `.deleted`: it holds no key and no content. A keyring that
stands there is taken for no tenant any more, wherever it was copied back from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

from muniment.foundation.errors import Tampered
from muniment.foundation.private_file import replace_private, write_private

FOLDER = ".deleted"
Stage = Literal["began", "key destroyed", "done"]


@dataclass(frozen=True, slots=True)
class Deletion:
    """One deletion."""

    began_at: str
    keyring: str
    """Identity of the keyring that it took; empty where there was none."""
    stage: Stage
    how: str = ""
    """How the key was destroyed."""
    rows: str = ""
    """The mark by which its rows in Postgres are known to be its own; empty where there are none, or nobody knew."""
    left: str = ""
    """What is left to do once it is gone, as far as is known."""


def under_way(tenants: Path, name: str) -> Deletion | None:
    """Return the deletion of a name that has begun and not ended."""
    last = next(reversed(_read(tenants, name)), None)
    return last if last is not None and last.stage != "done" else None


def is_under_way(tenants: Path, name: str) -> bool:
    """Return whether a tenant is being deleted; what cannot be read counts as such."""
    try:
        return under_way(tenants, name) is not None
    except Tampered:
        return True


def holds(tenants: Path, name: str, keyring: str) -> bool:
    """Return whether a deletion of this name took this keyring; raises Tampered where that cannot be read."""
    return any(one.keyring == keyring for one in _read(tenants, name))


def names(tenants: Path) -> list[str]:
    """Return the names with a deletion that is under way."""
    return sorted(one.stem for one in (tenants / FOLDER).glob("*.json") if is_under_way(tenants, one.stem))


def begin(tenants: Path, name: str, at: str, keyring: str, rows: str) -> Deletion:
    """Write down, durably, that a deletion begins."""
    begun = Deletion(at, keyring, "began", rows=rows)
    _write(tenants, name, [*_read(tenants, name), begun])
    return begun


def advance(tenants: Path, name: str, stage: Stage, how: str = "", left: str = "") -> None:
    """Write down, durably, how far the deletion under way is."""
    *before, last = _read(tenants, name)
    _write(tenants, name, [*before, replace(last, stage=stage, how=how or last.how, left=left)])


def _file(tenants: Path, name: str) -> Path:
    return tenants / FOLDER / f"{name}.json"


def _read(tenants: Path, name: str) -> list[Deletion]:
    path = _file(tenants, name)
    try:
        found = json.loads(path.read_bytes())
        return [Deletion(**cast("Mapping[str, Any]", one)) for one in found["deletions"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise Tampered(f"{path} cannot be read.", fix="Restore it, or mend its permissions.") from error


def _write(tenants: Path, name: str, deletions: Sequence[Deletion]) -> None:
    path = _file(tenants, name)
    content = json.dumps({"deletions": [asdict(one) for one in deletions]}, indent=1).encode() + b"\n"
    (replace_private if path.exists() else write_private)(path, content)
