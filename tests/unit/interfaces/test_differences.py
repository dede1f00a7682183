"""Two texts beside each other, however many of their lines are alike."""

from __future__ import annotations

import time

from muniment.interfaces.web.administration.differences import differences


def test_texts_of_like_lines_are_compared_in_time() -> None:
    began = time.perf_counter()
    found = differences("a\n" * 8_000, "a\n" * 8_000 + "b\n")
    assert time.perf_counter() - began < 2
    assert [one.text for one in found if one.kind == "after"][-1] == "b"
