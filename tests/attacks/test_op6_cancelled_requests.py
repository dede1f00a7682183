"""OP6: however requests are cancelled, no byte of one principal's answer reaches another.

Many connections at one time carry requests of several principals, one after the other and pipelined, as a proxy's do.
Each ends where a seed says: within the request, before the answer, within it, or after it. Everybody asks for the
same thing, and each may read another secret.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from tests.simulators.served import served
from tests.simulators.web_client import bearer

from muniment.app import Workspace
from muniment.assistant.lineage import answer
from muniment.settings import parse

PEOPLE = [f"person{n}" for n in range(6)]
CANCELLED, PROVE_CANCELLED = 100, 10_000
AT_ONCE = 8
QUESTION = "What is the code of the harbour vault?"
CHAT = {"messages": [{"role": "user", "content": QUESTION}]}
TOOL = {"name": "answer", "arguments": {"question": QUESTION}}
MESSAGE = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": TOOL}
REQUESTS: list[tuple[str, object, str]] = [
    ("/v1/search", {"query": QUESTION}, "application/json"),
    ("/v1/answers", {"question": QUESTION}, "application/json"),
    ("/v1/answers", {"question": QUESTION}, "text/event-stream"),
    ("/v1/chat/completions", CHAT, "application/json"),
    ("/v1/chat/completions", {**CHAT, "stream": True}, "application/json"),
    ("/mcp", MESSAGE, "application/json, text/event-stream"),
    ("/mcp", MESSAGE, "text/event-stream, application/json"),
]
"""Path, body, and what is accepted."""


def secret(name: str) -> str:
    return f"walnut-{name}-{name[::-1]}"


@dataclass
class Harbour:
    """A served workspace, and what came of the requests to it."""

    workspace: Workspace
    url: str
    tokens: dict[str, str]
    ends: Counter[str] = field(default_factory=Counter)

    def request(self, name: str, at: int) -> bytes:
        path, body, accepted = REQUESTS[at]
        sent = json.dumps(body).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nhost: {urlsplit(self.url).netloc}\r\nauthorization: {self.tokens[name]}\r\n"
            f"accept: {accepted}\r\ncontent-type: application/json\r\ncontent-length: {len(sent)}\r\n\r\n"
        )
        return head.encode() + sent


@pytest.fixture
def harbour(make_workspace: Callable[..., Workspace], tmp_path: Path) -> Iterator[Harbour]:
    for name in PEOPLE:
        (tmp_path / "papers" / name).mkdir(parents=True)
        (tmp_path / "papers" / name / "access.toml").write_text(f'allow = ["user:{name}"]\n')
        text = f"The code of the harbour vault is {secret(name)}.\n"
        (tmp_path / "papers" / name / "vault.txt").write_text(text)
    # As many at one time as by default, so that places which are not given back are missed soon.
    chosen = parse({"limits": {"user_per_minute": 10**9, "tenant_per_minute": 10**9}})
    workspace = make_workspace(directory="".join(f"[users.{name}]\n" for name in PEOPLE), settings=chosen)
    workspace.ingest(tmp_path / "papers", "papers")
    tokens = {name: bearer(workspace, name)["authorization"] for name in PEOPLE}
    with served(workspace) as url:
        yield Harbour(workspace, url, tokens)


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return the status and the body of the next answer on a connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines[1:] if line)
    if "content-length" in fields:
        return int(lines[0].split()[1]), await reader.readexactly(int(fields["content-length"]))
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return int(lines[0].split()[1]), body


def check(name: str, body: bytes, whole: bool) -> None:
    """An answer holds its reader's secret, once it is whole, and nobody else's ever."""
    assert not [other for other in PEOPLE if other != name and secret(other).encode() in body]
    assert not whole or secret(name).encode() in body


async def connection(harbour: Harbour, chance: random.Random) -> None:
    """Send a few requests of several principals over one connection, and cancel the last one."""
    place = urlsplit(harbour.url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    asked = [(chance.choice(PEOPLE), chance.randrange(len(REQUESTS))) for _ in range(chance.randint(1, 3))]
    end = chance.choice(["within the request", "before the answer", "within the answer", "after the answer"])
    harbour.ends[end] += 1
    raw = [harbour.request(name, at) for name, at in asked]
    if end == "within the request":
        raw[-1] = raw[-1][: chance.randrange(len(raw[-1]))]
    if chance.random() < 0.5:
        writer.write(b"".join(raw))  # pipelined
        raw = [b""] * len(raw)
    answered = len(asked) - (end != "after the answer")
    for (name, _), sent in list(zip(asked, raw, strict=True))[:answered]:
        writer.write(sent)
        status, body = await read_answer(reader)
        assert status == 200
        check(name, body, whole=True)
    if end != "after the answer":
        writer.write(raw[-1])
        await writer.drain()
        await asyncio.sleep(chance.choice([0, 0, 0.001, 0.004, 0.01]))
        if end == "within the answer":
            part = await reader.read(chance.choice([1, 40, 400, 1_000, 4_000]))
            check(asked[-1][0], part, whole=False)
    if chance.random() < 0.5:
        # Resets the connection instead of closing it.
        raw_socket = writer.get_extra_info("socket")
        raw_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def storm(harbour: Harbour, count: int, seed: int) -> None:
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(n: int) -> None:
        async with turns:
            await asyncio.wait_for(connection(harbour, random.Random(f"{seed} {n}")), 60)

    await asyncio.gather(*(one(n) for n in range(count)))
    # Whoever asks afterwards is answered in the same way, at once: nothing was left in anybody's hand.
    place = urlsplit(harbour.url)
    for name in PEOPLE:
        for at in range(len(REQUESTS)):
            reader, writer = await asyncio.open_connection(place.hostname, place.port)
            writer.write(harbour.request(name, at))
            status, body = await asyncio.wait_for(read_answer(reader), 20)
            assert status == 200
            check(name, body, whole=True)
            writer.close()


def cancelled(harbour: Harbour, count: int) -> None:
    asyncio.run(storm(harbour, count * 4 // 3 + 1, seed=6))
    assert sum(n for end, n in harbour.ends.items() if end != "after the answer") >= count * 9 // 10
    stored = harbour.workspace.lineage
    for name in PEOPLE:
        principal = harbour.workspace.principal(name)
        with harbour.workspace.database.read() as connection:
            query = sa.select(answer.c.id).where(answer.c.principal == principal.ref)
            ids = list(connection.execute(query).scalars())
        for one in ids:
            check(name, stored.explain(principal, one).text().encode(), whole=False)


def test_no_byte_crosses_principals_however_requests_are_cancelled(harbour: Harbour) -> None:
    cancelled(harbour, CANCELLED)


@pytest.mark.prove
def test_no_byte_crosses_principals_in_ten_thousand_cancelled_requests(harbour: Harbour) -> None:
    cancelled(harbour, PROVE_CANCELLED)
