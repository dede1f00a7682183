"""Errors with a public sentence and a private detail.

The public text may be shown to anyone who is allowed to see that the request failed; it never holds content.
The detail goes to the operator's log only. A forbidden and an absent thing raise the same `NotFound`.
"""

from __future__ import annotations

import math


class MunimentError(Exception):
    """Base of every error that muniment raises on purpose."""

    code = "failed"
    """Stable machine-readable name."""
    exit_code = 1
    """Exit status of the command line."""
    status = 500
    """HTTP status."""
    final = True
    """Whether doing the same again later would end the same way."""

    def __init__(self, public: str, *, fix: str = "", detail: str = "") -> None:
        super().__init__(public)
        self.public = public
        self.fix = fix
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.public} {self.fix}".strip()


class BadInput(MunimentError):
    """Something that the caller gave cannot be used; the text names the field and the fix."""

    code = "bad-input"
    exit_code = 2
    status = 422


class Unauthenticated(MunimentError):
    """No credential, or one that does not prove an active principal."""

    code = "unauthenticated"
    exit_code = 3
    status = 401


class Denied(MunimentError):
    """Policy does not allow the action."""

    code = "denied"
    exit_code = 3
    status = 403


class NotFound(MunimentError):
    """Absent, or not readable by the caller: outsiders cannot tell which."""

    code = "not-found"
    status = 404


class Conflict(MunimentError):
    """Another process or a changed state stands in the way."""

    code = "conflict"
    status = 409
    final = False


class NotSetUp(MunimentError):
    """The home folder holds no workspace yet, or one that cannot be opened."""

    code = "not-set-up"
    exit_code = 4
    status = 503


class Unavailable(MunimentError):
    """Something that the request needs cannot be reached or written now; nothing was done."""

    code = "unavailable"
    status = 503
    final = False


def _span(seconds: int) -> str:
    if seconds >= 7200:
        return f"{math.ceil(seconds / 3600)} hours"
    return "1 second" if seconds == 1 else f"{seconds} seconds"


class TooMany(MunimentError):
    """A limit is reached; the code names it."""

    status = 429
    final = False

    def __init__(self, limit: str, public: str, retry_after: float) -> None:
        self.retry_after = max(1, math.ceil(retry_after))
        super().__init__(public, fix=f"Try again in {_span(self.retry_after)}.")
        self.code = f"limit-{limit}"


class Tampered(MunimentError):
    """Stored bytes are not the bytes that were written."""

    code = "tampered"
