"""What is asked of the parser child about a file, besides the file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

_MARK = b"\0"
"""Begins an order that is more than a name, which never holds it."""


@dataclass(frozen=True, slots=True)
class Order:
    """Read the file of this name; or, with `bitmap`, show that page of it."""

    name: str
    bitmap: int = 0
    tables: Mapping[int, str] | None = field(default=None)
    """What OCR read on pages that are pictures."""

    def to_bytes(self) -> bytes:
        """Return the order for `order_of`."""
        name = self.name.replace("\0", "\ufffd")
        if not self.bitmap and self.tables is None:
            return name.encode("utf-8", "replace")
        order = {"name": name, "bitmap": self.bitmap, "tables": self.tables}
        return _MARK + json.dumps(order).encode()


def order_of(given: bytes) -> Order:
    """Return the order in bytes of `Order.to_bytes`."""
    if not given.startswith(_MARK):
        return Order(given.decode("utf-8", "replace"))
    order = json.loads(given[1:])
    tables = order["tables"]
    read = None if tables is None else {int(page): table for page, table in tables.items()}
    return Order(order["name"], order["bitmap"], read)
