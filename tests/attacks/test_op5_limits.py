"""OP5: limits on rate, concurrency, body and depth, by user, service and tenant; a flood starves nobody else."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Generator
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient
from tests.simulators.web_client import ORIGIN, Browser, api_key, bearer, client

from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import TooMany
from muniment.foundation.rate import Buckets
from muniment.governance.identity import api_key_format
from muniment.interfaces.boundary import depth
from muniment.interfaces.limits import Share
from muniment.interfaces.offload import Offload
from muniment.settings import parse

Make = Callable[..., Workspace]


@pytest.fixture
def limited(make_workspace: Make, clock: FixedClock) -> Callable[..., tuple[Workspace, TestClient]]:
    """Return a function that makes a workspace with limits, and a caller of its server."""

    def make(**limits: int) -> tuple[Workspace, TestClient]:
        workspace = make_workspace(clock=clock, settings=parse({"limits": limits}))
        return workspace, client(workspace)

    return make


def reached(workspace: Workspace) -> list[tuple[str, Any, Any]]:
    workspace.repeats.close()
    found = workspace.audit.query(kind="limit.reached")
    return [(entry.actor, entry.about["limit"], entry.about.get("further")) for entry in found]


def test_a_user_who_asks_too_often_is_told_which_limit_and_for_how_long(
    limited: Any, clock: FixedClock
) -> None:
    workspace, http = limited(user_per_minute=6)
    alice, bob = bearer(workspace, "alice"), bearer(workspace, "bob")
    for _ in range(6):
        assert http.get("/v1/models", headers=alice).status_code == 200
    for _ in range(50):
        got = http.get("/v1/models", headers=alice)
    assert (got.status_code, got.headers["retry-after"]) == (429, "10")
    assert got.headers["content-type"] == "application/problem+json"
    assert got.json() == {
        "type": "about:blank",
        "status": 429,
        "title": "More than 6 requests in a minute.",
        "code": "limit-user-requests",
        "detail": "Try again in 10 seconds.",
    }
    assert http.get("/v1/models", headers=bob).status_code == 200
    clock.advance(seconds=10)
    assert http.get("/v1/models", headers=bearer(workspace, "alice")).status_code == 200
    assert reached(workspace) == [
        ("user:alice", "user-requests", None),
        ("user:alice", "user-requests", 49),
    ]


def test_a_user_has_one_limit_whatever_door_they_come_by(limited: Any) -> None:
    workspace, _ = limited(user_per_minute=4)
    browser = Browser(workspace).sign_in("alice")
    codes = [browser.http.get("/").status_code for _ in range(6)]
    assert codes == [200] * 4 + [429] * 2
    assert "retry-after" in browser.http.get("/").headers


def test_services_and_all_together_have_limits_of_their_own(limited: Any) -> None:
    workspace, http = limited(user_per_minute=2, service_per_minute=4, tenant_per_minute=7)
    key = {"authorization": f"Bearer {api_key(workspace, 'models')}"}
    codes = [http.get("/v1/models", headers=key).json().get("code") for _ in range(5)]
    assert codes == [None] * 4 + ["limit-service-requests"]
    for name, expected in (("alice", [None, None]), ("bob", [None, "limit-tenant-requests"])):
        headers = bearer(workspace, name)
        assert [http.get("/v1/models", headers=headers).json().get("code") for _ in range(2)] == expected


def test_wrong_credentials_are_limited_by_address_and_cannot_flood_the_log(limited: Any) -> None:
    workspace, http = limited(failures_per_minute=20)
    right = api_key(workspace, "models")
    wrong = api_key_format.written(str(api_key_format.id_in(right)), bytes(32))
    headers = {"authorization": f"Bearer {wrong}"}
    codes = [http.get("/v1/models", headers=headers).status_code for _ in range(100)]
    assert codes == [401] * 20 + [429] * 80
    elsewhere = TestClient(http.app, base_url=ORIGIN, client=("203.0.113.9", 1))
    headers = {"authorization": f"Bearer {right}"}
    assert elsewhere.get("/v1/models", headers=headers).status_code == 200
    assert reached(workspace) == [
        ("anonymous", "address-failures", None),
        ("anonymous", "address-failures", 79),
    ]
    refused = [dict(entry.about) for entry in workspace.audit.query(kind="api_key.refused")]
    assert [(one["reason"], one.get("further")) for one in refused] == [("secret", None), ("secret", 19)]
    assert "203.0.113" not in json.dumps(refused) and "testclient" not in json.dumps(refused)


def test_a_body_may_be_as_large_and_deep_as_the_settings_say(limited: Any) -> None:
    workspace, http = limited(body_kb=2, json_depth=5)
    headers = {**bearer(workspace, "alice"), "content-type": "application/json"}

    def sent(body: bytes) -> tuple[int, str]:
        got = http.post("/v1/search", content=body, headers=headers)
        return got.status_code, got.json().get("code", "")

    assert sent(b'{"query": "x"}') == (200, "")
    assert sent(b'{"query": "' + b"[{" * 200 + b'"}') == (200, "")
    assert sent(b'{"query": "x' + b"x" * 2048 + b'"}') == (413, "too-large")
    assert sent(b'{"query": ' + b"[" * 5 + b"]" * 5 + b"}") == (422, "limit-depth")
    assert sent(b'{"a\\\\": ' + b"[" * 900 + b"]" * 900 + b"}") == (422, "limit-depth")
    assert sent(b'{"query": "' + b"\\" * 1900) != (200, "")


_JSON = st.recursive(
    st.none() | st.integers() | st.text(alphabet='[]{}"\\a', max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text('[{"\\', max_size=4), inner, max_size=3)
    ),
    max_leaves=20,
)


def _nested(value: object) -> int:
    if isinstance(value, list):
        return 1 + max(map(_nested, value), default=0)
    return 1 + max(map(_nested, value.values()), default=0) if isinstance(value, dict) else 0


@settings(max_examples=30)
@given(_JSON)
def test_depth_is_what_a_parser_finds(value: object) -> None:
    assert depth(json.dumps(value).encode()) == _nested(value)


def test_a_flood_by_one_does_not_starve_another() -> None:
    order = list[str]()

    async def main() -> None:
        offload, gate, served = Offload(slots=2, waiting=40), threading.Event(), threading.Event()

        def work(who: str, number: int) -> None:
            gate.wait()
            if who == "flood" and number > 4:
                # The flood waits for the others, who come in time only if they have their turns.
                served.wait(5)
                served.set()
            order.append(f"{who}{number}")
            if {"bob0", "bob1", "bob2"} <= set(order):
                served.set()

        async def ask(who: str, number: int) -> None:
            await offload.run(lambda: work(who, number), Share(who, 100))

        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(ask, "flood", number)
            await anyio.sleep(0.05)
            with anyio.move_on_after(5):
                await offload.run(lambda: order.append("free slot"), Share("free slot", 100))
            for number in range(3):
                group.start_soon(ask, "bob", number)
            await anyio.sleep(0.05)
            gate.set()

    anyio.run(main)
    assert order.pop(0) == "free slot", "one caller had every slot"
    assert sorted(one for one in order if one.startswith("bob")) == ["bob0", "bob1", "bob2"]
    assert max(order.index(f"bob{number}") for number in range(3)) < 10
    assert len(order) == 23


def test_who_waits_with_most_makes_room_for_who_waits_with_least() -> None:
    refused, done = list[str](), list[str]()

    async def main() -> None:
        offload, gate = Offload(slots=1, waiting=4), threading.Event()

        async def ask(who: str) -> None:
            try:
                await offload.run(gate.wait, Share(who, 100))
            except TooMany:
                refused.append(who)
            else:
                done.append(who)

        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(ask, "flood")
            await anyio.sleep(0.05)
            group.start_soon(ask, "bob")
            await anyio.sleep(0.05)
            gate.set()

    anyio.run(main)
    assert refused == ["flood"] * 4 and sorted(done) == ["bob"] + ["flood"] * 4


def test_one_principal_has_only_so_much_in_hand_streams_included() -> None:
    def endless() -> Generator[int]:
        while True:
            time.sleep(0.001)
            yield 1

    async def main() -> None:
        offload = Offload()
        alice = Share("user:alice", 2, "user")
        first, second = offload.stream(endless(), alice), offload.stream(endless(), alice)
        await anext(first)
        await anext(second)
        with pytest.raises(TooMany) as refused:
            await offload.run(lambda: None, alice)
        assert refused.value.code == "limit-user-concurrent"
        await offload.run(lambda: None, Share("user:bob", 2, "user"))
        await first.aclose()
        await offload.run(lambda: None, alice)
        await second.aclose()

    anyio.run(main)


def test_whoever_goes_away_leaves_nothing_behind() -> None:
    async def main() -> None:
        offload, gate = Offload(slots=1, waiting=8), threading.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(offload.run, gate.wait, Share("a", 9))
            await anyio.sleep(0.02)
            for _ in range(5):
                with anyio.move_on_after(0.02):
                    await offload.run(lambda: None, Share("b", 1))
            gate.set()
        assert await offload.run(lambda: 7, Share("b", 1)) == 7
        assert not (offload._in_all._held or offload._running or offload._queues) and offload._free == 1

    anyio.run(main)


@settings(max_examples=30)
@given(st.lists(st.floats(0, 90), max_size=60), st.integers(1, 30))
def test_no_minute_has_more_than_twice_its_tokens(waits: list[float], per_minute: int) -> None:
    clock = FixedClock()
    buckets, taken = Buckets(clock), list[float]()
    for seconds in waits:
        clock.advance(seconds=seconds / 10)
        if not buckets.take("a", per_minute):
            taken.append(clock.seconds())
    for at in taken:
        assert sum(at <= one < at + 60 for one in taken) <= 2 * per_minute + 1


def test_many_callers_are_forgotten_rather_than_kept_for_ever() -> None:
    buckets = Buckets(FixedClock(), most=100)
    for number in range(1000):
        assert buckets.take(str(number), 1) == 0
    assert len(buckets._held) == 100
