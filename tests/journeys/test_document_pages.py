"""The pages of a document: as they were set, for those who may read it now, with the quoted words marked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from tests.fixtures_parse import pdf, slides, workbook
from tests.marked import letters_inside
from tests.parsers import lent
from tests.set_pages import drawn
from tests.simulators.browser import DESK, faults, page_of, sign_in
from tests.simulators.served import served
from tests.simulators.web_client import Browser, document_id, kinds, observable

from muniment import app
from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge.pages.page_child import MOST_OBJECTS
from muniment.knowledge.pages.page_images import Box

PEOPLE = '[users.alice]\ngroups = ["readers"]\n[users.bob]\n[groups.readers]\n'
QUOTE = "The text of page 2 runs over several lines."
BUSY = "0 0 9 9 re f " * (MOST_OBJECTS + 1) + "BT /F 12 Tf 40 200 Td (A busy heron) Tj ET"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Yield a workspace with a handbook in two versions, a page that is too much to draw, a deck and a sheet."""
    place = tmp_path_factory.mktemp("pages")
    made = app.create(place / "home", embedder=lambda: None)
    (place / "people.toml").write_text(PEOPLE)
    made.directory.import_file(place / "people.toml", OPERATOR)
    papers = place / "papers"
    papers.mkdir()
    (papers / "access.toml").write_text('allow = ["group:readers"]\n')
    for name, content in (
        ("handbook.pdf", pdf(pages=3)),
        ("old.pdf", pdf(pages=1)),
        ("busy.pdf", drawn(BUSY)),
        ("deck.pptx", slides()),
        ("pay.xlsx", workbook()),
    ):
        (papers / name).write_bytes(content)
    with lent():
        made.ingest(papers, "docs")
        (papers / "handbook.pdf").write_bytes(pdf(pages=2))
        made.ingest(papers, "docs")
    with made.database.write() as connection:
        before = "DELETE FROM version_original WHERE document = :one"
        connection.execute(sa.text(before), {"one": document_id(made, "old.pdf")})
    yield made
    made.close()


@pytest.fixture(scope="module")
def alice(library: Workspace) -> Browser:
    return Browser(library).sign_in("alice")


def place_of(workspace: Workspace, path: str, quote: str, version: int = 1) -> str:
    found = document_id(workspace, path)
    read = workspace.reading.read(workspace.principal("alice"), found, version, OPERATOR)
    start = read.version.text.index(quote)
    return f"/documents/{found}?version={version}&at={start}-{start + len(quote)}"


def shown(browser: Browser, path: str) -> str:
    got = browser.http.get(path)
    assert got.status_code == 200, got.text
    return str(got.text)


def test_a_quote_is_marked_on_the_image_of_its_page_and_told_to_those_who_do_not_see_it(
    library: Workspace, alice: Browser
) -> None:
    page = shown(alice, place_of(library, "handbook.pdf", QUOTE))
    assert f"Page 2, as it was set. Marked on it: “{QUOTE}”" in page
    sides = re.findall(r'<rect[^>]* x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', page)
    boxes = [Box(*(float(side) for side in one)) for one in sides]
    assert letters_inside(pdf(pages=3), 2, boxes) == QUOTE.replace(" ", "")
    assert page.count('id="quote"') == 1
    assert f"<mark>{QUOTE}</mark>" in page
    image = alice.http.get(re.findall(r'<img src="([^"]+)"', page)[0].replace("&amp;", "&"))
    assert (image.status_code, image.headers["content-type"]) == (200, "image/png")
    assert image.headers["x-content-type-options"] == "nosniff"
    assert image.headers["cache-control"] == "no-store"
    assert image.content.startswith(b"\x89PNG")


def test_the_text_of_a_page_is_one_step_away_with_the_quote_marked_in_it(
    library: Workspace, alice: Browser
) -> None:
    page = shown(alice, place_of(library, "handbook.pdf", QUOTE))
    step = re.findall(r'<a href="([^"]+)">Show as text</a>', page)[0].replace("&amp;", "&")
    text = shown(alice, step)
    assert f'<mark id="quote">{QUOTE}</mark>' in text
    back = re.findall(r'<a href="([^"]+)">Show as it was set</a>', text)[0].replace("&amp;", "&")
    assert "Marked on it" in shown(alice, back)


def test_an_older_version_is_shown_as_it_was_then(library: Workspace, alice: Browser) -> None:
    handbook = f"/documents/{document_id(library, 'handbook.pdf')}"
    assert "Page 3" in shown(alice, f"{handbook}?version=1&page=3")
    assert "as it was cited" in shown(alice, f"{handbook}?version=1&page=3")
    assert alice.http.get(f"{handbook}/pages/3.png?version=1").status_code == 200
    newest = shown(alice, f"{handbook}?page=2")
    assert "Next page" not in newest
    assert alice.http.get(f"{handbook}/pages/3.png").status_code == 422


