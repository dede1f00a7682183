"""What a benchmark is told on the command line."""

from __future__ import annotations

from collections.abc import Mapping

from muniment.foundation.errors import BadInput


def checked(options: Mapping[str, object], *names: str) -> None:
    """Refuse options that a benchmark does not have; raises BadInput."""
    unknown = [name for name in options if name not in names]
    if unknown:
        raise BadInput(f"No option --{unknown[0]}.", fix=f"Known: --{', --'.join(names)}.")


def whole_number(options: Mapping[str, object], name: str, usual: int) -> int:
    """Return a positive whole number; raises BadInput for anything else."""
    given = str(options.get(name, usual))
    if not given.isdecimal() or not int(given):
        raise BadInput(f"--{name} is {given!r}.", fix="Give a whole number.")
    return int(given)
