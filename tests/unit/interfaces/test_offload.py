"""Bounded threads beside the event loop, and nothing left behind when a caller goes away."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import aclosing

import anyio
import pytest

from muniment.foundation.errors import TooMany
from muniment.interfaces.limits import Share
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


def test_a_part_that_wants_everything_leaves_the_other_part_a_turn_at_once() -> None:
    gate = threading.Event()
    order: list[str] = []

    def work(name: str) -> None:
        order.append(name)
        if name == "greedy":
            gate.wait(10)

    async def main() -> None:
        whole = Offload(slots=4, waiting=1000)
        greedy, modest = whole.part("greedy"), whole.part("modest")
        async with anyio.create_task_group() as group:
            for number in range(40):
                who = Share(f"user:{number}", 100)
                group.start_soon(lambda who=who: greedy.run(lambda: work("greedy"), who))
            await anyio.sleep(0.1)
            assert order == ["greedy"] * 3
            with anyio.fail_after(5):
                await modest.run(lambda: work("modest"), Share("user:0", 100))
            gate.set()

    anyio.run(main)
    assert order[3] == "modest" and len(order) == 41


def test_parts_with_much_to_do_take_turns() -> None:
    order: list[str] = []

    async def main() -> None:
        whole, gate = Offload(slots=1, waiting=1000), threading.Event()
        parts = {name: whole.part(name) for name in ("acme", "globex")}
        async with anyio.create_task_group() as group:
            group.start_soon(whole.run, gate.wait)
            for name, part in parts.items():
                for number in range(5):
                    who = Share(f"user:{number}", 100)
                    group.start_soon(lambda p=part, w=who, n=name: p.run(lambda: order.append(n), w))
            await anyio.sleep(0.05)
            gate.set()

    anyio.run(main)
    assert sorted(order[:2]) == sorted(order[2:4]) == ["acme", "globex"]
