"""Writing back the settings.toml of a release, beside the one that it replaces."""

from __future__ import annotations

from pathlib import Path

from muniment.foundation.errors import Unavailable
from muniment.foundation.private_file import write_private

NAME = "settings.toml"


def write_back(home: Path, text: str, left: str) -> Path | None:
    """Write the text and return where the present file is kept, named for the release `left`; None: no difference.

    Raises Unavailable where a file cannot be written; then the present one is in its place.
    """
    path = home / NAME
    try:
        present = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise Unavailable(
            f"{path} cannot be read ({error.strerror}).", fix="Mend its permissions."
        ) from error
    if present == text.encode():
        return None
    kept = _free(home, left)
    write_private(kept, present)
    new = home / f".{NAME}.new"
    new.unlink(missing_ok=True)
    write_private(new, text.encode())
    new.replace(path)
    return kept


def _free(home: Path, left: str) -> Path:
    numbers = iter(range(1, 10_000))
    return next(place for n in numbers if not (place := home / f"{NAME}.{left}.{n}").exists())
