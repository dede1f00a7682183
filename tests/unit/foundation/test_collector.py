"""A process that lives on does not look through what it loaded, and still frees what it drops."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from muniment.foundation.collector import settle


class _Ring:
    def __init__(self) -> None:
        self.me = self


@pytest.fixture
def _usual() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.mark.usefixtures("_usual")
def test_what_is_held_is_left_out_and_what_is_made_later_is_freed() -> None:
    dropped = weakref.ref(_Ring())
    settle()
    assert dropped() is None and gc.get_freeze_count() > len(gc.get_objects())
    later = weakref.ref(_Ring())
    gc.collect()
    assert later() is None
