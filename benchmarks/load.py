"""Requests to a server at a steady rate, whether it keeps up or not, or as fast as it answers."""

from __future__ import annotations

import http.client
import json
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_START_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Request:
    """One request, and what a right answer to it has."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    right: Callable[[int, bytes], bool]


@dataclass(slots=True)
class Outcome:
    """What became of the requests."""

    seconds: list[float] = field(default_factory=list)
    """Of each that was answered, from when it was due, so that waiting for its turn counts."""
    wrong: int = 0
    """Answers that were not right, and requests without one."""
    took: float = 0.0
    """From the first that was due to the last answer, in seconds."""

    @property
    def per_second(self) -> float:
        """Right answers in a second."""
        return len(self.seconds) / self.took if self.took else 0.0


def paced(port: int, make: Callable[[int], Request], rate: float, count: int, connections: int) -> Outcome:
    """Send `count` requests, one each 1/`rate` seconds, over so many connections at most."""
    return _sent(port, make, count, connections, lambda at, start: start + at / rate)


def unpaced(port: int, make: Callable[[int], Request], count: int, connections: int) -> Outcome:
    """Send `count` requests, on each connection the next one once the last is answered."""
    return _sent(port, make, count, connections, lambda _at, _start: time.perf_counter())


def _sent(
    port: int,
    make: Callable[[int], Request],
    count: int,
    connections: int,
    due: Callable[[int, float], float],
) -> Outcome:
    outcome = Outcome()
    lock = threading.Lock()
    following = iter(range(count))
    start = time.perf_counter() + 0.1

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while True:
            with lock:
                at = next(following, None)
            if at is None:
                connection.close()
                return
            request, begun = make(at), due(at, start)
            time.sleep(max(0.0, begun - time.perf_counter()))
            try:
                connection.request(request.method, request.path, request.body, dict(request.headers))
                response = connection.getresponse()
                right = request.right(response.status, response.read())
            except (OSError, http.client.HTTPException):
                connection.close()
                right = False
            ended = time.perf_counter()
            with lock:
                outcome.took = max(outcome.took, ended - start)
                if right:
                    outcome.seconds.append(ended - begun)
                else:
                    outcome.wrong += 1

    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcome


def await_server(port: int, process: subprocess.Popen[bytes], log: str) -> None:
    """Return once a server answers; raises RuntimeError with the end of its log where it ends or takes too long."""
    until = time.monotonic() + _START_SECONDS
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"no server: {Path(log).read_text()[-500:]}")
        time.sleep(0.1)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def search(token: str, query: str, k: int) -> Request:
    """Return a search, whose right answer has passages."""
    body = json.dumps({"query": query, "k": k}).encode()
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    return Request("POST", "/v1/search", headers, body, _has_passages)


def _has_passages(status: int, body: bytes) -> bool:
    return status == 200 and body.startswith(b'{"passages":[{')
