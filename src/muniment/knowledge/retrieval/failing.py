"""A model that a search needs fails: the search gives nothing, rather than less than was asked, and the log tells.

Invariant: what a model says when it fails may hold what it read, so only the kind of error and its place are kept.
"""

from __future__ import annotations

import traceback
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from muniment.foundation.errors import MunimentError, Unavailable
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.log import AuditLog

Part = Literal["embedding model", "reranker"]


class PartFailed(Unavailable):
    """A model raised while it worked for a search."""

    def __init__(self, part: Part, cause: Exception) -> None:
        self.part: Part = part
        self.known = cause if isinstance(cause, MunimentError) else None
        """What is wrong, where muniment itself found it: such as a weight file with another digest."""
        self.kind = type(cause).__name__
        frame = traceback.extract_tb(cause.__traceback__)[-1]
        super().__init__(
            f"The {part} failed, so nothing was searched.",
            fix="Try again; if it stays so, the operator sees more in the log and with `muniment doctor`.",
            detail=f"{self.kind} at {Path(frame.filename).name}:{frame.lineno}",
        )


@contextmanager
def working(part: Part) -> Generator[None]:
    """Turn whatever a model raises in this block into PartFailed."""
    try:
        yield
    except Exception as error:
        raise PartFailed(part, error) from None


@contextmanager
def told(audit: AuditLog, by: Actor, about: Mapping[str, Json]) -> Generator[None]:
    """Record that a search failed, and by which model, before the caller hears of it and of what is known of it."""
    try:
        yield
    except PartFailed as error:
        audit.record([Entry("search.failed", by, {**about, "part": error.part, "error": error.kind})])
        if error.known is not None:
            raise error.known from None
        raise
