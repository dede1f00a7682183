"""Bounded threads beside the event loop, and nothing left behind when a caller goes away."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import aclosing

import anyio
import pytest

from muniment.foundation.errors import TooMany
from muniment.interfaces.offload import Offload


def test_one_more_than_may_wait_is_refused_at_once() -> None:
    async def main() -> None:
        offload, gate = Offload(slots=1, waiting=1), threading.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(offload.run, gate.wait)
            group.start_soon(offload.run, gate.wait)
            await anyio.sleep(0.05)
            with pytest.raises(TooMany):
                await offload.run(lambda: None)
            gate.set()

    anyio.run(main)


def test_a_stream_is_closed_when_its_reader_stops_or_is_cancelled() -> None:
    closed: list[str] = []

    def numbers(name: str) -> Generator[int]:
        try:
            yield 1
            while True:
                time.sleep(0.01)
                yield 2
        finally:
            closed.append(name)

    async def main() -> None:
        offload = Offload(streams=1)
        async with aclosing(offload.stream(numbers("stopped"))) as items:
            async for _ in items:
                break
        with anyio.move_on_after(0.1):
            async with aclosing(offload.stream(numbers("cancelled"))) as items:
                async for _ in items:
                    pass
        async with aclosing(offload.stream(numbers("again"))) as items:
            await anext(items)

    anyio.run(main)
    assert closed == ["stopped", "cancelled", "again"]


def test_streams_beyond_the_limit_are_refused_and_never_begin() -> None:
    begun: list[int] = []

    def numbers() -> Generator[int]:
        begun.append(1)
        yield 1
        yield 2

    async def main() -> None:
        offload = Offload(streams=1)
        async with aclosing(offload.stream(numbers())) as first:
            await anext(first)
            with pytest.raises(TooMany):
                await anext(offload.stream(numbers()))

    anyio.run(main)
    assert begun == [1]
