"""The process of a local model, against a working stand-in: what it says streams; whatever it does, it is bounded."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from muniment.foundation.errors import MunimentError, NotSetUp, Unavailable
from muniment.inference import prompts
from muniment.inference.catalog import Endpoint
from muniment.inference.messages import NumberedPassage, Request, TextDelta, Usage
from muniment.inference.providers.local import LocalModel
from muniment.inference.providers.local_process import Limits, LocalProcess
from muniment.inference.providers.provider import Budget, Busy

STAND_IN = str(Path(__file__).resolve().parents[2] / "simulators" / "language_child.py")
BUDGET = Budget(200, 10.0)
SENTENCE = "The canteen opens at eight in the morning, and it closes at three in the afternoon."


@contextmanager
def running(fault: str = "", **limits: float) -> Iterator[tuple[LocalModel, LocalProcess]]:
    process = LocalProcess([sys.executable, "-S", STAND_IN, fault], Limits(**limits))  # type: ignore[arg-type]
    try:
        yield LocalModel(Endpoint("mine", "local", model="qwen2.5-coder-0.5b"), process), process
    finally:
        process.close()


def request(schema: dict[str, object] | None = None, text: str = SENTENCE) -> Request:
    made = prompts.request(
        prompts.load("answer"),
        "When does the canteen open?",
        (NumberedPassage(1, "Canteen", "", text),),
        "fence_0123456789abcdef",
    )
    return replace(made, schema=schema)


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_text_streams_and_what_was_used_comes_last() -> None:
    with running() as (model, process):
        chunks = list(model.complete(request(), BUDGET))
        first = process.pid
        list(model.complete(request(), BUDGET))
        assert process.pid == first
    assert len(chunks) > 3 and all(isinstance(chunk, TextDelta) for chunk in chunks[:-1])
    assert "eight" in "".join(chunk.text for chunk in chunks if isinstance(chunk, TextDelta))
    assert chunks[-1] == Usage(120, len(chunks) - 1)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("crash", "broke off"),
        ("garbage", "not a reply"),
        ("not-an-object", "not a reply"),
        ("other-id", "not a reply"),
        ("endless", "not a reply"),
        ("long-line", "not a reply"),
    ],
)
def test_a_process_that_fails_in_the_middle_fails_that_request_and_is_replaced(fault: str, said: str) -> None:
    with running(fault) as (model, process):
        replies = model.complete(request(), BUDGET)
        assert isinstance(next(replies), TextDelta)
        pid = process.pid
        with pytest.raises(Unavailable, match=said) as failure:
            list(replies)
        assert pid is not None and not lives(pid) and not isinstance(failure.value, Busy)
        with pytest.raises(Unavailable, match=said):
            list(model.complete(request(), BUDGET))


def test_a_crash_before_the_first_word_may_be_tried_again() -> None:
    with running("crash-at-once") as (model, _), pytest.raises(Busy, match="broke off"):
        list(model.complete(request(), BUDGET))


def test_silence_ends_with_the_time_that_was_given_and_with_the_process() -> None:
    with running("silent") as (model, process):
        replies = model.complete(request(), Budget(200, 0.5))
        next(replies)
        pid = process.pid
        assert pid is not None
        started = time.monotonic()
        with pytest.raises(Unavailable, match="did not answer within"):
            list(replies)
        assert time.monotonic() - started < 2 and not lives(pid)


def test_closing_stops_the_model_and_keeps_its_process() -> None:
    with running("patient") as (model, process):
        replies = model.complete(request(), BUDGET)
        next(replies)
        pid = process.pid
        replies.close()
        assert isinstance(list(model.complete(request(text="It opens at eight."), BUDGET))[-1], Usage)
        assert process.pid == pid


def test_a_process_that_does_not_stop_is_killed() -> None:
    with running("deaf", stop_seconds=0.3) as (model, process):
        replies = model.complete(request(), BUDGET)
        next(replies)
        pid = process.pid
        assert pid is not None
        started = time.monotonic()
        replies.close()
        assert time.monotonic() - started < 1.5 and not lives(pid)


def test_requests_take_turns_and_one_too_many_is_turned_away() -> None:
    with running("patient", waiting=1) as (model, _):
        first = model.complete(request(), BUDGET)
        next(first)
        done: list[object] = []
        waiting = threading.Thread(target=lambda: done.extend(model.complete(request(), BUDGET)))
        waiting.start()
        time.sleep(0.1)
        with pytest.raises(Busy, match="'mine' is busy") as busy:
            list(model.complete(request(), BUDGET))
        assert busy.value.retry_after > 0
        first.close()
        waiting.join(10)
        assert isinstance(done[-1], Usage)


def test_a_model_that_cannot_be_loaded_says_so_without_naming_a_place() -> None:
    with running("unloadable") as (model, _), pytest.raises(Unavailable) as failure:
        list(model.complete(request(), BUDGET))
    assert "secret" not in str(failure.value) and "secret" in failure.value.detail


def test_without_isolation_nothing_is_asked() -> None:
    with running("unconfined") as (model, _), pytest.raises(NotSetUp, match="isolation"):
        list(model.complete(request(), BUDGET))


def test_the_start_of_a_process_is_bounded_too() -> None:
    with running("slow-start", start_seconds=0.2) as (model, process), pytest.raises(MunimentError):
        list(model.complete(request(), BUDGET))
    assert process.pid is None


def test_a_question_that_is_too_long_is_refused_with_its_tokens() -> None:
    with running("too-long") as (model, _), pytest.raises(Unavailable, match=r"4096 tokens.*has 9000"):
        list(model.complete(request(), BUDGET))


def test_a_form_that_no_grammar_expresses_is_refused() -> None:
    with running() as (model, process):
        with pytest.raises(Unavailable, match="nothing keeps to it"):
            list(model.complete(request({"type": "integer", "minimum": 2, "maximum": 1}), BUDGET))
        assert process.pid is None
    with running("no-schema") as (model, _), pytest.raises(Unavailable, match="this form"):
        list(model.complete(request({"type": "string"}), BUDGET))


def test_the_process_ends_with_its_parent(tmp_path: Path) -> None:
    program = (
        "import sys, time; from muniment.inference.providers.local_process import LocalProcess\n"
        f"process = LocalProcess([sys.executable, '-S', {STAND_IN!r}, 'patient'])\n"
        f"replies = process.ask({ {'user': prompts.user_text(request())}!r}, 100, 60)\n"
        "next(replies); print(process.pid, flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 5
    while lives(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not lives(pid)
