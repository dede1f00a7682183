"""Whoever asks for many pages waits for themselves: nobody else does, and the server's threads are not theirs."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest

from muniment.foundation.errors import TooMany
from muniment.knowledge.pages.turns import WAITING_OF_ONE, Turns


def test_one_person_never_has_all_of_them() -> None:
    turns = Turns(["one", "two"], longest_wait=0.05)
    with turns.turn("user:alice"):
        with pytest.raises(TooMany), turns.turn("user:alice"):
            pass
        with turns.turn("user:bob"):
            pass
    with turns.turn("user:alice"):
        pass


def test_few_requests_of_one_person_wait_and_the_next_is_refused_at_once() -> None:
    turns, begun = Turns(["one", "two"], longest_wait=30.0), threading.Barrier(WAITING_OF_ONE + 1)
    done: list[str] = []

    def wait() -> None:
        begun.wait()
        with turns.turn("user:alice") as lent:
            done.append(lent)

    waiting = [threading.Thread(target=wait) for _ in range(WAITING_OF_ONE)]
    with turns.turn("user:alice"):
        for one in waiting:
            one.start()
        begun.wait()
        while turns._asking["user:alice"] <= WAITING_OF_ONE:
            pass
        with pytest.raises(TooMany), turns.turn("user:alice"):
            pass
    for one in waiting:
        one.join()
    assert len(done) == WAITING_OF_ONE and not turns._asking and len(turns._idle) == 2


def test_nobody_waits_for_long_where_all_are_taken() -> None:
    turns = Turns(["one", "two"], longest_wait=0.05)
    with ExitStack() as taken:
        for who in ("user:alice", "user:bob"):
            taken.enter_context(turns.turn(who))
        with pytest.raises(TooMany), turns.turn("user:carol"):
            pass
    with turns.turn("user:carol"):
        pass


def test_a_turn_comes_back_however_it_ended() -> None:
    turns = Turns(["one"])
    for _ in range(2):
        with pytest.raises(RuntimeError), turns.turn("user:alice"):
            raise RuntimeError
