"""Manifests that lie in a folder and leave open where their systems are: `url = "{orders}/refunds"`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from muniment.foundation.errors import BadInput

_ADDRESS = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(?:/[A-Za-z0-9._~/-]*)?")


def manifest_texts(folder: Path, addresses: Mapping[str, str]) -> list[str]:
    """Return the texts of a folder's manifests with the address of each system written in, in an order to add them.

    A tool comes after the one that undoes it. Raises BadInput for an address that is none, a file that is no TOML and
    a circle of tools that undo each other.
    """
    texts: dict[str, str] = {}
    undone_by: dict[str, str] = {}
    for path in sorted(folder.glob("*.toml")):
        text = _located(path.read_text("utf-8"), addresses)
        try:
            stated = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise BadInput(f"{path} is no TOML: {error}.", fix="Mend the line that it names.") from error
        name = str(stated.get("name", path.stem))
        texts[name] = text
        undo = stated.get("undo")
        if isinstance(undo, Mapping):
            undone_by[name] = str(cast("Mapping[str, object]", undo).get("tool", ""))
    return [texts[name] for name in _ordered(list(texts), undone_by)]


def _located(text: str, addresses: Mapping[str, str]) -> str:
    for system, address in addresses.items():
        if not _ADDRESS.fullmatch(address):
            raise BadInput(f"The address of {system} is none.", fix="Write https://HOST.")
        text = text.replace(f'url = "{{{system}}}', f'url = "{address.rstrip("/")}')
    return text


def _ordered(names: list[str], undone_by: Mapping[str, str]) -> list[str]:
    made: list[str] = []
    while names:
        ready = [one for one in names if undone_by.get(one, "") not in names or undone_by[one] == one]
        if not ready:
            raise BadInput(f"{names[0]} and other tools undo each other.", fix="Take one [undo] out.")
        made += ready
        names = [one for one in names if one not in ready]
    return made
