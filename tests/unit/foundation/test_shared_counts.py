"""Counts of several processes say what those of one process would, or are stricter, whatever is killed when."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muniment.foundation import shared_counts
from muniment.foundation.clock import Clock
from muniment.foundation.ids import Ids
from muniment.foundation.in_hand import Held
from muniment.foundation.rate import Buckets
from muniment.foundation.shared_counts import SharedCounts

PROCESSES = 3
RATES = {"a": 15, "b": 30, "c": 60, "d": 120}
"""Their takes cost a power of two of seconds, so that both ways of counting are exact."""


class Watch(Clock):
    """A stopwatch that is set by hand."""

    at = 5.0

    def seconds(self) -> float:
        return self.at


def views(made: SharedCounts) -> list[SharedCounts]:
    """The same counts as each process has them."""
    return [SharedCounts(os.dup(made.descriptor), PROCESSES, number) for number in range(PROCESSES)]


STEPS = st.lists(
    st.tuples(st.integers(0, PROCESSES - 1), st.sampled_from(sorted(RATES)), st.integers(0, 40)), max_size=400
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_processes_together_take_what_one_would(steps: list[tuple[int, str, int]]) -> None:
    clock = Watch()
    made = SharedCounts.made(PROCESSES, Ids())
    rates = [view.rates(clock) for view in views(made)]
    one = Buckets(clock)
    for process, key, wait in steps:
        clock.at += max(0, wait - 30) / 8
        expected = one.wait(key, RATES[key])
        assert rates[process].wait(key, RATES[key]) == pytest.approx(expected)
        assert rates[process].take(key, RATES[key]) == pytest.approx(one.take(key, RATES[key]))


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_keys_that_share_numbers_are_never_let_through_more(steps: list[tuple[int, str, int]]) -> None:
    clock = Watch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared_counts, "PLACES", 4)
        patch.setattr(shared_counts, "PLACES_IN_HAND", 4)
        made = SharedCounts.made(PROCESSES, Ids())
        all_views = views(made)
        rates = [view.rates(clock) for view in all_views]
        hands = [view.in_hand() for view in all_views]
        one, held = Buckets(clock), Held()
        for process, key, wait in steps:
            clock.at += max(0, wait - 30) / 8
            if rates[process].take(key, RATES[key]) == 0:
                assert one.take(key, RATES[key]) == 0
            if hands[process].take(key, 9):
                assert held.take(key, 9)


def test_what_is_in_hand_is_counted_over_all_and_forgotten_of_the_dead() -> None:
    made = SharedCounts.made(PROCESSES, Ids())
    first, second, _ = (view.in_hand("acme") for view in views(made))
    assert [hand.take("alice", 3) for hand in (first, second, first, second)] == [True, True, True, False]
    assert second.take("bob", 1)
    assert views(made)[0].in_hand("globex").take("alice", 1)
    first.give_back("alice")
    assert second.take("alice", 3) and not first.take("alice", 3)
    made.ended(1)
    assert first.take("alice", 3) and first.take("alice", 3) and not first.take("alice", 3)


TAKER = """
import os, sys
from muniment.foundation.clock import Clock
from muniment.foundation.shared_counts import SharedCounts
rates = SharedCounts(int(sys.argv[1]), 3, int(sys.argv[2])).rates(Clock())
while True:
    if not rates.take("all", 60):
        os.write(1, b".")
"""


def test_processes_killed_at_any_point_leave_the_limit_as_it_is(tmp_path: Path) -> None:
    made = SharedCounts.made(PROCESSES, Ids())
    count = tmp_path / "taken"
    chance = random.Random(7)

    def start(number: int, said: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", TAKER, str(made.descriptor), str(number)],
            stdout=said,
            pass_fds=(made.descriptor,),
        )

    began = time.perf_counter()
    with open(count, "ab") as said:
        takers = [start(number, said.fileno()) for number in range(PROCESSES)]
        for _ in range(6):
            time.sleep(0.1 + chance.random() / 5)
            number = chance.randrange(PROCESSES)
            takers[number].kill()
            takers[number].wait()
            takers[number] = start(number, said.fileno())
        for taker in takers:
            taker.kill()
            taker.wait()
    took = time.perf_counter() - began
    taken = count.stat().st_size
    assert 50 <= taken <= 60 + took
    assert made.rates(Clock()).wait("all", 60) > 0.0 or taken < 60 + took
