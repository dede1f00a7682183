"""The header by which one server tells another which trace a request belongs to (W3C Trace Context, version 00)."""

from __future__ import annotations

import re
from dataclasses import dataclass

HEADER = "traceparent"
ANSWERED = "traceresponse"
"""The header by which a caller learns the trace of its request."""
_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


@dataclass(frozen=True, slots=True)
class Parent:
    """What a caller says of the trace that its request belongs to."""

    trace: str
    span: str
    sampled: bool


def read(text: str) -> Parent | None:
    """Return what a header says, None where it is no such header."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    version, trace, span, flags, more = found.groups()
    if version == "ff" or (version == "00" and more) or trace == "0" * 32 or span == "0" * 16:
        return None
    return Parent(trace, span, bool(int(flags, 16) & 1))


def written(trace: str, span: str, sampled: bool) -> str:
    """Return the header."""
    return f"00-{trace}-{span}-{'01' if sampled else '00'}"
