"""What every kind of model endpoint can do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from muniment.foundation.errors import Unavailable
from muniment.inference.messages import Chunk, Request


@dataclass(frozen=True, slots=True)
class Budget:
    """What one call may use."""

    max_output_tokens: int
    timeout_seconds: float
    """For the whole of one attempt, from connecting to the last chunk."""


class Busy(Unavailable):
    """The endpoint did not take the request now; nothing of a reply had come, so asking again is safe."""

    def __init__(self, public: str, *, fix: str = "", detail: str = "", retry_after: float = 0.0) -> None:
        super().__init__(public, fix=fix, detail=detail)
        self.retry_after = retry_after


class RequestRefused(Unavailable):
    """The endpoint works, and would not take this request, or not with these settings."""


class Provider(Protocol):
    """One endpoint. Everything it yields is untrusted; closing the iterator stops the call."""

    def complete(self, request: Request, budget: Budget) -> Iterator[Chunk]:
        """Yield text or drafts as they come, then one Usage.

        Raises Busy before the first chunk where a retry may help, Unavailable otherwise, or NotSetUp where
        something is missing here; no error holds content, key or address.
        """
        ...
