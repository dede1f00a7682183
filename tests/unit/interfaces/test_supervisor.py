"""Workers that do not start, do not stay, or cannot serve any more, and what becomes of the server."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from muniment.foundation.errors import MunimentError
from muniment.interfaces import supervisor
from muniment.interfaces.supervisor import Supervisor, listener
from muniment.interfaces.worker import Orders

WORKER = """
import json, os, socket, sys, time
from pathlib import Path
line = socket.socket(fileno=int(sys.argv[1]))
orders = json.loads(line.makefile().readline())
number, home = orders["number"], Path(orders["home"])
def say(**what): line.sendall(json.dumps(what).encode() + b"\\n")
def serve(): say(serving=True); line.recv(1); sys.exit(0)
def refuse(status, code, exit_code):
    say(public="It does not fit.", fix="Mend it.", code=code, exit_code=exit_code, status=status)
    sys.exit(exit_code)
(home / f"started-{number}-{time.monotonic_ns()}").touch()
"""
Serve = Callable[..., Supervisor]


@pytest.fixture
def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Return what makes a supervisor of two workers that do as they are told."""
    monkeypatch.setattr(supervisor, "FIRST_PAUSE", 0.02)

    def made(does: str) -> Supervisor:
        orders = Orders(str(tmp_path), None, "127.0.0.1", 0, False, {}, 2)
        words = [sys.executable, "-S", "-c", WORKER + does]
        return Supervisor(listener("127.0.0.1", 0), orders, lambda descriptor: [*words, str(descriptor)])

    return made


def started(place: Path, number: int) -> int:
    return len(list(place.glob(f"started-{number}-*")))


def interrupted(when: Callable[[], bool]) -> threading.Thread:
    """Press Ctrl-C once something is true."""

    def press() -> None:
        until = time.monotonic() + 10
        while not when() and time.monotonic() < until:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    return thread


@pytest.mark.parametrize(("status", "code", "exit_code"), [(422, "bad-input", 2), (503, "key-refused", 4)])
def test_why_no_worker_can_start_is_raised_as_it_was_said(
    workers: Serve, tmp_path: Path, status: int, code: str, exit_code: int
) -> None:
    does = f"refuse({status}, '{code}', {exit_code}) if number == 2 else time.sleep(0.3) or serve()"
    with pytest.raises(MunimentError, match=r"It does not fit\. Mend it\.") as raised:
        workers(does).run()
    assert (raised.value.code, raised.value.exit_code) == (code, exit_code)
    assert started(tmp_path, 2) == 1


def test_a_worker_that_does_not_stay_is_started_again_after_longer_and_longer(
    workers: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    presses = interrupted(lambda: started(tmp_path, 2) >= 5)
    with caplog.at_level(logging.WARNING, "muniment.workers"):
        workers("say(serving=True) or os.kill(os.getpid(), 9) if number == 2 else serve()").run()
    presses.join()
    said = [record.getMessage() for record in caplog.records]
    assert said[:3] == [
        f"worker 2 was ended by signal 9; it is started again in {pause} s" for pause in (0.02, 0.04, 0.08)
    ]
    assert started(tmp_path, 1) == 1


def test_one_that_cannot_serve_for_now_is_tried_again_while_the_other_serves(
    workers: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    does = """
times = len(list(home.glob("started-2-*")))
if number == 1 or times == 3: serve()
while not list(home.glob("started-1-*")): time.sleep(0.01)
if times == 1: say(serving=True); sys.exit(0)
refuse(422, "unfit-certificate", 2)
"""
    presses = interrupted(lambda: started(tmp_path, 2) >= 3)
    workers(does).run()
    presses.join()
    assert "worker 2 cannot serve: It does not fit. Mend it.; it is started again in" in caplog.text
    assert started(tmp_path, 1) == 1


def test_what_only_a_hand_can_mend_ends_all_once_none_serves(workers: Serve, tmp_path: Path) -> None:
    does = """
if len(list(home.glob(f"started-{number}-*"))) == 1: say(serving=True); time.sleep(0.2); sys.exit(0)
refuse(422, "unfit-certificate", 2)
"""
    with pytest.raises(MunimentError, match="It does not fit"):
        workers(does).run()


def test_a_worker_that_does_not_end_is_killed_at_a_second_ctrl_c(workers: Serve, tmp_path: Path) -> None:
    both = interrupted(lambda: started(tmp_path, 1) + started(tmp_path, 2) == 2)
    again = threading.Timer(0.8, lambda: os.kill(os.getpid(), signal.SIGINT))
    again.start()
    began = time.monotonic()
    workers("time.sleep(60)").run()
    both.join()
    again.join()
    assert time.monotonic() - began < 5