def test_every_image_is_on_record_before_it_is_given(library: Workspace, alice: Browser) -> None:
    handbook = document_id(library, "handbook.pdf")
    alice.http.get(f"/documents/{handbook}/pages/1.png")
    assert kinds(library)[-1] == "document.read"
    entry = library.audit.tail(1)[0]
    assert (entry.about["document"], entry.about["version"]) == (handbook, 2)


def test_an_image_that_may_not_be_seen_looks_like_one_that_is_not_there(
    library: Workspace, alice: Browser
) -> None:
    bob = Browser(library).sign_in("bob")
    handbook, deck = (document_id(library, name) for name in ("handbook.pdf", "deck.pptx"))
    absent = observable(bob.http.get("/documents/doc_absent/pages/1.png"))
    assert absent[0] == 404
    for address in (
        f"/documents/{handbook}/pages/1.png",
        f"/documents/{handbook}/pages/9.png?version=1",
        f"/documents/{handbook}/pages/x.png",
        f"/documents/{deck}/pages/1.png",
        f"/documents/{handbook}?page=1",
    ):
        assert observable(bob.http.get(address)) == absent, address
    # One who may read the document is told the same of an image that there is none of.
    for address in (f"/documents/{deck}/pages/1.png", f"/documents/{handbook}/pages/1.png?version=7"):
        assert observable(alice.http.get(address))[:1] == (404,)


def test_a_right_that_is_taken_away_closes_the_image_at_the_next_request(
    library: Workspace, alice: Browser
) -> None:
    image = f"/documents/{document_id(library, 'handbook.pdf')}/pages/1.png"
    assert alice.http.get(image).status_code == 200
    library.access.set("docs/handbook.pdf", [], [], OPERATOR)
    try:
        assert alice.http.get(image).status_code == 404
    finally:
        library.access.clear("docs/handbook.pdf", OPERATOR)
    assert alice.http.get(image).status_code == 200


def test_a_page_that_cannot_be_an_image_says_so_and_shows_its_text(
    library: Workspace, alice: Browser
) -> None:
    page = shown(alice, place_of(library, "busy.pdf", "heron"))
    assert "This page cannot be shown as an image." in page
    assert '<mark id="quote">heron</mark>' in page
    assert "<img" not in page
    image = alice.http.get(f"/documents/{document_id(library, 'busy.pdf')}/pages/1.png")
    assert (image.status_code, image.headers["content-type"]) == (422, "image/svg+xml")
    assert "heron" not in image.text


def test_a_version_of_which_no_file_was_kept_says_why_it_is_text(library: Workspace, alice: Browser) -> None:
    page = shown(alice, place_of(library, "old.pdf", "The text of page 1"))
    assert "stored as text alone" in page
    assert '<mark id="quote">The text of page 1</mark>' in page


def test_a_place_that_is_not_certain_is_not_marked_on_the_image(library: Workspace, alice: Browser) -> None:
    place = place_of(library, "handbook.pdf", QUOTE)
    with library.database.write() as connection:
        changed = (
            "UPDATE document_version SET text = replace(text, 'Chapter 2', 'Chapter Z') WHERE version = 1"
        )
        connection.execute(sa.text(changed))
    page = shown(alice, place)
    with library.database.write() as connection:
        connection.execute(sa.text(changed.replace("'Chapter 2', 'Chapter Z'", "'Chapter Z', 'Chapter 2'")))
    assert "is not certain, so nothing is marked on it" in page
    assert "<rect" not in page
    assert f'<mark id="quote">{QUOTE}</mark>' in page


@pytest.fixture(scope="module")
def address(library: Workspace) -> Iterator[str]:
    with served(library) as where:
        yield where


def test_the_pages_are_for_everybody_and_the_quote_is_in_sight(
    chromium: Any, address: str, library: Workspace
) -> None:
    with page_of(chromium, address, viewport=DESK, bypass_csp=True) as page:
        sign_in(page, address, library, "alice")
        page.goto(address + place_of(library, "handbook.pdf", QUOTE) + "#quote")
        page.wait_for_function("document.images[0].complete && document.images[0].naturalWidth > 1000")
        box = page.locator("#quote").bounding_box()
        assert 0 <= box["y"] <= DESK["height"]
        image = page.locator(".plate img").bounding_box()
        assert image["x"] < box["x"] < box["x"] + box["width"] < image["x"] + image["width"]
        assert faults(page, every_view=True) == []
        page.keyboard.press("Tab")
        page.get_by_role("link", name="Previous page").focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("h2:has-text('Page 1')")
        for path, words in (("deck.pptx", "Point of slide 2"), ("pay.xlsx", "50000")):
            page.goto(address + place_of(library, path, words) + "#quote")
            assert page.locator("mark").count() >= 1
            assert faults(page) == []
        page.goto(address + place_of(library, "busy.pdf", "heron"))
        assert faults(page) == []
