"""The labels of counts and spans: each takes words of a closed set, or names that the operator gave things.

Whatever else is said for a label is exported as OTHER.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

OTHER = "other"
MOST_NAMES = 200
"""Names of one label; further ones are OTHER, so that no setting makes numbers without end."""
_NAME = re.compile(r"[A-Za-z0-9/][A-Za-z0-9 @:/{}._-]{0,127}")


class Label:
    """A label, by its OpenTelemetry name, with the values that it may have."""

    __slots__ = ("_most", "_values", "name")

    def __init__(self, name: str, *values: str, most: int = MOST_NAMES) -> None:
        """`values` are the closed set; of a label that takes names, `admit` adds them, up to `most` in all."""
        self.name = name
        self._values = {value: value for value in (*values, OTHER)}
        self._most = most + len(self._values)

    def admit(self, names: Iterable[str]) -> None:
        """Let it have these names, which come from settings or from the code, never from a request."""
        for name in names:
            if name not in self._values and len(self._values) < self._most and _NAME.fullmatch(name):
                self._values = {**self._values, name: name}

    def said(self, value: str) -> str:
        """Return the value, or OTHER where it may not be said."""
        return self._values.get(value, OTHER)
