"""Every model call is allowed, bounded and recorded, and fails in one clear line."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.simulators import openai_server
from tests.simulators.openai_server import serving

from muniment import settings
from muniment.assistant.values import NOTHING_FOUND
from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import BadInput, Denied, MunimentError, NotSetUp, Unavailable
from muniment.inference.attempts import WAITING
from muniment.inference.breaker import FAILURES, REST_SECONDS

QUESTION = "When does the canteen open?"


def with_model(url: str, **options: object) -> settings.Settings:
    model = {"base_url": url, "model": "m", "timeout_seconds": 1.0, **options}
    return settings.parse({"models": {"remote": model}})


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def ready(make_workspace: Callable[..., Any], folder: Any, clock: FixedClock) -> Callable[..., Any]:
    def make(url: str, name: str = "home", **options: object) -> Any:
        workspace = make_workspace(name, settings=with_model(url, **options), clock=clock)
        workspace.ingest(folder, "acme")
        workspace.gateway._attempts._sleep = lambda _: None
        return workspace

    return make


def calls(workspace: Any) -> list[Any]:
    return workspace.audit.query(kind="model.call", limit=100)


def test_a_model_answers_with_evidence_and_its_use_is_counted(ready: Callable[..., Any]) -> None:
    with serving() as server:
        workspace = ready(server.url)
        answer = workspace.ask(QUESTION, as_="carol", model="remote")
        assert answer.status == "answered"
        assert answer.citations[0].quote == "The canteen opens at eight and closes at three."
        assert answer.usage.prompt_tokens == 120
        assert answer.lineage["model"] == "remote:m"
        sent, ended = calls(workspace)
        assert (sent.about["phase"], ended.about["phase"]) == ("sent", "ended")
        assert ended.about["outcome"] == "complete"
        assert ended.about["prompt_tokens"] == 120
        assert ended.about["prompt"] == answer.lineage["prompt"]


@pytest.mark.parametrize(
    "fault", ["429", "500", "401", "slow", "cut", "malformed", "html", "empty", "redirect"]
)
def test_a_failing_endpoint_is_one_clear_line_that_leaks_nothing(
    ready: Callable[..., Any], fault: str
) -> None:
    with serving(fault=fault, delay=2.0) as server:
        workspace = ready(server.url)
        with pytest.raises(Unavailable) as caught:
            workspace.ask(QUESTION, as_="carol", model="remote")
    line = str(caught.value)
    assert "'remote'" in line and caught.value.fix and "\n" not in line
    for secret in ("secret-detail", "canteen", "Traceback", server.url):
        assert secret not in line
    assert calls(workspace)[-1].about["outcome"] == "unavailable"
    assert workspace.audit.query(kind="answer.refused")[-1].about["reason"] == "unavailable"
    assert workspace.audit.query(kind="answer.finished") == []


def test_a_server_that_is_down_is_named(ready: Callable[..., Any]) -> None:
    workspace = ready("http://127.0.0.1:1/v1")
    with pytest.raises(Unavailable, match="could not be reached"):
        workspace.ask(QUESTION, as_="carol", model="remote")


@pytest.mark.parametrize(
    ("fault", "attempts"), [("429-once", 2), ("429", 3), ("500", 3), ("401", 1), ("cut", 1)]
)
def test_only_what_may_succeed_is_tried_again(ready: Callable[..., Any], fault: str, attempts: int) -> None:
    with serving(fault=fault) as server:
        workspace = ready(server.url)
        try:
            workspace.ask(QUESTION, as_="carol", model="remote")
        except MunimentError:
            assert fault != "429-once"
        assert len(server.bodies) == attempts


@pytest.mark.parametrize("mind", [openai_server.babbling, openai_server.lying, openai_server.silent])
def test_a_reply_without_true_evidence_is_an_abstention(ready: Callable[..., Any], mind: Any) -> None:
    with serving(mind) as server:
        answer = ready(server.url).ask(QUESTION, as_="carol", model="remote")
    assert (answer.status, answer.answer, answer.citations) == ("abstained", NOTHING_FOUND, ())


def test_a_model_is_for_its_groups_only(ready: Callable[..., Any]) -> None:
    with serving() as server:
        workspace = ready(server.url, allowed_groups=["sales"])
        assert workspace.ask(QUESTION, as_="bob", model="remote").status == "answered"
        with pytest.raises(Denied):
            workspace.ask(QUESTION, as_="carol", model="remote")
        assert len(server.bodies) == 1
    assert workspace.audit.query(kind="answer.refused")[-1].about["reason"] == "denied"


def test_an_unknown_model_is_named_with_the_known_ones(ready: Callable[..., Any]) -> None:
    with pytest.raises(BadInput, match="quotes"):
        ready("http://127.0.0.1:1/v1").ask(QUESTION, as_="carol", model="gpt")


def test_the_key_travels_in_the_header_only(
    ready: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REMOTE_KEY", "sk-very-secret")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-the-shell")
    with serving() as server:
        workspace = ready(server.url, api_key="env:REMOTE_KEY")
        answer = workspace.ask(QUESTION, as_="carol", model="remote")
        headers = {name.lower(): value for name, value in server.headers[0].items()}
    assert headers["authorization"] == "Bearer sk-very-secret"
    assert "org-of-the-shell" not in str(headers)
    assert "sk-very" not in repr(workspace.catalog.get("remote")) + str(answer.as_json()) + str(
        calls(workspace)
    )


def test_without_its_key_a_model_is_sent_nothing_and_another_answers_instead(
    ready: Callable[..., Any],
) -> None:
    with serving() as server:
        workspace = ready(server.url, api_key="env:MUNIMENT_ABSENT")
        assert workspace.ask(QUESTION, as_="carol", model="quotes").status == "answered"
        with pytest.raises(NotSetUp, match="MUNIMENT_ABSENT"):
            workspace.ask(QUESTION, as_="carol", model="remote")
        instead = ready(server.url, name="second", api_key="env:MUNIMENT_ABSENT", fallbacks=["quotes"])
        assert instead.ask(QUESTION, as_="carol", model="remote").lineage["model"] == "quotes"
        assert server.bodies == []
    assert [one.about.get("outcome") for one in calls(workspace)][-1] == "not-set-up"


def test_a_call_whose_record_cannot_be_written_is_not_made(
    ready: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as server:
        workspace = ready(server.url)
        append = workspace.audit.append

        def failing(connection: Any, entries: Any) -> Any:
            if entries[0].kind == "model.call":
                raise Unavailable("The audit log cannot be written.")
            return append(connection, entries)

        monkeypatch.setattr(workspace.audit, "append", failing)
        with pytest.raises(Unavailable):
            workspace.ask(QUESTION, as_="carol", model="remote")
        assert server.bodies == [] and workspace.spending.lines(1) == []


def test_an_endpoint_that_keeps_failing_is_left_alone_and_then_tried_again(
    ready: Callable[..., Any], clock: FixedClock
) -> None:
    with serving(fault="500") as server:
        workspace = ready(server.url)
        for _ in range(2):
            with pytest.raises(Unavailable, match="status 500"):
                workspace.ask(QUESTION, as_="carol", model="remote")
        asked = len(server.bodies)
        assert asked == FAILURES
        with pytest.raises(Unavailable, match="left alone") as caught:
            workspace.ask(QUESTION, as_="carol", model="remote")
        assert "s, or ask another model" in caught.value.fix and len(server.bodies) == asked
        assert calls(workspace)[-1].about["outcome"] == "unavailable"
        server.fault = ""
        clock.advance(seconds=REST_SECONDS)
        assert workspace.ask(QUESTION, as_="carol", model="remote").status == "answered"


def test_requests_that_are_refused_do_not_keep_others_from_the_endpoint(ready: Callable[..., Any]) -> None:
    with serving(fault="401") as server:
        workspace = ready(server.url)
        for _ in range(FAILURES + 1):
            with pytest.raises(Unavailable, match="refused"):
                workspace.ask(QUESTION, as_="carol", model="remote")
        server.fault = ""
        assert workspace.ask(QUESTION, as_="carol", model="remote").status == "answered"


def test_no_more_requests_than_it_may_have_are_at_an_endpoint_at_one_time(ready: Callable[..., Any]) -> None:
    at_once: list[int] = []
    inside = threading.Semaphore(0)

    def counting(prompt: str) -> str:
        inside.release()
        at_once.append(inside._value)
        time.sleep(0.1)
        inside.acquire()
        return openai_server.answering(prompt)

    with serving(counting) as server, ThreadPoolExecutor(4) as pool:
        workspace = ready(server.url, max_concurrent=2, timeout_seconds=5.0)
        asked = [pool.submit(workspace.ask, QUESTION, as_="carol", model="remote") for _ in range(4)]
        assert [one.result().status for one in asked] == ["answered"] * 4
    assert max(at_once) <= 2 and len(at_once) == 4


def test_who_finds_no_place_is_told_so(ready: Callable[..., Any]) -> None:
    with serving(fault="slow", delay=1.0) as server, ThreadPoolExecutor(1) as pool:
        workspace = ready(server.url, max_concurrent=1, timeout_seconds=0.5)
        first = pool.submit(workspace.ask, QUESTION, as_="carol", model="remote")
        while not server.bodies:
            time.sleep(0.01)
        places = workspace.gateway._attempts._places["remote"]
        assert not places.acquire(blocking=False)
        with pytest.raises(Unavailable):
            first.result()
        places.acquire()
        with pytest.raises(Unavailable, match="as many requests"):
            workspace.ask(QUESTION, as_="carol", model="remote")


def test_few_wait_for_a_place_so_that_threads_are_left_for_those_who_have_one(
    ready: Callable[..., Any],
) -> None:
    with serving() as server, ThreadPoolExecutor(WAITING) as pool:
        workspace = ready(server.url, max_concurrent=1, timeout_seconds=20.0)
        assert workspace.ask(QUESTION, as_="carol", model="remote").status == "answered"
        attempts = workspace.gateway._attempts
        attempts._places["remote"].acquire()
        waiting = [pool.submit(workspace.ask, QUESTION, as_="carol", model="remote") for _ in range(WAITING)]
        while attempts._waiting._value:
            time.sleep(0.01)
        with pytest.raises(Unavailable, match="as many requests"):
            workspace.ask(QUESTION, as_="carol", model="remote")
        attempts._places["remote"].release()
        assert [one.result().status for one in waiting] == ["answered"] * WAITING


def test_lineage_names_the_very_weights_of_a_model_on_this_machine(
    make_workspace: Callable[..., Any],
) -> None:
    models = {
        "small": {"kind": "local", "model": "qwen2.5-coder-0.5b"},
        "far": {"base_url": "http://127.0.0.1:1/v1", "model": "m"},
    }
    workspace = make_workspace(settings=settings.parse({"models": models}))
    small, far = (workspace.gateway.parts(workspace.catalog.get(name)) for name in ("small", "far"))
    assert small["weights"] == "sha256:1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32"
    assert far == {"language_model": "m"}
