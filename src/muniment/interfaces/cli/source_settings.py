"""The settings of a source as they stand on a command line: `--set NAME=VALUE`, and a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A setting; NAME.KEY=VALUE for one of a table.",
        show_default=False,
    ),
]
SettingsFile = Annotated[
    Path | None,
    typer.Option("--settings", metavar="FILE.toml", help="Settings in a file.", show_default=False),
]


def stated(given: Sequence[str] | None, file: Path | None) -> dict[str, object]:
    """Return the settings; what `--set` says goes before the file. Raises BadInput."""
    from muniment.foundation.errors import BadInput

    found = _read(file) if file is not None else {}
    for one in given or ():
        name, equals, text = one.partition("=")
        table, dot, key = name.partition(".")
        if not equals or not table or (dot and not key):
            raise BadInput(f"--set {one}: not NAME=VALUE.", fix="Write such as --set root=/srv/files.")
        value = _value(name, text)
        if not dot:
            found[table] = value
            continue
        inner = found.get(table, {})
        if not isinstance(inner, dict):
            raise BadInput(f"--set {one}: {table} is no table.", fix=f"Write {table}=VALUE.")
        found[table] = {**inner, key: value}
    return found


def _value(name: str, text: str) -> object:
    """Return a value: a list, table or quoted text as TOML has it, anything else as it stands."""
    import tomllib

    from muniment.foundation.errors import BadInput

    if not text.startswith(("[", "{", '"', "'")):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise BadInput(
            f"{name}: {text} is no TOML value ({error}).", fix=f"""Write such as --set '{name}=["a", "b"]'."""
        ) from error


def _read(file: Path) -> dict[str, object]:
    import tomllib

    from muniment.foundation.errors import BadInput

    try:
        return tomllib.loads(file.read_bytes().decode("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        what = error.strerror if isinstance(error, OSError) else str(error)
        raise BadInput(
            f"--settings {file}: {what}.", fix="Give a TOML file with one line for each setting."
        ) from error
