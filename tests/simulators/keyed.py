"""Workspaces whose key-encryption key a real OpenBao server keeps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.openbao import ROOT, Bao
from muniment.app import Workspace


def vault_settings(home: Path, bao: Bao, key: str, **more: object) -> None:
    """Write the settings of a home whose key lies at the server."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "token").write_text(f"{ROOT}\n")
    stated = {"address": bao.url, "token": "file:token", "key": key}
    text = "[keys]\nprovider = 'vault'\n" + "".join(f"{name} = {value}\n" for name, value in more.items())
    text += "[keys.vault]\n" + "".join(f"{name} = '{value}'\n" for name, value in stated.items())
    (home / "settings.toml").write_text(text + "[retrieval]\nvectors = false\n")


def vault_workspace(
    make_workspace: Callable[..., Workspace], place: Path, bao: Bao, name: str, **more: object
) -> Workspace:
    """Return a workspace under a new key of the server."""
    bao.make_key(name)
    vault_settings(place / name, bao, name, **more)
    return make_workspace(name)
