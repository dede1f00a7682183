"""The ask pages in a real browser: each state by keyboard, for everybody, and what the scripts make nicer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.simulators.browser import DESK, PHONE, faults, page_of, sign_in, tab_to
from tests.simulators.served import served

from muniment import app
from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR

PAY = "How much is the on-call engineer paid for each weekend?"
PROOF = "The on-call engineer is paid 300 crowns for each weekend."


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, str]]:
    """Return a small company and the address of its server."""
    root = tmp_path_factory.mktemp("asking")
    (root / "documents" / "all").mkdir(parents=True)
    (root / "documents" / "all" / "access.toml").write_text('allow = ["group:everyone"]\n')
    (root / "documents" / "all" / "oncall.md").write_text(f"# On call\n\n{PROOF}\n")
    workspace = app.create(root / "home", embedder=lambda: None)
    (root / "people.toml").write_text('[users.alice]\nname = "Alice Moreau"\ngroups = []\n')
    workspace.directory.import_file(root / "people.toml", OPERATOR)
    workspace.ingest(root / "documents", "docs")
    with served(workspace) as address:
        yield workspace, address
    workspace.close()


def ask(page: Any, question: str) -> None:
    page.fill("#question", question)
    page.keyboard.press("Enter")
    page.wait_for_url("**/answers/*")


def test_a_source_is_explained_by_keyboard_at_a_desk_and_on_a_phone(
    chromium: Any, house: tuple[Workspace, str]
) -> None:
    workspace, address = house
    with page_of(chromium, address, viewport=DESK) as page:
        sign_in(page, address, workspace, "alice")
        for viewport in (DESK, PHONE):
            page.set_viewport_size(viewport)
            page.goto(address)
            ask(page, PAY)
            tab_to(page, ".chip")
            page.keyboard.press("Enter")
            tab_to(page, ".source .origin summary")
            page.keyboard.press("Enter")
            told = page.locator(".origin[open]").locator("visible=true").last.inner_text()
            assert "Passage 1 of the 1 that fitted best" in told
            assert "Everyone who is signed in may read it." in told
            assert "Access list" not in told


def test_an_answer_is_copied_with_its_citations(chromium: Any, house: tuple[Workspace, str]) -> None:
    workspace, address = house
    allowed = ["clipboard-read", "clipboard-write"]
    with page_of(chromium, address, viewport=DESK, permissions=allowed) as page:
        sign_in(page, address, workspace, "alice")
        ask(page, PAY)
        tab_to(page, "[data-copy]")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=Copied")
        held = page.evaluate("navigator.clipboard.readText()")
        assert f"{PROOF} [1]" in held and f"“{PROOF}”" in held
        assert page.locator("[data-copy]").get_attribute("href").endswith("/text")
        with page.expect_download() as kept:
            page.click("text=Save as Markdown")
        assert kept.value.suggested_filename.startswith("how-much-is-the-on-call-engineer-paid")


def test_an_abstention_leads_to_another_wording_and_to_a_search(
    chromium: Any, house: tuple[Workspace, str]
) -> None:
    workspace, address = house
    with page_of(chromium, address, viewport=DESK, reduced_motion="reduce") as page:
        sign_in(page, address, workspace, "alice")
        ask(page, "Which zebra weekend rota holds on Mars?")
        tab_to(page, "[data-rephrase]")
        page.keyboard.press("Enter")
        assert page.input_value("#question") == "Which zebra weekend rota holds on Mars?"
        tab_to(page, "[data-words] button")
        page.keyboard.press("Enter")
        page.wait_for_url("**/search")
        assert page.input_value("#query") == "Which zebra weekend rota holds on Mars?"
        assert "weekend" in page.locator(".passages b").all_inner_texts()
        assert faults(page) == []


def test_every_state_is_for_everybody(chromium: Any, house: tuple[Workspace, str]) -> None:
    workspace, address = house
    with page_of(chromium, address, viewport=DESK, reduced_motion="reduce") as page:
        sign_in(page, address, workspace, "alice")
        page.click(".limits summary")
        page.select_option("[name=place]", "docs/all")
        assert faults(page) == []
        ask(page, PAY)
        assert "Limited to: docs/all." in page.locator(".notes").inner_text()
        assert faults(page) == []
        page.reload()
        assert page.locator("[name=place]").input_value() == "docs/all"
        assert faults(page) == []
        ask(page, "Which zebra rota holds on Mars?")
        assert faults(page) == []
        page.click("text=The whole conversation")
        page.click("#sharing summary")
        page.fill("#sharing [name=name]", "bob")
        page.click("#sharing button")
        page.wait_for_selector(".along")
        assert faults(page) == []
