"""Work that repeats goes on whatever fails, and ends with its block."""

from __future__ import annotations

import threading

import pytest

from muniment.foundation.errors import Unavailable
from muniment.foundation.repeating import repeated


@pytest.mark.parametrize("error", [Unavailable("not now"), TypeError("ours")])
def test_what_fails_is_tried_again(error: Exception) -> None:
    calls: list[int] = []
    twice = threading.Event()

    def work() -> None:
        calls.append(1)
        if len(calls) == 2:
            twice.set()
        raise error

    with repeated("trial", 0.001, work):
        assert twice.wait(10)
    assert not [one for one in threading.enumerate() if one.name == "trial"]
