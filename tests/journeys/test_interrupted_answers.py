"""An answer that is interrupted, in a real browser: it goes on or ends clearly, and nothing forbidden stays."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from tests.conftest import DIRECTORY
from tests.simulators.browser import DESK, PHONE, faults, sign_in
from tests.simulators.cable import laid_to
from tests.simulators.held_model import Breath, holding
from tests.simulators.web_client import link

from muniment import app
from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR
from muniment.interfaces.listening import listening
from muniment.interfaces.server import server_of
from muniment.settings import parse

QUESTION = "When does the canteen open, and how much is the on-call engineer paid?"
FIRST, SECOND = "canteen opens at eight", "300 crowns"
DOCUMENTS = {
    "all/access.toml": 'allow = ["group:everyone"]\n',
    "all/canteen.txt": "The canteen opens at eight and closes at three.\n",
    "engineering/access.toml": 'allow = ["group:engineering"]\n',
    "engineering/oncall.md": "# On call\n\nThe on-call engineer is paid 300 crowns for each weekend.\n",
}


@dataclass
class Town:
    """A workspace that is served, and can be served anew at the same address."""

    workspace: Workspace
    breath: Breath
    port: int = 0
    running: list[tuple[Any, threading.Thread]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        server = server_of(self.workspace, listening(self.workspace, "127.0.0.1"), self.port)
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        self.port = server.servers[0].sockets[0].getsockname()[1]
        self.running.append((server, thread))

    def stop(self) -> None:
        server, thread = self.running.pop()
        server.force_exit = server.should_exit = True
        while any(one.is_serving() for one in server.servers):
            time.sleep(0.01)
        time.sleep(0.3)
        # What runs is cancelled by now.
        self.breath.go_on.set()
        thread.join()

    @contextmanager
    def full(self) -> Iterator[None]:
        """Have the server take no more streams meanwhile."""
        offload = self.running[-1][0].config.app.state.offload
        before, offload._streams = offload._streams, 0
        try:
            yield
        finally:
            offload._streams = before

    @contextmanager
    def withdrawn(self, target: str) -> Iterator[None]:
        """Let nobody read a document or folder meanwhile."""
        self.workspace.access.set(f"docs/{target}", [], ["group:everyone"], OPERATOR)
        try:
            yield
        finally:
            self.workspace.access.clear(f"docs/{target}", OPERATOR)

    def end_sessions(self, name: str) -> None:
        """Disable an account and enable it again: none of its sessions holds any more."""
        file = self.workspace.home / "people.toml"
        for users in (DIRECTORY.replace(f"[users.{name}]", f"[users.not_{name}]"), DIRECTORY):
            file.write_text(users)
            self.workspace.directory.import_file(file, OPERATOR)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    place = tmp_path_factory.mktemp("town")
    for path, text in DOCUMENTS.items():
        (place / "docs" / path).parent.mkdir(parents=True, exist_ok=True)
        (place / "docs" / path).write_text(text)
    with holding() as breath:
        house = {"base_url": breath.simulator.url, "model": "m-1"}
        settings = parse({"models": {"house": house}, "answers": {"model": "house"}})
        workspace = app.create(place / "home", settings=settings, embedder=lambda: None)
        (place / "people.toml").write_text(DIRECTORY)
        workspace.directory.import_file(place / "people.toml", OPERATOR)
        workspace.ingest(place / "docs", "docs")
        made = Town(workspace, breath)
        made.start()
        yield made
        breath.go_on.set()
        made.stop()
        workspace.close()
    shutil.rmtree(place)


@contextmanager
def reader(chromium: Any, town: Town, address: str = "", **options: Any) -> Iterator[Any]:
    """Open the page of a person who is signed in; what a browser says of failed requests is expected here."""
    context = chromium.new_context(viewport=DESK, **options)
    page = context.new_page()
    page.set_default_timeout(15_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    sign_in(page, address or town.address, town.workspace, "alice")
    try:
        yield page
    finally:
        town.breath.go_on.set()
        context.close()
    assert errors == []


def ask(page: Any, question: str = QUESTION) -> None:
    page.fill("#question", question)
    page.keyboard.press("Enter")


def answered(page: Any) -> None:
    ask(page)
    page.wait_for_url("**/answers/*")
    assert FIRST in page.locator(".claims").inner_text() and SECOND in page.locator(".claims").inner_text()


def begun(page: Any, town: Town) -> None:
    """Ask, and wait until the first claim is there and the model holds the second."""
    town.breath.hold()
    ask(page)
    page.wait_for_selector(".claim")
    assert town.breath.held.wait(10)


def everything(page: Any) -> str:
    """Return all text that stands in the page, shown or not."""
    return page.evaluate("document.documentElement.textContent")


def hurry(page: Any, seconds: int) -> None:
    """Let the page's own clock run on."""
    for _ in range(seconds):
        page.clock.run_for(1000)
        page.wait_for_timeout(20)


