"""Load at a steady rate counts the time for which a request waits for its turn."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from benchmarks import load

SECONDS = 0.03


class Slow(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        time.sleep(SECONDS)
        self.send_response(200 if self.path == "/right" else 500)
        self.send_header("content-length", "0")
        self.send_header("connection", "close")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    """One request at a time, each as long as SECONDS."""
    server = HTTPServer(("127.0.0.1", 0), Slow)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def request(path: str) -> load.Request:
    return load.Request("GET", path, {}, b"", lambda status, _: status == 200)


def test_a_server_that_falls_behind_is_seen_to_fall_behind(port: int) -> None:
    outcome = load.paced(port, lambda _: request("/right"), 2 / SECONDS, 20, 8)
    assert len(outcome.seconds) == 20 and outcome.wrong == 0
    assert max(outcome.seconds) > 20 * SECONDS / 2
    assert outcome.per_second < 1.2 / SECONDS


def test_callers_that_wait_for_their_answers_wait_for_each_other_only(port: int) -> None:
    outcome = load.unpaced(port, lambda _: request("/right"), 12, 2)
    assert statistics.median(outcome.seconds) < 4 * SECONDS


def test_answers_that_are_not_right_are_counted_and_have_no_time(port: int) -> None:
    outcome = load.paced(port, lambda at: request("/right" if at % 2 else "/wrong"), 50, 6, 2)
    assert (len(outcome.seconds), outcome.wrong) == (3, 3)
