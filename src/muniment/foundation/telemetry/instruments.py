"""What is counted, and how: counters, histograms and gauges, named as OpenTelemetry names them.

A file that counts something makes its instrument once, when it is loaded; all of a process count in the same memory.
The Prometheus name of one is made from its name and unit by the rules that OpenTelemetry has for that.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from muniment.foundation.errors import MunimentError
from muniment.foundation.telemetry.labels import Label
from muniment.foundation.telemetry.numbers import Numbers

Kind = Literal["counter", "gauge", "histogram"]
Merge = Literal["sum", "max"]
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Bounds of durations of requests, as OpenTelemetry advises them."""
SHORT = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0)
"""Bounds of durations of parts of requests."""
_UNITS = {"s": "seconds", "By": "bytes", "1": "ratio"}
_BETWEEN = "\x1f"


@dataclass(frozen=True, slots=True)
class Point:
    """The numbers of one set of labels: one number, or of a histogram, those of its buckets and the sum."""

    labels: tuple[str, ...]
    numbers: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Family:
    """All that is known of one instrument at a moment."""

    instrument: Instrument
    points: tuple[Point, ...]


class Instrument:
    """What is counted under one name."""

    kind: Kind

    def __init__(
        self,
        name: str,
        said: str,
        *labels: Label,
        unit: str = "",
        bounds: Sequence[float] = (),
        merge: Merge = "sum",
    ) -> None:
        """`said` says what it is in one sentence; `merge` is how the numbers of several processes become one."""
        self.name = name
        self.said = said
        self.labels = labels
        self.unit = unit
        self.bounds = tuple(map(float, bounds))
        self.merge: Merge = merge
        self._size = len(self.bounds) + 2 if self.bounds else 1
        self._places: dict[tuple[str, ...], int] = {}
        KNOWN.add(self)

    @property
    def exposed_name(self) -> str:
        """Return its name in the text of Prometheus."""
        unit = _UNITS.get(self.unit, "")
        made = self.name.replace(".", "_")
        made += f"_{unit}" if unit and not made.endswith(f"_{unit}") else ""
        return made + ("_total" if self.kind == "counter" else "")

    def read(self, rows: Mapping[str, Sequence[tuple[float, ...]]]) -> Family:
        """Return what the rows say of it, those of several processes put together."""
        prefix = self.name + _BETWEEN
        points: list[Point] = []
        for key, parts in rows.items():
            if key == self.name or key.startswith(prefix):
                labels = tuple(key.split(_BETWEEN)[1:])
                together = max if self.merge == "max" else sum
                points.append(Point(labels, tuple(together(one) for one in zip(*parts, strict=True))))
        if not points and not self.labels and not isinstance(self, Reading):
            points.append(Point((), (0.0,) * self._size))
        return Family(self, tuple(sorted(points, key=lambda one: one.labels)))

    def _place(self, labels: tuple[str, ...]) -> int:
        place = self._places.get(labels)
        return self._find(labels) if place is None else place

    def _find(self, labels: tuple[str, ...]) -> int:
        said = [label.said(value) for label, value in zip(self.labels, labels, strict=True)]
        place = KNOWN.numbers.place(_BETWEEN.join((self.name, *said)), self._size)
        if said == list(labels):
            # What a label may not say is not remembered: it could be anything.
            self._places[labels] = place
        return place

    def forget(self) -> None:
        """Forget where its numbers were."""
        self._places = {}


class Counter(Instrument):
    """What only grows."""

    kind: Kind = "counter"

    def add(self, by: float = 1, *labels: str) -> None:
        """Count so many more."""
        KNOWN.numbers.add(self._place(labels), by)


class Gauge(Instrument):
    """What goes up and down."""

    kind: Kind = "gauge"

    def set(self, value: float, *labels: str) -> None:
        """Say what it is now."""
        KNOWN.numbers.set(self._place(labels), value)

    def change(self, by: float, *labels: str) -> None:
        """Say by how much it changed."""
        KNOWN.numbers.add(self._place(labels), by)


class Reading(Instrument):
    """A gauge that is read where it is asked for, since what it tells lies in the database."""

    kind: Kind = "gauge"

    def at(self, value: float, *labels: str) -> Read:
        """Return one of its numbers."""
        said = tuple(label.said(one) for label, one in zip(self.labels, labels, strict=True))
        return Read(self, said, float(value))


class Histogram(Instrument):
    """How often something took, or was, how much."""

    kind: Kind = "histogram"

    def observe(self, value: float, *labels: str) -> None:
        """Count one."""
        place = self._place(labels)
        if place < 0:
            return
        bounds = self.bounds
        KNOWN.numbers.add_two(place + bisect_left(bounds, value), 1, place + len(bounds) + 1, value)


@dataclass(frozen=True, slots=True)
class Read:
    """A number of a Reading."""

    reading: Reading
    labels: tuple[str, ...]
    value: float


Reads = Callable[[], Iterable[Read]]


@dataclass(slots=True)
class Known:
    """The instruments of this process, and the memory that they count in."""

    numbers: Numbers = field(default_factory=Numbers)
    instruments: dict[str, Instrument] = field(default_factory=dict[str, Instrument])

    def add(self, instrument: Instrument) -> None:
        """Know one more."""
        if instrument.name in self.instruments:
            raise ValueError(f"{instrument.name} is counted already")
        self.instruments[instrument.name] = instrument

    def count_in(self, numbers: Numbers) -> None:
        """Count in another memory from now on, with the gauges of this process at nothing."""
        for key, place in numbers.own().items():
            one = self.instruments.get(key.partition(_BETWEEN)[0])
            if one is not None and one.kind == "gauge":
                # It tells of the process that had this part before.
                numbers.set(place, 0.0)
        self.numbers = numbers
        for one in self.instruments.values():
            one.forget()

    def collect_with(self, reads: Reads) -> list[Family]:
        """Return all that is counted and can be read: where nothing can be, what is counted is told all the same."""
        try:
            found = [*reads(), _READABLE.at(1)]
        except MunimentError:
            found = [_READABLE.at(0)]
        return self.collect(found)

    def collect(self, readings: Iterable[Read] = ()) -> list[Family]:
        """Return all that is counted, with what was read: of equal labels the most, or all of it together."""
        rows: dict[str, list[tuple[float, ...]]] = {}
        for key, numbers in self.numbers.read():
            rows.setdefault(key, []).append(numbers)
        rows[UNCOUNTED.name] = [(self.numbers.without_room,)]
        for one in readings:
            rows.setdefault(_BETWEEN.join((one.reading.name, *one.labels)), []).append((one.value,))
        of: dict[str, dict[str, Sequence[tuple[float, ...]]]] = {}
        for key, parts in rows.items():
            of.setdefault(key.partition(_BETWEEN)[0], {})[key] = parts
        return [one.read(of.get(name, {})) for name, one in self.instruments.items()]


KNOWN = Known()
_READABLE = Reading("muniment.readings.up", "Whether what lies in the database could be read: 1, or 0.")
UNCOUNTED = Gauge("muniment.telemetry.uncounted", "Rows of counts that found no room, and are missing here.")