def troubled(page: Any) -> str:
    page.wait_for_selector(".calm[role=alert]")
    return page.locator(".calm[role=alert]").inner_text()


def test_a_lost_connection_resumes_with_the_answer_that_was_stored(chromium: Any, town: Town) -> None:
    with laid_to(town.address) as cable, reader(chromium, town, cable.url) as page:
        begun(page, town)
        cable.pull(noticed=False)
        page.wait_for_selector("text=The connection was lost.")
        assert faults(page) == []
        town.breath.go_on.set()
        cable.plug()
        page.wait_for_url("**/answers/*")
        page.wait_for_selector(".feedback")
        assert FIRST in everything(page) and SECOND in everything(page)


def test_an_answer_whose_reader_is_gone_is_stopped_and_the_page_says_that_it_was_not_finished(
    chromium: Any, town: Town
) -> None:
    with laid_to(town.address) as cable, reader(chromium, town, cable.url) as page:
        page.clock.install()
        begun(page, town)
        cable.pull(noticed=True)
        page.wait_for_selector("text=The connection was lost.")
        town.breath.go_on.set()
        cable.plug()
        hurry(page, 20)
        assert "was not finished" in troubled(page)
        assert page.locator("#question").input_value() == QUESTION
        last = town.workspace.audit.query("answer.refused", limit=1)[0]
        assert last.about["reason"] == "stopped" and last.about["claims"] >= 1
        assert faults(page) == []


def test_a_page_without_a_network_stops_looking(chromium: Any, town: Town) -> None:
    with laid_to(town.address) as cable, reader(chromium, town, cable.url) as page:
        page.clock.install()
        begun(page, town)
        cable.pull(noticed=True)
        page.wait_for_selector("text=The connection was lost.")
        hurry(page, 40)
        assert "was not finished" in troubled(page)
        town.breath.go_on.set()


def test_a_restart_in_mid_answer_ends_clearly_and_the_question_is_asked_again(
    chromium: Any, town: Town
) -> None:
    with laid_to(town.address) as cable, reader(chromium, town, cable.url) as page:
        page.clock.install()
        begun(page, town)
        cable.pull(noticed=True)
        town.stop()
        town.start()
        cable.plug()
        page.wait_for_selector("text=The connection was lost.")
        hurry(page, 20)
        assert "was not finished" in troubled(page)
        page.focus("#question")
        page.keyboard.press("Enter")
        page.wait_for_url("**/answers/*")
        assert SECOND in page.locator(".claims").inner_text()


def test_a_full_server_is_asked_again_and_then_answers(chromium: Any, town: Town) -> None:
    with reader(chromium, town) as page:
        page.clock.install()
        with town.full():
            ask(page)
            page.wait_for_selector("text=Many questions are being answered now.")
        hurry(page, 4)
        page.wait_for_url("**/answers/*")
        assert FIRST in page.locator(".claims").inner_text()


def test_a_server_that_stays_full_is_asked_five_times_and_the_page_says_so(chromium: Any, town: Town) -> None:
    with reader(chromium, town) as page, town.full():
        asked: list[int] = []
        page.on("response", lambda one: one.url.endswith("/ask") and asked.append(one.status))
        page.clock.install()
        ask(page)
        for _ in range(60):
            hurry(page, 1)
            if page.locator(".calm[role=alert]").count():
                break
        assert "Too many requests are being worked on. Try again in 2 seconds." in troubled(page)
        assert asked == [429] * 5
        assert page.locator("#question").input_value() == QUESTION


