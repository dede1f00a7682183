"""The people of a scratch workspace, who leave groups and are switched off while scenarios are played."""

from __future__ import annotations

import json
import tempfile
import threading
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from muniment.governance.identity.directory import Directory
from muniment.governance.identity.principal import OPERATOR


class People:
    """A directory file as it stands now: what one scenario changed, the import for another does not undo."""

    def __init__(self, directory: Directory, file: Path) -> None:
        self._directory = directory
        self._stated: dict[str, dict[str, dict[str, Any]]] = tomllib.loads(file.read_text("utf-8"))
        self._lock = threading.Lock()

    def leave(self, group: str, user: str) -> None:
        """Take somebody out of a group; raises BadInput where they are not in it."""
        with self._lock:
            self._directory.remove_member(group, user, OPERATOR)
            self._stated["users"][user]["groups"].remove(group)

    def deactivate(self, user: str) -> None:
        """Switch an account off, as the next import of a directory does."""
        with self._lock, tempfile.TemporaryDirectory(prefix="muniment-people-") as folder:
            self._stated["users"][user]["active"] = False
            file = Path(folder) / "directory.toml"
            file.write_text(_as_toml(self._stated), "utf-8")
            self._directory.import_file(file, OPERATOR)


def _as_toml(stated: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    lines: list[str] = []
    for kind, entries in stated.items():
        for name, fields in entries.items():
            lines.append(f"[{kind}.{json.dumps(name)}]")
            # What these files hold, texts, lists of texts and truth values, TOML spells as JSON does.
            lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in fields.items()]
    return "\n".join(lines) + "\n"
