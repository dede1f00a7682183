"""Lengths of time as people write them: `30m`, `24h`, `90d`, `4w`."""

from __future__ import annotations

import re
from datetime import timedelta

from muniment.foundation.errors import BadInput

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_FORM = re.compile(r"([0-9]{1,6})([smhdw])")


def parsed(text: str) -> timedelta:
    """Return the time that `90d` and the like state, or none for `0`; raises BadInput for anything else."""
    if text == "0":
        return timedelta()
    found = _FORM.fullmatch(text)
    if found is None:
        raise BadInput(
            f"'{text}' is no length of time.",
            fix="Write a number and s, m, h, d or w, such as 30m, 24h or 90d.",
        )
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def spelled(span: timedelta) -> str:
    """Return the shortest text from which `parsed` reads this time, in whole seconds."""
    seconds = int(span.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s" if seconds else "0"
