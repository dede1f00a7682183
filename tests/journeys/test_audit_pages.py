"""The log and its proof as pages: who may look finds what happened, and takes away what proves it elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from selectolax.lexbor import LexborHTMLParser
from tests.simulators.browser import faults, page_of, sign_in, tab_to
from tests.simulators.served import served
from tests.simulators.web_client import Browser, document_id

from muniment import app
from muniment.app import Workspace
from muniment.governance.audit.entry import Entry
from muniment.governance.audit.tables import audit_entry
from muniment.governance.identity.principal import OPERATOR

WORDS = "walnut"
PAGES = ("/audit", "/audit?names=doc_none", "/audit/entries/3", "/audit/proof")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Alice asked, bob was refused; grace audits and frank guards."""
    place = tmp_path_factory.mktemp("audited")
    made = app.create(place / "home", embedder=lambda: None)
    people = "[users.alice]\n[users.bob]\n[users.grace]\n[users.frank]\n"
    (place / "people.toml").write_text(people)
    made.directory.import_file(place / "people.toml", OPERATOR)
    made.roles.grant("auditor", "grace", "she audits", OPERATOR)
    made.roles.grant("security-officer", "frank", "he guards", OPERATOR)
    (place / "papers").mkdir()
    (place / "papers" / "access.toml").write_text('allow = ["user:alice"]\n')
    (place / "papers" / "pay.md").write_text(
        f"# The {WORDS} rule\n\nThe {WORDS} rule pays 310 crowns a week.\n"
    )
    made.ingest(place / "papers", "papers")
    made.ask(f"What does the {WORDS} rule pay?", "alice")
    Browser(made).sign_in("bob").http.get("/audit")
    yield made
    made.close()


@pytest.fixture
def grace(house: Workspace) -> Browser:
    return Browser(house).sign_in("grace")


def texts(page: Any, selector: str) -> list[str]:
    return [one.text().strip() for one in LexborHTMLParser(page.text).css(selector)]


def test_an_auditor_finds_an_answer_by_kind_person_and_id_and_people_stand_in_no_address(
    house: Workspace, grace: Browser
) -> None:
    sent = grace.post("/audit/search", csrf=grace.csrf, kind="answer.*", by="alice", outcome="done")
    address = sent.headers["location"]
    assert sent.status_code == 303 and "alice" not in address and "by=subject%3A" in address
    found = grace.http.get(address)
    assert texts(found, ".log .what") == ["Answer finished", "Answer claim", "Answer request"]
    assert 'value="user:alice"' in found.text
    answer = texts(found, ".log .whom .code")[0]
    named = grace.http.get("/audit", params={"names": answer})
    assert {"Answer finished", "Answer request"} <= set(texts(named, ".log .what"))
    document = document_id(house, "pay.md")
    assert "Retrieval chunk" in texts(grace.http.get(f"/audit?names={document}"), ".log .what")


def test_refusals_are_found_and_drawn(grace: Browser) -> None:
    page = grace.http.get("/audit?outcome=refused")
    assert "Policy refused" in texts(page, ".log .what")
    assert set(texts(page, ".log .came")) == {"Refused"}
    drawing = LexborHTMLParser(page.text).css_first(".tally svg")
    assert re.search(r"0 done, \d+ refused, 0 failed", str(drawing.attributes["aria-label"]))
    assert drawing.css("rect.is-refused") and not drawing.css("rect.is-done")


def test_entries_come_a_page_at_a_time_newest_first(house: Workspace, grace: Browser) -> None:
    house.audit.record([Entry("tick", OPERATOR, {}) for _ in range(60)])
    first = grace.http.get("/audit")
    numbers = [int(one.replace(",", "")) for one in texts(first, ".log .seq")]
    assert len(numbers) == 50 and numbers == sorted(numbers, reverse=True)
    older = LexborHTMLParser(first.text).css_first('a[rel="next"]').attributes["href"]
    then = [int(one.replace(",", "")) for one in texts(grace.http.get(str(older)), ".log .seq")]
    assert then[0] == numbers[-1] - 1


