"""What is counted is what Prometheus reads; labels say nothing but what they may; processes add up."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from muniment.foundation.telemetry import numbers
from muniment.foundation.telemetry.exposition import exposed
from muniment.foundation.telemetry.instruments import (
    KNOWN,
    Counter,
    Family,
    Gauge,
    Histogram,
    Instrument,
    Reading,
)
from muniment.foundation.telemetry.labels import OTHER, Label
from muniment.foundation.telemetry.numbers import Numbers

COLOUR = Label("test.colour", "red", "blue")
NAMED = Label("test.name", most=2)
SEEN = Counter("test.seen", "What was seen.", COLOUR)
HELD = Gauge("test.held", "What is held.")
WORST = Gauge("test.worst", "The worst.", merge="max")
TOOK = Histogram("test.took", "How long it took.", COLOUR, unit="s", bounds=(0.1, 1.0))
READ = Reading("test.age", "An age.", NAMED, unit="s", merge="max")
OURS: tuple[Instrument, ...] = (SEEN, HELD, WORST, TOOK, READ)


@pytest.fixture(autouse=True)
def apart() -> Iterator[None]:
    """Count in memory of this test's own."""
    before = KNOWN.numbers
    KNOWN.count_in(Numbers())
    yield
    KNOWN.count_in(before)


def families(*reads: object) -> list[Family]:
    return [one for one in KNOWN.collect(reads) if one.instrument in OURS]  # type: ignore[arg-type]


def samples(*reads: object) -> dict[tuple[str, ...], float]:
    """What Prometheus's own parser reads."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(exposed(families(*reads)))
        for sample in family.samples
    }


def test_the_text_is_what_prometheus_reads() -> None:
    SEEN.add(1, "red")
    SEEN.add(2.5, "blue")
    HELD.change(3)
    HELD.change(-1)
    for value in (0.05, 0.1, 0.5, 7.0):
        TOOK.observe(value, "red")
    found = samples(READ.at(3, "x"))
    assert found["test_seen_total", "red"] == 1 and found["test_seen_total", "blue"] == 2.5
    assert found[("test_held",)] == 2
    assert [found["test_took_seconds_bucket", "red", le] for le in ("0.1", "1", "+Inf")] == [2, 3, 4]
    assert found["test_took_seconds_count", "red"] == 4
    assert found["test_took_seconds_sum", "red"] == pytest.approx(7.65)


@given(value=st.text() | st.sampled_from(["red", "blue"]))
def test_a_label_says_a_word_of_its_set_or_that_it_is_another(value: str) -> None:
    assert COLOUR.said(value) == (value if value in ("red", "blue", OTHER) else OTHER)


@given(names=st.lists(st.text(min_size=1)))
def test_names_are_bounded_in_number_and_form(names: list[str]) -> None:
    label = Label("x", most=3)
    label.admit(names)
    said = {label.said(name) for name in names} - {OTHER}
    assert len(said) <= 3
    assert all('"' not in name and "\\" not in name and name.isprintable() for name in said)


def test_what_is_read_of_several_tenants_is_the_worst_of_them() -> None:
    NAMED.admit(["wiki", "files", "third"])
    found = samples(READ.at(5, "wiki"), READ.at(9, "wiki"), READ.at(1, "third"))
    assert found["test_age_seconds", "wiki"] == 9 and found["test_age_seconds", OTHER] == 1


def test_threads_lose_no_count() -> None:
    def count() -> None:
        for _ in range(2_000):
            SEEN.add(1, "red")
            TOOK.observe(0.5, "blue")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    found = samples()
    assert found["test_seen_total", "red"] == 8_000 == found["test_took_seconds_count", "blue"]


_CHILD = """
import sys
from muniment.foundation.telemetry.instruments import KNOWN, Counter, Gauge
from muniment.foundation.telemetry.labels import Label
from muniment.foundation.telemetry.numbers import Numbers
seen = Counter("test.seen", "", Label("test.colour", "red", "blue"))
held = Gauge("test.held", "")
worst = Gauge("test.worst", "", merge="max")
KNOWN.count_in(Numbers(int(sys.argv[1]), 2, 1))
for _ in range(100): seen.add(1, "red")
held.change(5)
worst.set(7)
import os
os.kill(os.getpid(), 9)
"""


def test_processes_add_up_also_one_that_was_killed_and_started_again() -> None:
    descriptor = Numbers.shared(2)
    KNOWN.count_in(Numbers(descriptor, 2, 0))
    SEEN.add(1, "red")
    HELD.set(1)
    WORST.set(2)
    for _ in range(2):
        # The second one finds what the first left: counts go on, what it held is gone with it.
        subprocess.run([sys.executable, "-c", _CHILD, str(descriptor)], pass_fds=[descriptor], check=False)
    found = samples()
    os.close(descriptor)
    assert found["test_seen_total", "red"] == 201
    assert found[("test_held",)] == 6 and found[("test_worst",)] == 7


def test_what_finds_no_room_is_not_counted_and_how_much_that_was_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "PART_BYTES", 4096)
    small = Numbers()
    places = [small.place(f"key {n}", 20) for n in range(100)]
    assert -1 in places and small.without_room == places.count(-1)
    small.add(-1, 1)
    assert sum(sum(row) for _, row in small.read()) == 0


def test_one_name_is_counted_in_one_place() -> None:
    with pytest.raises(ValueError, match=r"test\.seen"):
        Counter("test.seen", "Again.")
