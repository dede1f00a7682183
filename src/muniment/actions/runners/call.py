"""One call on its way to whatever carries it out, and how it can fail. Types only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from muniment.actions.manifest import Manifest
from muniment.foundation.errors import MunimentError

Failure = Literal["refused", "changed", "unreachable", "crash", "time", "size", "type"]
"""It was refused, the record is of another version, no connection; or it broke, hung, said too much, or nonsense."""


class ToolFailed(MunimentError):
    """A tool gave no result that can be used."""

    code = "tool-failed"
    status = 502

    def __init__(self, why: Failure, public: str, *, certain: bool, fix: str = "", detail: str = "") -> None:
        """`certain` is whether it is sure that nothing was done."""
        super().__init__(public, fix=fix, detail=detail)
        self.why: Failure = why
        self.certain = certain


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call: exactly these arguments, once."""

    manifest: Manifest
    arguments: Mapping[str, object]
    caller: str
    """Ref of the account that it is made for."""
    key: str
    """By which whoever carries it out knows it again; the digest of the action, or of the single read."""
    version: str = ""
    """Version that the record must still have; empty: none is asked."""
    dry_run: bool = False
    """Whether to say only what would happen."""


class Runner(Protocol):
    """Makes calls of one kind."""

    def run(self, call: ToolCall) -> object:
        """Return the JSON value that the tool gave, not yet checked; raises ToolFailed."""
        ...