def test_an_entry_shows_all_that_it_states_its_hash_and_its_neighbours_and_no_content(
    house: Workspace, grace: Browser
) -> None:
    (entry,) = house.audit.query(kind="answer.request", limit=1)
    page = grace.http.get(f"/audit/entries/{entry.seq}")
    assert entry.leaf_hash in page.text and str(entry.about["question"]) in page.text
    links = [one.attributes["href"] for one in LexborHTMLParser(page.text).css("main a")]
    assert f"/audit/entries/{entry.seq - 1}" in links and f"/audit/entries/{entry.seq + 1}" in links
    assert f"/audit?names={entry.about['answer']}" in links
    for path in (*PAGES, f"/audit/entries/{entry.seq}"):
        assert WORDS not in grace.http.get(path).text


def test_what_is_asked_for_wrongly_is_said_by_its_field(grace: Browser) -> None:
    for field, value in (("names", "two words"), ("outcome", "maybe"), ("since", "soon"), ("kind", "A b")):
        page = grace.http.get("/audit", params={field: value})
        assert page.status_code == 422 and texts(page, "[role=alert] .said") == ["That did not work"]
        assert grace.post("/audit/search", csrf=grace.csrf, **{field: value}).status_code == 422


def test_for_whoever_may_not_read_the_log_there_is_no_such_page(house: Workspace) -> None:
    alice = Browser(house).sign_in("alice")
    absent = alice.http.get("/nowhere").content
    for path in (*PAGES, "/audit/proof/checkpoint", "/audit/proof/inclusion?entry=1"):
        got = alice.http.get(path)
        assert (got.status_code, got.content) == (404, absent)
    for path in ("/audit/proof", "/audit/search"):
        assert alice.post(path, csrf=alice.csrf).status_code == 404


def test_verifying_says_what_was_read_and_is_on_record(house: Workspace) -> None:
    frank = Browser(house).sign_in("frank")
    sent = frank.post("/audit/proof", csrf=frank.csrf, anew="yes")
    assert (sent.status_code, sent.headers["location"]) == (303, "/audit/proof#verified")
    page = frank.http.get("/audit/proof")
    last = house.audit.last_of("audit.verified")
    assert last is not None and last.actor == "user:frank" and str(last.about["root"]) in page.text
    assert f"Entries 0 to {int(str(last.about['read'])) - 1:,}" in page.text
    assert "All that was read fits" in page.text
    # He reads the log; taking it away is not his to do, and is not offered.
    assert "/audit/proof/checkpoint" not in page.text
    assert frank.http.get("/audit/proof/checkpoint").status_code == 404


def test_what_is_taken_away_is_checked_without_muniment(grace: Browser, tmp_path: Path) -> None:
    names = ("checkpoint", "public-key", "verifier", "inclusion?entry=3", "consistency?size=2")
    for name in names:
        got = grace.http.get(f"/audit/proof/{name}")
        stated = re.fullmatch(r'attachment; filename="([a-z0-9.-]+)"', got.headers["content-disposition"])
        assert got.status_code == 200 and stated is not None
        (tmp_path / stated[1]).write_bytes(got.content)
    command = [sys.executable, "-I", "verify.py", "--proof", "entry-3.tlog-proof", "--key", "public-key.txt"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    beyond = grace.http.get("/audit/proof/inclusion?entry=99999999")
    assert beyond.status_code == 404 and "The checkpoint covers entries" in beyond.text


def test_the_pages_in_a_browser_by_keyboard_and_an_alteration_shown_plainly(
    house: Workspace, chromium: Any
) -> None:
    with served(house) as address, page_of(chromium, address) as page:
        sign_in(page, address, house, "grace")
        for path in PAGES:
            page.goto(address + path)
            page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
            assert faults(page) == [], path
        # The last of them is still open.
        tab_to(page, "#verified button[value=yes]")
        page.keyboard.press("Enter")
        page.wait_for_url("**/audit/proof#verified")
        assert "All that was read fits" in page.inner_text("main")
        with house.database.write() as connection:
            row = sa.update(audit_entry).where(audit_entry.c.seq == 4)
            connection.execute(row.values(body=b'{"seq":4}'))
        tab_to(page, "#verified button[value=yes]")
        page.keyboard.press("Enter")
        page.wait_for_selector(".altered")
        assert "entry 4 (" in page.inner_text(".altered")
        assert faults(page) == []
