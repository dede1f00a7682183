"""Hands spans and counts to a collector over OTLP/HTTP, beside the requests that they tell of.

Invariants:
- no request waits for it: a span that finds no room is dropped, and counted;
- it leaves by the door to the network, under the operator's rules, and says of a failure only of which kind it was;
- what a collector could not take is kept and sent again before what came later, as far as there is room.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from muniment.foundation.clock import Clock
from muniment.foundation.egress import Egress, Unreached
from muniment.foundation.errors import MunimentError
from muniment.foundation.otlp.messages import Messages, Signal
from muniment.foundation.secret import Secret
from muniment.foundation.telemetry.instruments import KNOWN, Counter, Reads
from muniment.foundation.telemetry.labels import Label
from muniment.foundation.telemetry.tracing import TRACER, Span

MOST_WAITING = 4096
"""Spans."""
MOST_AT_ONCE = 512
MOST_REPLY_BYTES = 64 << 10
TIMEOUT_SECONDS = 10.0
LAST_SECONDS = 2.0
"""How long the end of a server waits for its last words."""
_LATER = frozenset({408, 429, 500, 502, 503, 504})
SIGNAL = Label("muniment.signal", "traces", "metrics")
WHY = Label("muniment.reason", "full", "refused", "unreached", "egress")
DROPPED = Counter("muniment.telemetry.dropped", "Spans that no collector was given.", WHY, unit="{span}")
FAILED = Counter("muniment.telemetry.failures", "Requests that a collector did not take.", SIGNAL, WHY)


@dataclass(frozen=True, slots=True)
class Collector:
    """Where telemetry goes, and how often."""

    url: str
    """Without `/v1/traces`."""
    headers: Mapping[str, Secret]
    seconds: float
    sample_ratio: float
    """The share of traces that is sent."""


@dataclass(slots=True)
class Sending:
    """What is on its way to a collector; its spans are taken from any thread."""

    collector: Collector
    egress: Egress
    messages: Messages
    clock: Clock
    reads: Reads | None
    """Reads what lies in the database; None where another process hands over the counts of all."""
    _waiting: deque[Span] = field(default_factory=deque[Span])
    _due: threading.Event = field(default_factory=threading.Event)
    _stopped: bool = False
    _since: int = 0

    def take(self, span: Span) -> None:
        """Take a finished span, or drop it where too many wait."""
        if len(self._waiting) >= MOST_WAITING:
            DROPPED.add(1, "full")
            return
        self._waiting.append(span)
        if len(self._waiting) == MOST_AT_ONCE:
            self._due.set()

    @contextmanager
    def running(self) -> Generator[None]:
        """Take and send while the block runs."""
        self._since = self._now()
        TRACER.ratio, TRACER.take = self.collector.sample_ratio, self.take
        thread = threading.Thread(target=self._run, name="telemetry", daemon=True)
        thread.start()
        try:
            yield
        finally:
            TRACER.take = None
            self._stopped = True
            self._due.set()
            thread.join(2 * LAST_SECONDS + 1)

    def _run(self) -> None:
        while not self._stopped:
            self._due.wait(self.collector.seconds)
            self._due.clear()
            self.send(LAST_SECONDS if self._stopped else TIMEOUT_SECONDS)

    def send(self, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        """Send what waits, and the counts."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(MOST_AT_ONCE, len(self._waiting)))]
            why, again = self._sent("traces", self.messages.traces(batch), timeout_seconds)
            if not why:
                continue
            room = MOST_WAITING - len(self._waiting) if again else 0
            kept = batch[len(batch) - room :] if room < len(batch) else batch
            kept = kept if room else []
            self._waiting.extendleft(reversed(kept))
            if len(kept) < len(batch):
                DROPPED.add(len(batch) - len(kept), why)
            break
        if self.reads is not None:
            self._send_counts(self.reads, timeout_seconds)

    def _send_counts(self, reads: Reads, timeout_seconds: float) -> None:
        body = self.messages.metrics(KNOWN.collect_with(reads), self._since, self._now())
        self._sent("metrics", body, timeout_seconds)

    def _sent(self, signal: Signal, body: bytes, timeout_seconds: float) -> tuple[str, bool]:
        """Return why a request was not taken, and whether it may be later."""
        headers = {"content-type": "application/x-protobuf"}
        headers |= {name: value.reveal() for name, value in self.collector.headers.items()}
        url = f"{self.collector.url}/v1/{signal}"
        try:
            reply = self.egress.exchange("POST", url, headers, body, timeout_seconds)
            why, again = ("" if reply.status < 300 else "refused"), reply.status in _LATER
        except Unreached:
            why, again = "unreached", True
        except MunimentError:
            why, again = "egress", False
        if why:
            FAILED.add(1, signal, why)
        return why, again

    def _now(self) -> int:
        return int(self.clock.now().timestamp() * 1e9)
