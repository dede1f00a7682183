"""Traces: what one request took, stage by stage.

Invariants:
- each stage is timed for the metrics, whether its trace is sampled or not; a span is kept only of a sampled trace;
- a span holds numbers, words of closed sets and names that the operator gave, and of an error its kind alone;
- nothing here waits: a finished span goes to whoever takes spans, which drops and counts what it has no room for.

Stages are children of their request, and do not stand within each other: work goes on in other threads and in
generators, where what is "current" would be another's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal

from muniment.foundation.clock import Clock
from muniment.foundation.errors import MunimentError
from muniment.foundation.ids import Ids
from muniment.foundation.telemetry.instruments import SHORT, Histogram
from muniment.foundation.telemetry.labels import Label
from muniment.foundation.telemetry.traceparent import Parent

StageName = Literal[
    "authenticate", "decide", "retrieve", "rerank", "assemble", "model_call", "check", "release", "record"
]
STAGE = Label(
    "muniment.stage",
    "authenticate", "decide", "retrieve", "rerank", "assemble", "model_call", "check", "release", "record",
)  # fmt: skip
STAGE_SECONDS = Histogram(
    "muniment.stage.duration", "How long the stages of the main path take.", STAGE, unit="s", bounds=SHORT
)
Value = str | float
Kind = Literal["internal", "server", "client"]
_WHOLE = 1 << 64


class Attribute:
    """What a span may say under a name: a number, or with a label, one of that label's values."""

    __slots__ = ("label", "name")

    def __init__(self, name: str, label: Label | None = None) -> None:
        self.name = name
        self.label = label

    def said(self, value: Value) -> Value:
        """Return the value as it may be said: text without a label never is."""
        if self.label is not None:
            return self.label.said(str(value))
        return value if isinstance(value, (int, float)) else 0


ERROR_TYPE = Attribute("error.type")


@dataclass(slots=True)
class Span:
    """One piece of work of a sampled trace, finished."""

    trace: str
    id: str
    parent: str
    name: str
    kind: Kind
    start: int
    """Nanoseconds since 1970."""
    end: int
    attributes: dict[str, Value]
    error: str = ""
    """The kind of error that ended it."""


Takes = Callable[[Span], None]


@dataclass(slots=True)
class Tracer:
    """Which traces are sampled, and who takes their spans; one for a process."""

    ratio: float = 0.0
    take: Takes | None = None

    def samples(self, trace: str, parent: Parent | None) -> bool:
        """Decide at the beginning of a trace, as a trusted caller did, else by its number alone."""
        if self.take is None:
            return False
        if parent is not None:
            return parent.sampled
        return int(trace[16:], 16) < self.ratio * _WHOLE


TRACER = Tracer()


@dataclass(slots=True)
class Trace:
    """One request on its way."""

    id: str
    span: str
    parent: str
    sampled: bool
    began: int = field(default_factory=time.perf_counter_ns)
    wall: int = 0
    """Nanoseconds since 1970 at `began`; of a sampled trace."""

    def keep(
        self, name: str, kind: Kind, began: int, attributes: dict[str, Value], error: str = "", span: str = ""
    ) -> None:
        """Keep a span that ends now."""
        take = TRACER.take
        if take is None:
            return
        end = time.perf_counter_ns()
        ours = span == self.span
        start, over = self.wall + began - self.began, self.wall + end - self.began
        parent = self.parent if ours else self.span
        take(Span(self.id, span or new_span(), parent, name, kind, start, over, attributes, error))


_CURRENT: ContextVar[Trace | None] = ContextVar("trace", default=None)
_TIMED: ContextVar[dict[str, float] | None] = ContextVar("timed", default=None)
_CLOCK, _IDS = Clock(), Ids()


def new_span() -> str:
    """Return the number of a new span."""
    return _IDS.random_bytes(8).hex()


def begin(parent: Parent | None = None) -> tuple[Trace, Token[Trace | None]]:
    """Begin the trace of a request, or go on with that of a trusted caller; `end` takes what it returns."""
    numbers = _IDS.random_bytes(24).hex()
    trace = parent.trace if parent else numbers[:32]
    made = Trace(trace, numbers[32:], parent.span if parent else "", TRACER.samples(trace, parent))
    if made.sampled:
        made.wall = int(_CLOCK.now().timestamp() * 1e9)
    return made, _CURRENT.set(made)


def end(token: Token[Trace | None]) -> None:
    """Leave the trace."""
    _CURRENT.reset(token)


def current() -> Trace | None:
    """Return the trace of the request that this is done for."""
    return _CURRENT.get()


@contextmanager
def timed() -> Generator[Mapping[str, float]]:
    """Give the milliseconds of each stage that ends in this thread while the block runs."""
    times: dict[str, float] = {}
    token = _TIMED.set(times)
    try:
        yield times
    finally:
        _TIMED.reset(token)


def error_kind(error: BaseException | None) -> str:
    """Return the kind of an error: its code where it is ours, else the name of its type."""
    if error is None:
        return ""
    return error.code if isinstance(error, MunimentError) else type(error).__name__


class Stage:
    """A stage of the main path, timed while the block runs."""

    __slots__ = ("_attributes", "_began", "_name", "_spans")

    def __init__(self, name: StageName) -> None:
        self._name: StageName = name
        self._attributes: dict[str, Value] | None = None

    def __enter__(self) -> Stage:
        self._began = time.perf_counter_ns()
        return self

    def note(self, attribute: Attribute, value: Value) -> None:
        """Say something of it."""
        if self._attributes is None:
            self._attributes = {}
        self._attributes[attribute.name] = attribute.said(value)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        took = time.perf_counter_ns() - self._began
        STAGE_SECONDS.observe(took / 1e9, self._name)
        times = _TIMED.get()
        if times is not None:
            times[self._name] = times.get(self._name, 0.0) + took / 1e6
        found = _CURRENT.get()
        if found is not None and found.sampled:
            found.keep(self._name, "internal", self._began, self._attributes or {}, error_kind(error))
