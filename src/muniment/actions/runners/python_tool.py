"""What a Python function that is a tool may use of muniment: what it is told of its call, and how it refuses.

A function that declares `call` is told of it:

    from muniment.actions.runners.python_tool import Call, Refused

    def pay(order: str, amount: str, call: Call) -> dict[str, object]:
        if not known(order):
            raise Refused("There is no such order.")
        ...
"""

from __future__ import annotations

from typing import TypedDict


class Call(TypedDict):
    """What a function may know of its call beside the arguments."""

    caller: str
    """Whom it is made for, such as `user:alice`."""
    key: str
    """The same for every try of one call: do for a key once what is done."""
    version: str
    """What the record was when it was read; empty: none is asked."""
    dry_run: bool
    """Say what would happen, and change nothing."""


class Refused(Exception):
    """Raised by a function that did nothing and will not; its words are shown."""
