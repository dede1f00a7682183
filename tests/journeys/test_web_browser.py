"""The pages in a real browser: keyboard alone, both widths, no noise in the console, nothing from elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.simulators.browser import page_of, sign_in, tab_to
from tests.simulators.web_client import Browser, link

from muniment.app import Workspace

QUESTION = "How much is the on-call engineer paid for each weekend?"


@pytest.fixture
def address(workspace: Workspace, folder: Path) -> Iterator[str]:
    """Return the address of a server over the small company."""
    import uvicorn

    from muniment.interfaces.server import create_server

    workspace.ingest(folder, "docs")
    config = uvicorn.Config(create_server(workspace), port=0, log_level="error", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@pytest.mark.parametrize(("viewport", "scheme"), [(WIDE, "light"), (PHONE, "dark")])
def test_the_keyboard_alone_asks_opens_a_citation_and_closes_it(
    chromium: Any, address: str, workspace: Workspace, viewport: dict[str, int], scheme: str
) -> None:
    with page_of(chromium, address, viewport=viewport, color_scheme=scheme) as page:
        sign_in(page, address, workspace, "alice")
        tab_to(page, "#question")
        page.keyboard.type(QUESTION)
        page.keyboard.press("Enter")
        page.wait_for_selector(".quietly a")
        assert page.locator("[data-live]").get_attribute("aria-live") == "polite"
        tab_to(page, ".chip")
        page.keyboard.press("Enter")
        shown = page.locator(".sheet[open] .source, .evidence .source.is-active").locator("visible=true").last
        assert "300 crowns" in shown.locator("mark").inner_text()
        assert "engineering/oncall.md" in shown.inner_text()
        page.keyboard.press("Escape")
        # A function to wait for would have to be evaluated in the page, which its policy refuses.
        page.wait_for_selector(".chip:focus")
        page.wait_for_selector(".sheet[open], .source.is-active", state="detached")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_citation_leads_to_the_marked_words_of_its_document(
    chromium: Any, address: str, workspace: Workspace
) -> None:
    with page_of(chromium, address, viewport=WIDE) as page:
        sign_in(page, address, workspace, "alice")
        page.fill("#question", QUESTION)
        page.click("text=Ask >> nth=-1")
        page.hover(".chip >> nth=0")
        page.click(".source.is-active .open")
        assert "300 crowns" in page.locator("mark#quote").inner_text()
        assert page.locator("h1").inner_text() == "On call"


def test_reloading_shows_the_stored_answer_and_how_it_came_about(
    chromium: Any, address: str, workspace: Workspace
) -> None:
    with page_of(chromium, address, viewport=WIDE) as page:
        sign_in(page, address, workspace, "alice")
        page.fill("#question", QUESTION)
        page.keyboard.press("Enter")
        page.wait_for_url("**/answers/*")
        said = page.locator(".claims").inner_text()
        page.reload()
        assert page.locator(".claims").inner_text() == said
        page.click(".quietly a")
        page.wait_for_url("**/lineage")
        assert "On call" in page.locator(".chain").inner_text()


def test_a_streamed_answer_leads_to_how_it_came_about(
    chromium: Any, address: str, workspace: Workspace
) -> None:
    with page_of(chromium, address, viewport=PHONE) as page:
        sign_in(page, address, workspace, "alice")
        page.fill("#question", QUESTION)
        page.keyboard.press("Enter")
        page.wait_for_selector(".quietly a")
        page.click(".quietly a")
        page.wait_for_url("**/lineage")
        assert "On call" in page.locator(".chain").inner_text()


@pytest.mark.parametrize(
    "question", [QUESTION, "Where is the key ceremony held?", "What do zebras eat on Mars?"]
)
def test_what_may_not_be_read_looks_like_what_is_not_there(
    chromium: Any, address: str, workspace: Workspace, question: str
) -> None:
    with page_of(chromium, address, viewport=PHONE) as page:
        sign_in(page, address, workspace, "carol")
        page.fill("#question", question)
        page.keyboard.press("Enter")
        page.wait_for_selector(".calm")
        assert "I found nothing that you may read about this." in page.locator(".calm").inner_text()
        assert page.locator(".source").locator("visible=true").count() == 0


def test_everything_works_without_scripts(chromium: Any, address: str, workspace: Workspace) -> None:
    with page_of(chromium, address, viewport=PHONE, java_script_enabled=False) as page:
        page.goto(f"{address}/signin?token={link(workspace, 'alice')}")
        page.click("main button")
        page.fill("#question", QUESTION)
        page.click("form.ask button")
        page.click(".chip >> nth=0")
        assert page.url.endswith("#source-1")
        assert "300 crowns" in page.locator("#source-1 mark").inner_text()
        page.click("#source-1 .open")
        assert "300 crowns" in page.locator("mark#quote").inner_text()
        page.click("text=Sign out")
        assert "You are signed out" in page.locator("h1").inner_text()


def test_a_documents_markup_stays_text(
    chromium: Any, address: str, workspace: Workspace, folder: Path
) -> None:
    hostile = (
        "The magenta badge opens the <img src=x onerror=alert(1)> <script>alert(2)</script> door "
        "[here](javascript:alert(3)) and https://evil.example/a too."
    )
    (folder / "all" / "badge.txt").write_text(hostile + "\n")
    workspace.ingest(folder, "docs")
    with page_of(chromium, address, viewport=WIDE) as page:
        page.on("dialog", lambda dialog: pytest.fail(dialog.message))
        sign_in(page, address, workspace, "alice")
        page.fill("#question", "Which door does the magenta badge open?")
        page.keyboard.press("Enter")
        page.wait_for_selector(".quietly a")
        shown = page.locator(".claims").inner_text()
        assert "opens the alert(2) door here and https://evil.example/a too" in shown and "<" not in shown
        page.hover(".chip >> nth=0")
        assert "<img src=x onerror" in page.locator(".source.is-active").inner_text()
        page.click(".source.is-active .open")
        assert "<script>alert(2)</script>" in page.locator(".leaf").inner_text()
        links = page.eval_on_selector_all("a[href], img, script", "found => found.map(e => e.href || e.src)")
        assert all(one.startswith(address) for one in links)


def test_the_ask_page_lists_ones_own_conversations_and_nobody_elses(
    chromium: Any, address: str, workspace: Workspace
) -> None:
    Browser(workspace).sign_in("alice").ask(QUESTION)
    Browser(workspace).sign_in("bob").ask("When does the canteen open?")
    with page_of(chromium, address, viewport=WIDE) as page:
        sign_in(page, address, workspace, "alice")
        assert page.locator(".recent li span").all_inner_texts() == [QUESTION]
        page.click(".recent a")
        assert "300 crowns" in page.locator(".talk .reply").inner_text()


@pytest.mark.parametrize(("viewport", "scheme"), [(WIDE, "light"), (PHONE, "dark")])
def test_a_follow_up_goes_on_with_the_conversation(
    chromium: Any, address: str, workspace: Workspace, viewport: dict[str, int], scheme: str
) -> None:
    with page_of(chromium, address, viewport=viewport, color_scheme=scheme) as page:
        sign_in(page, address, workspace, "alice")
        page.fill("#question", "When does the canteen open?")
        page.keyboard.press("Enter")
        page.wait_for_url("**/answers/*")
        page.fill("#question", "And when does it close?")
        page.keyboard.press("Enter")
        page.wait_for_selector(".talk .said")
        page.wait_for_selector("[data-instead]:not([hidden])")
        assert "When does the canteen open?" in page.locator("[data-instead]").inner_text()
        assert page.locator(".talk h3").all_inner_texts() == ["When does the canteen open?"]
        page.wait_for_url("**/answers/*")
        page.reload()
        assert page.locator("[data-question]").inner_text() == "And when does it close?"
        assert page.locator(".talk h3").all_inner_texts() == ["When does the canteen open?"]
        page.click(".whole a")
        assert page.locator(".talk h3").count() == 2
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_conversation_is_renamed_and_deleted_without_scripts(
    chromium: Any, address: str, workspace: Workspace
) -> None:
    with page_of(chromium, address, viewport=PHONE, java_script_enabled=False) as page:
        page.goto(f"{address}/signin?token={link(workspace, 'alice')}")
        page.click("main button")
        page.fill("#question", QUESTION)
        page.click("form.ask button")
        page.fill("#question", "And for each weekday?")
        page.click("form.ask button")
        page.click(".whole a")
        assert page.locator("h1").inner_text() == QUESTION
        page.click(".manage summary >> nth=-1")
        page.fill("#title", "On <b>call</b>")
        page.click("text=Rename >> nth=-1")
        assert page.locator("h1").inner_text() == "On <b>call</b>"
        page.click(".manage summary >> nth=-1")
        page.click("text=Delete for good")
        assert page.url == f"{address}/"
        assert page.locator(".recent").count() == 0
