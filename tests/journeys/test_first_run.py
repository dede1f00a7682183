"""The first run: from an empty folder to the first answer, in one browser on this machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from tests.simulators.browser import faults, page_of, tab_to

from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR
from muniment.interfaces.setting_up.doorway import Doorway
from muniment.interfaces.setting_up.first_run import FirstRun
from muniment.interfaces.setting_up.pages import Setup, setup_app

ORIGIN = "http://localhost"


class Guided:
    """The pages of the first run, as a browser without scripts has them."""

    def __init__(self, home: Path) -> None:
        self.first = FirstRun(home)
        self.setup = Setup(self.first, Doorway(), lambda: pytest.fail("not served here"))
        self.http = self.another()

    def another(self) -> TestClient:
        """Return another browser."""
        return TestClient(
            setup_app(self.setup), base_url=ORIGIN, follow_redirects=False, headers={"accept": "text/html"}
        )

    def begin(self) -> Guided:
        assert (
            self.http.post("/setup", data={"token": self.setup.token}, headers={"origin": ORIGIN}).status_code
            == 303
        )
        return self

    def send(self, path: str, **fields: str) -> Any:
        csrf = re.search(r'name="csrf" value="([^"]+)"', self.http.get("/setup").text)
        assert csrf is not None
        return self.http.post(path, data={"csrf": csrf[1], **fields}, headers={"origin": ORIGIN})

    def taken_in(self) -> None:
        work = self.first.taking_in
        assert work is not None and work.thread is not None
        work.thread.join(60)
        assert work.ended


@pytest.fixture
def guided(tmp_path: Path) -> Iterator[Guided]:
    made = Guided(tmp_path / "home")
    yield made
    made.first.close()


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """Return a folder in which nothing says who may read it."""
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "canteen.txt").write_text("The canteen opens at eight and closes at three.\n")
    (folder / "drawing.dwg").write_bytes(b"\0")
    return folder


def made(guided: Guided) -> Guided:
    guided.begin().send("/setup/keys")
    assert (
        guided.send("/setup/people", **{"from": "alone", "name": "alice", "title": "Alice"}).status_code
        == 303
    )
    return guided


def test_the_link_opens_one_browser_once(guided: Guided) -> None:
    def race(_: int) -> int:
        return (
            guided.another()
            .post("/setup", data={"token": guided.setup.token}, headers={"origin": ORIGIN})
            .status_code
        )

    with ThreadPoolExecutor(8) as racers:
        got = list(racers.map(race, range(24)))
    assert sorted(got) == [303] + [401] * 23


@pytest.mark.parametrize("path", ["/setup", "/setup/progress"])
def test_nobody_else_sees_a_step(guided: Guided, path: str) -> None:
    guided.begin()
    assert guided.http.get(path).status_code == 200
    assert guided.another().get(path).status_code == 401
    other = guided.another()
    other.cookies.set("muniment-setup", "x")
    assert other.get(path).status_code == 401


@pytest.mark.parametrize(
    ("origin", "csrf", "cookie", "status"),
    [("http://evil.example", "", True, 403), (ORIGIN, "x", True, 422), (ORIGIN, "", False, 401)],
)
def test_no_other_page_makes_a_step(
    guided: Guided, origin: str, csrf: str, cookie: bool, status: int
) -> None:
    guided.begin()
    sent = {"csrf": csrf or guided.setup.csrf}
    browser = guided.http if cookie else guided.another()
    assert browser.post("/setup/keys", data=sent, headers={"origin": origin}).status_code == status
    assert guided.first.step() == "keys"


def test_another_host_name_reaches_nothing(guided: Guided) -> None:
    assert guided.http.get("/setup", headers={"host": "muniment.evil.example"}).status_code == 421


def test_the_first_administrator_is_made_once(guided: Guided) -> None:
    made(guided)
    again = guided.send("/setup/people", **{"from": "alone", "name": "mallory", "title": ""})
    assert again.status_code == 409 and "says already who there is" in again.text
    officers = [
        one.member for one in guided.first.workspace.roles.listing() if one.role == "security-officer"
    ]
    assert officers == ["user:alice"]


def test_nobody_is_made_leader_in_place_of_the_first(guided: Guided, tmp_path: Path) -> None:
    guided.begin()
    assert guided.send("/setup/keys").status_code == 303
    alone = {"from": "alone", "name": "ada", "title": "Ada"}
    assert guided.send("/setup/people", **alone).status_code == 303
    (tmp_path / "others.toml").write_text("[users.mallory]\n")
    file = {"from": "file", "file": str(tmp_path / "others.toml"), "who": "mallory"}
    for form in (file, {**alone, "name": "mallory"}):
        assert guided.send("/setup/people", **form).status_code == 409
    assert guided.first.administrator == guided.first.workspace.principal("ada")


def test_the_last_step_is_not_done_before_the_others_nor_twice(tmp_path: Path) -> None:
    opened: list[FastAPI] = []

    def served() -> FastAPI:
        opened.append(FastAPI())
        return opened[-1]

    guided = Guided(tmp_path / "home")
    guided.setup = Setup(guided.first, Doorway(), served)
    guided.http = guided.another()
    guided.begin()
    assert guided.send("/setup/keys").status_code == 303
    assert guided.send("/setup/question", question="").status_code == 409
    guided.send("/setup/people", **{"from": "alone", "name": "ada", "title": "Ada"})
    assert guided.send("/setup/question", question="").status_code == 409
    assert guided.send("/setup/skip").status_code == 303 and not opened
    secret = guided.http.cookies["muniment-setup"]
    assert guided.send("/setup/question", question="").headers["location"] == "/"
    form = {"csrf": guided.setup.csrf, "question": ""}
    cookie = {"origin": ORIGIN, "cookie": f"muniment-setup={secret}"}
    assert guided.another().post("/setup/question", data=form, headers=cookie).status_code == 409
    assert len(opened) == 1
    guided.first.close()


def test_a_cookie_of_an_earlier_run_does_not_spend_the_link(guided: Guided) -> None:
    old = {"cookie": "muniment-setup=of-an-earlier-run"}
    page = guided.another().get("/setup", params={"token": guided.setup.token}, headers=old)
    assert page.status_code == 200 and guided.setup.token in page.text
    assert guided.another().get("/setup", headers=old).status_code == 401


def test_a_name_that_cannot_be_is_refused_and_leaves_no_file(guided: Guided) -> None:
    guided.begin().send("/setup/keys")
    refused = guided.send("/setup/people", **{"from": "alone", "name": "a:b", "title": 'A " \n [b]'})
    assert refused.status_code == 422 and "That did not work" in refused.text
    assert not (guided.first.home / "directory.toml").exists()
    assert guided.first.step() == "people"


def test_people_of_a_file_are_taken_and_one_of_them_leads(guided: Guided, tmp_path: Path) -> None:
    file = tmp_path / "people.toml"
    file.write_text("[users.bob]\nname = 'Bob'\n[users.carol]\n")
    guided.begin().send("/setup/keys")
    assert (
        guided.send("/setup/people", **{"from": "file", "file": str(file), "who": "carol"}).status_code == 303
    )
    assert guided.first.administrator is not None and guided.first.administrator.ref == "user:carol"


def test_a_folder_is_looked_at_before_anything_is_taken_in(guided: Guided, plain: Path) -> None:
    shown = made(guided).send("/setup/look", folder=str(plain), source="docs").text
    assert "1 (1 txt)" in shown and "Files of other kinds" in shown
    assert guided.first.step() == "folder"


@pytest.mark.parametrize(
    ("readers", "reads"), [("administrator", True), ("everyone", True), ("stated", False)]
)
def test_who_may_read_is_said_before_and_holds_after(
    guided: Guided, plain: Path, readers: str, reads: bool
) -> None:
    made(guided).send("/setup/folder", folder=str(plain), source="docs", readers=readers)
    guided.taken_in()
    found = guided.first.workspace.search("canteen", as_="alice")
    assert bool(found.passages) is reads
    assert guided.first.step() == "question" and "Sign in and ask" in guided.http.get("/setup").text


def test_lists_in_the_folder_are_never_widened(guided: Guided, folder: Path) -> None:
    refused = made(guided).send("/setup/folder", folder=str(folder), source="docs", readers="everyone")
    assert refused.status_code == 422 and "says itself who may read it" in refused.text
    assert guided.first.taking_in is None
    assert 'value="everyone"' not in guided.send("/setup/look", folder=str(folder), source="docs").text


def test_what_is_done_is_not_done_again_after_a_restart(guided: Guided, plain: Path) -> None:
    home = guided.first.home
    steps = [guided.first.step()]
    for path, fields in (
        ("/setup/keys", {}),
        ("/setup/people", {"from": "alone", "name": "alice", "title": ""}),
        ("/setup/folder", {"folder": str(plain), "source": "docs", "readers": "stated"}),
    ):
        now = Guided(home).begin()
        assert now.send(path, **fields).status_code == 303
        if now.first.taking_in is not None:
            now.taken_in()
        now.first.close()
        later = FirstRun(home)
        steps.append(later.step())
        later.close()
    assert steps == ["keys", "people", "folder", "question"]


def test_a_failure_of_the_folder_is_told_and_can_be_tried_again(guided: Guided, plain: Path) -> None:
    made(guided).send("/setup/folder", folder=str(plain), source="a/b", readers="stated")
    guided.taken_in()
    shown = guided.http.get("/setup").text
    assert guided.first.step() == "folder" and "That did not work" in shown and "Look what is in it" in shown


def test_what_is_set_up_is_not_set_up_again(workspace: Workspace, folder: Path) -> None:
    workspace.roles.make_first("alice", "Runs the pilot", OPERATOR)
    workspace.ingest(folder, "docs")
    home = workspace.home
    workspace.close()
    done = subprocess.run(
        [sys.executable, "-m", "muniment.interfaces.cli.main", "--home", str(home), "setup"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "is set up" in done.stderr and "serve --link" in done.stderr


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[[], str]]:
    """Start the command, and return the link that it prints."""
    running: list[subprocess.Popen[str]] = []

    def start() -> str:
        command = [
            sys.executable,
            "-m",
            "muniment.interfaces.cli.main",
            "--home",
            str(tmp_path / "home"),
            "setup",
            "--port",
            "0",
        ]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
        running.append(process)
        assert process.stdout is not None
        return next(line.strip() for line in process.stdout if "token=" in line)

    yield start
    for process in running:
        process.terminate()
        process.wait(20)


def test_a_newcomer_gets_to_the_first_answer_by_keyboard(
    chromium: Any, started: Callable[[], str], plain: Path
) -> None:
    link = started()
    with page_of(chromium, link.partition("/setup")[0]) as page:

        def press(selector: str, *typed: tuple[str, str]) -> None:
            assert faults(page) == []
            for field, text in typed:
                tab_to(page, field)
                page.keyboard.press("ControlOrMeta+a")
                page.keyboard.type(text)
            tab_to(page, selector)
            page.keyboard.press("Enter")

        page.goto(link)
        press("main button")
        page.wait_for_selector("text=Make the keys")
        press("main button")
        page.wait_for_selector("text=Who are you?")
        press(".column > form button", ("#title", "Alice Moreau"), ("#name", "alice"))
        page.wait_for_selector("#folder")
        press(".form button", ("#folder", str(plain)), ("#source", "handbook"))
        page.wait_for_selector("text=Who may read them?")
        press(".form button")
        page.wait_for_selector("form.ask")
        press("form.ask button", ("#question", "When does the canteen open?"))
        page.wait_for_url("**/answers/*")
        assert "opens at eight" in page.locator(".claims").inner_text()
        assert "Administration" in page.locator(".areas").inner_text()
        assert page.request.get(link).status == 404
