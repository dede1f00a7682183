"""Finds what ships beside the code: in a checkout at its root, in an installed package under `shipped/`."""

from __future__ import annotations

from pathlib import Path

from muniment.foundation.errors import NotFound


def shipped(path: str) -> Path:
    """Return the file or folder, such as `examples/acme`; raises NotFound when this installation lacks it."""
    package = Path(__file__).resolve().parents[1]
    for root in (package.parents[1], package / "shipped"):
        found = root / path
        if found.exists():
            return found
    raise NotFound(
        f"{path} is not part of this installation.", fix="Install muniment again, or use a checkout."
    )
