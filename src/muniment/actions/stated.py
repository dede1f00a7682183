"""Reads what people state in tables: whatever is missing or unknown is an error that names the place and the fix."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from muniment.foundation.errors import BadInput

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Stated:
    """A table of a file that people write, which knows where it stands."""

    def __init__(self, at: str, whole: Mapping[str, object]) -> None:
        self._at = at
        self.whole = whole

    def fault(self, name: str, what: str, fix: str) -> BadInput:
        """Return the error of a field: `what` is wrong with it, and the fix."""
        return BadInput(f"{self._at}{name} {what}.", fix=fix)

    def only(self, known: frozenset[str]) -> None:
        """Refuse fields that nobody reads."""
        for name in self.whole:
            if name not in known:
                raise self.fault(name, "is unknown", f"Use {', '.join(sorted(known))}.")

    def table(self, name: str, optional: bool = False) -> Stated:
        """Return a table inside it."""
        found = self.whole.get(name, {} if optional else None)
        if not isinstance(found, Mapping):
            raise self.fault(name, "is missing or no table", "Write it as a table.")
        return Stated(f"{self._at}{name}.", cast("Mapping[str, object]", found))

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text; one without a default has to be there and not blank."""
        found = self.whole.get(name, default)
        if not isinstance(found, str) or (default is None and not found.strip()):
            raise self.fault(name, "is missing or no text", "Write it in quotes.")
        return found

    def texts(self, name: str) -> list[str]:
        """Return a list of texts, none where it is missing."""
        found: Any = self.whole.get(name, [])
        if not isinstance(found, list) or not all(
            isinstance(one, str) for one in cast("list[object]", found)
        ):
            raise self.fault(name, "is no list of texts", 'Write it as ["one", "two"].')
        return cast("list[str]", found)

    def one_of(self, name: str, values: Sequence[str], default: str = "") -> str:
        """Return one of some words."""
        found = self.whole.get(name, default)
        if found not in values:
            raise self.fault(name, "is missing or unknown", f"Use {', '.join(values)}.")
        return cast(str, found)

    def number(self, name: str, default: float, most: float) -> float:
        """Return a number above 0."""
        found = self.whole.get(name, default)
        if isinstance(found, bool) or not isinstance(found, int | float) or not 0 < found <= most:
            raise self.fault(name, "is out of bounds", f"Use a number above 0, up to {most:g}.")
        return float(found)

    def count(self, name: str) -> int | None:
        """Return a whole number from 1, or None."""
        found = self.whole.get(name)
        if found is None:
            return None
        if isinstance(found, bool) or not isinstance(found, int) or found < 1:
            raise self.fault(name, "is no count", "Use a whole number from 1.")
        return found

    def money(self, name: str) -> Decimal | None:
        """Return an amount, or None."""
        found = self.whole.get(name)
        if found is None:
            return None
        try:
            amount = Decimal(found) if isinstance(found, str) else Decimal("NaN")
        except InvalidOperation:
            amount = Decimal("NaN")
        if not amount.is_finite() or amount <= 0:
            raise self.fault(name, "is no amount", 'Write it in quotes, such as "250.00".')
        return amount

    def digest(self, name: str, default: str | None = None) -> str:
        """Return a digest, `sha256:` and 64 hex digits."""
        found = self.text(name, default)
        if found and not _DIGEST.fullmatch(found):
            raise self.fault(name, "is no digest", "`muniment tools import` writes it.")
        return found