@pytest.mark.parametrize("viewport", [DESK, PHONE])
def test_a_source_that_was_withdrawn_is_not_opened_and_its_words_leave_the_page(
    chromium: Any, town: Town, viewport: dict[str, int]
) -> None:
    with reader(chromium, town) as page:
        page.set_viewport_size(viewport)
        answered(page)
        page.locator(".chip").first.click()
        page.wait_for_selector(".sheet[open] .source, .source.is-active")
        page.keyboard.press("Escape")
        cited = page.locator("[data-sources] .source").filter(has_text="oncall").get_attribute("id")
        with town.withdrawn("engineering"):
            page.click(f'.chip[href="#{cited}"]')
            page.wait_for_selector("text=[withheld: you may no longer read what this rests on]")
            assert FIRST in everything(page)
            assert SECOND not in page.content() and "oncall" not in page.content()
            assert faults(page) == []


def test_after_a_source_was_withdrawn_no_action_shows_its_words(chromium: Any, town: Town) -> None:
    with reader(chromium, town) as page:
        answered(page)
        answer, source = page.url, page.locator('.open[href*="/documents/"]')
        links = [source.nth(at).get_attribute("href") for at in range(source.count())]
        with town.withdrawn("engineering"):
            ask(page, "And for each weekday?")
            page.wait_for_selector(".talk .said")
            assert "[withheld" in page.locator(".talk").inner_text()
            assert SECOND not in page.content()
            page.goto(answer)
            assert "[withheld" in page.locator(".claims").inner_text()
            page.click("button[value=yes]")
            page.wait_for_url("**#feedback")
            assert SECOND not in page.content()
            page.go_back()
            assert SECOND not in page.content()
            told = [page.goto(town.address + link).status for link in links if link]
            assert sorted(told) == [200, 404]
            said = [page.goto(town.address + link) and everything(page) for link in links if link]
            assert any("There is nothing at this address that you may read." in one for one in said)


def test_a_session_that_ends_in_mid_answer_ends_the_stream_at_once(chromium: Any, town: Town) -> None:
    with reader(chromium, town) as page:
        begun(page, town)
        town.end_sessions("alice")
        page.wait_for_selector("text=Your session has ended", timeout=3_000)
        assert FIRST not in everything(page) and SECOND not in everything(page)
        assert not town.breath.go_on.is_set()
        assert faults(page) == []
        town.breath.go_on.set()
        page.click(".calm a")
        page.wait_for_url("**/signin")
        assert page.locator("h1").inner_text() == "Your session has ended"


@pytest.mark.parametrize("way", ["signed out elsewhere", "account disabled"])
def test_a_stream_ends_while_the_model_is_still_at_work_once_its_session_is_over(
    town: Town, way: str
) -> None:
    workspace = town.workspace
    session = workspace.sessions.redeem(link(workspace, "alice"))
    town.breath.hold()
    with httpx.stream(
        "POST",
        f"{town.address}/ask",
        data={"csrf": session.csrf, "question": QUESTION},
        headers={"accept": "text/event-stream", "origin": town.address},
        cookies={"muniment": session.secret},
    ) as stream:
        lines = stream.iter_lines()
        assert any(line == "event: claim" for line in lines)
        if way == "signed out elsewhere":
            workspace.sessions.end(session.secret)
        else:
            town.end_sessions("alice")
        rest = "\n".join(lines)
    still_held = town.breath.held.is_set() and not town.breath.go_on.is_set()
    town.breath.go_on.set()
    assert still_held
    assert rest.count("event: ") == 1 and '"code": "unauthenticated"' in rest


@pytest.mark.parametrize("action", ["a citation", "a follow-up", "feedback", "reloading"])
def test_a_session_that_ended_elsewhere_takes_what_was_shown_from_the_page(
    chromium: Any, town: Town, action: str
) -> None:
    with reader(chromium, town) as page:
        answered(page)
        town.end_sessions("alice")
        if action == "a citation":
            page.locator(".chip").first.click()
        elif action == "a follow-up":
            ask(page, "And when does it close?")
        elif action == "feedback":
            page.reload() if not page.locator("button[value=yes]").count() else page.click(
                "button[value=yes]"
            )
        else:
            page.reload()
        page.wait_for_selector("text=Your session has ended")
        assert FIRST not in everything(page) and SECOND not in everything(page)
        assert page.locator("a[href='/signin']").count() or page.url.endswith("/signin")
