"""`muniment serve` says where it is, signs a person in by a one-time link, and stops when told to."""

from __future__ import annotations

import signal
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from tests.journeys.command import Command


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path / "home").with_people()


def fetched(url: str) -> tuple[int, str]:
    for _ in range(200):
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.URLError as error:
            if isinstance(error, urllib.error.HTTPError):
                return error.code, ""
            time.sleep(0.1)
    raise AssertionError(f"{url} did not answer")


def test_it_serves_signs_in_and_stops(command: Command) -> None:
    process = command.start("serve", "--port", "0", "--link", "alice", PYTHONUNBUFFERED="1")
    assert process.stdout is not None
    address = process.stdout.readline().split()[2]
    name, link = process.stdout.readline().split()
    try:
        assert name == "alice" and link.startswith(address + "/signin")
        assert fetched(address + "/healthz")[0] == 200
        status, page = fetched(link)
        assert status == 200 and "<form" in page
    finally:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in err and "Stopped serving" in err


def test_a_taken_port_is_named(command: Command) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = command("serve", "--port", port)
    assert ran.code == 1 and f"127.0.0.1:{port}" in ran.line and "--port" in ran.line


def test_no_link_for_someone_unknown(command: Command) -> None:
    ran = command("serve", "--port", "0", "--link", "zed")
    assert ran.code == 2 and "zed" in ran.line
