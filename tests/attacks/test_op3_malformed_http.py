"""OP3: bytes that are no sound HTTP request are refused or not answered, reach no route, and cost no memory."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from muniment import app
from muniment.interfaces.listening import listening
from muniment.interfaces.peer import LONGEST_HEAD
from muniment.interfaces.server import server_of

HEAD = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n"
POST = b"POST /v1/search HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
AT_ONCE = 1 << 20
"""Bytes that the server may take in before it looks at them."""
IN_THE_KERNEL = 64 << 10
"""Bytes that wait at each end of a connection: however late the server comes to look, no more than that are sent."""
SILENCE = 0.5
"""Seconds after which what was sent is held to get no answer."""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Yield the port of a server that outlives what every test sends it."""
    workspace = app.create(tmp_path_factory.mktemp("op3") / "home", embedder=lambda: None)
    running = server_of(workspace, listening(workspace, "127.0.0.1"), 0)
    thread = threading.Thread(target=running.run)
    thread.start()
    while not running.started:
        time.sleep(0.01)
    door = running.servers[0].sockets[0]
    door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, IN_THE_KERNEL)
    yield door.getsockname()[1]
    running.should_exit = True
    thread.join()
    workspace.close()


def said(port: int, *parts: bytes, patience: float = 30) -> bytes:
    """Send these bytes and return what comes back until the server closes or says nothing for so many seconds."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        for part in parts:
            connection.sendall(part)
        connection.settimeout(patience)
        answer = b""
        try:
            while part := connection.recv(65536):
                answer += part
        except (TimeoutError, ConnectionResetError):
            pass
        return answer


@pytest.mark.parametrize(
    "request_bytes",
    [
        POST + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        POST + b"content-length: -2\r\n\r\n{}",
        POST + b"content-length: 2, 2\r\n\r\n{}",
        POST + b"content-length: +2\r\n\r\n{}",
        POST + b"transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        POST + b"transfer-encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
        POST + b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n",
        POST + b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        HEAD + b"x-folded: a\r\n b\r\n\r\n",
        HEAD + b"x-nul: a\x00b\r\n\r\n",
        HEAD + b"x name: a\r\n\r\n",
        HEAD + b": a\r\n\r\n",
        b"GET /healthz HTTP/1.1\nhost: 127.0.0.1\n\n",
        b"GET /healthz\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n",
        b"NONSENSE /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_no_sound_request_reaches_no_route(port: int, request_bytes: bytes) -> None:
    answer = said(port, request_bytes, patience=SILENCE)
    assert answer == b"" or answer.split(b" ", 2)[1] in (b"400", b"421"), answer
    assert answer.count(b"HTTP/1.1") <= 1
    assert b" 200 " in said(port, HEAD + b"connection: close\r\n\r\n")


@pytest.mark.parametrize(
    ("beginning", "repeated"),
    [(b"GET /", b"a"), (HEAD + b"x: ", b"a"), (HEAD, b"x-more: a\r\n"), (HEAD + b"a", b"a"), (b"", b"\r\n")],
)
def test_a_head_without_an_end_is_cut_off(port: int, beginning: bytes, repeated: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, IN_THE_KERNEL)
        connection.sendall(beginning)
        sent, part = 0, repeated * (8192 // len(repeated))
        with suppress(BrokenPipeError, ConnectionResetError):
            while sent < 16 * AT_ONCE:
                connection.sendall(part)
                sent += len(part)
    assert sent < LONGEST_HEAD + AT_ONCE
    assert b" 200 " in said(port, HEAD + b"connection: close\r\n\r\n")


@pytest.mark.parametrize("more", [b"x: " + b"a" * LONGEST_HEAD, b"x: aaaa\r\n" * (LONGEST_HEAD // 5)])
def test_a_whole_head_that_is_too_long_is_answered_400(port: int, more: bytes) -> None:
    assert said(port, HEAD + more.removesuffix(b"\r\n") + b"\r\n\r\n").split(b" ", 2)[1] == b"400"


def test_a_long_head_and_requests_one_behind_the_other_are_answered(port: int) -> None:
    long = HEAD + b"x: " + b"a" * (LONGEST_HEAD - 1000) + b"\r\n\r\n"
    answers = said(port, long, HEAD + b"\r\n" + HEAD + b"\r\n", long, HEAD + b"connection: close\r\n\r\n")
    assert answers.count(b"HTTP/1.1 200 ") == 5
