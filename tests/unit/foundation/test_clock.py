from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.foundation.clock import Clock, FixedClock, timestamp

MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(9998, 1, 1), timezones=st.just(UTC))


def test_the_wall_time_is_aware_and_in_utc() -> None:
    now = Clock().now()
    assert now.tzinfo is UTC
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)


def test_the_stopwatch_never_runs_backwards() -> None:
    clock = Clock()
    read = [clock.seconds() for _ in range(1000)]
    assert read == sorted(read)


def test_a_fixed_clock_moves_only_when_told() -> None:
    clock = FixedClock(datetime(2026, 3, 1, tzinfo=UTC))
    assert clock.now() == clock.now() == datetime(2026, 3, 1, tzinfo=UTC)
    before = clock.seconds()
    clock.advance(minutes=1, seconds=30)
    assert clock.now() == datetime(2026, 3, 1, 0, 1, 30, tzinfo=UTC)
    assert clock.seconds() - before == pytest.approx(90)


@given(MOMENTS, st.integers(-23, 23))
def test_a_timestamp_says_the_same_moment_from_any_zone(at: datetime, hours: int) -> None:
    elsewhere = at.astimezone(timezone(timedelta(hours=hours)))
    assert timestamp(elsewhere) == timestamp(at)


@given(MOMENTS, MOMENTS)
def test_timestamps_sort_as_their_moments_do(one: datetime, other: datetime) -> None:
    if one <= other:
        assert timestamp(one) <= timestamp(other)


def test_a_timestamp_is_rfc_3339_with_milliseconds() -> None:
    assert timestamp(datetime(2026, 1, 5, 9, 0, tzinfo=UTC)) == "2026-01-05T09:00:00.000Z"
    assert timestamp(datetime(2026, 1, 5, 9, 0, 0, 999_999, tzinfo=UTC)) == "2026-01-05T09:00:00.999Z"


@given(MOMENTS)
def test_a_timestamp_reads_back_to_the_millisecond(at: datetime) -> None:
    assert datetime.fromisoformat(timestamp(at)) == at.replace(microsecond=at.microsecond // 1000 * 1000)
