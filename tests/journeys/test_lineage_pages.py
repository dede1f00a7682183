"""How an answer came about, done again and beside another one, as pages for whoever asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selectolax.lexbor import LexborHTMLParser
from tests.simulators.browser import faults, page_of, sign_in, tab_to
from tests.simulators.served import served
from tests.simulators.web_client import Browser, document_id

from muniment import app
from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR
from muniment.interfaces.web.asking.beside import marked

PAY, STAGES = (
    "What is the on-call engineer paid?",
    ["Question", "Who asked", "Search", "Prompt", "Model", "Checks", "Answer"],
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    place = tmp_path_factory.mktemp("lineage")
    made = app.create(place / "home", embedder=lambda: None)
    (place / "people.toml").write_text(
        '[users.alice]\nname = "Alice Moreau"\ngroups = ["platform"]\n[users.bob]\n[groups.platform]\n'
    )
    made.directory.import_file(place / "people.toml", OPERATOR)
    (place / "papers").mkdir()
    (place / "papers" / "access.toml").write_text('allow = ["group:platform"]\n')
    write(made, place, "320 crowns a week")
    yield made
    made.close()


def write(workspace: Workspace, place: Path, pay: str) -> None:
    (place / "papers" / "oncall.md").write_text(f"# On call\n\nThe on-call engineer is paid {pay}.\n")
    workspace.ingest(place / "papers", "papers")


@pytest.fixture(scope="module")
def answers(house: Workspace, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Two answers of alice's to one question, before and after its document was changed."""
    place = house.home.parent
    first = house.ask(PAY, "alice").id
    write(house, place, "350 crowns a month")
    return first, house.ask(PAY, "alice").id


@pytest.fixture
def alice(house: Workspace) -> Browser:
    return Browser(house).sign_in("alice")


def texts(page: Any, selector: str) -> list[str]:
    return [" ".join(one.text().split()) for one in LexborHTMLParser(page.text).css(selector)]


def test_the_chain_leads_from_the_question_to_the_answer_with_the_time_of_each_stage(
    house: Workspace, alice: Browser, answers: tuple[str, str]
) -> None:
    answer = answers[1]
    assert f'href="/answers/{answer}/lineage"' in alice.http.get(f"/answers/{answer}").text
    page = alice.http.get(f"/answers/{answer}/lineage")
    assert texts(page, ".chain h2") == STAGES
    assert texts(page, ".chain .asked") == [PAY]
    stated = house.lineage.explain(house.principal("alice"), answer).lineage
    for told in (stated["policy"], stated["prompt"], stated["source"], "Alice Moreau", "Cited"):
        assert str(told) in page.text
    entries = [one for one in house.audit.query(kind="answer.request") if one.about["answer"] == answer]
    assert entries[0].at[11:23] in texts(page, ".chain .at")[0]
    times = [one for one in texts(page, ".chain .at") if one]
    assert len(times) == 4 and times == sorted(times)
    assert f"/documents/{document_id(house, 'oncall.md')}?version=2" in page.text


def test_another_persons_and_an_absent_answer_look_the_same(
    house: Workspace, answers: tuple[str, str]
) -> None:
    bob = Browser(house).sign_in("bob")
    for page in ("lineage", "compare"):
        theirs, absent = (bob.http.get(f"/answers/{one}/{page}") for one in (answers[0], "ans_none"))
        assert (theirs.status_code, theirs.content) == (404, absent.content)
    assert bob.post(f"/answers/{answers[0]}/replay", csrf=bob.csrf).status_code == 404


def test_a_follow_up_shows_what_was_asked_and_what_was_answered_in_its_place(
    house: Workspace, alice: Browser
) -> None:
    talk = house.conversations.create(house.principal("alice"), OPERATOR, "Pay").id
    alice.post("/ask", csrf=alice.csrf, question=PAY, conversation=talk)
    sent = alice.post("/ask", csrf=alice.csrf, question="And a month of it?", conversation=talk)
    answer = sent.headers["location"].rpartition("/")[2]
    found = house.lineage.explain(house.principal("alice"), answer)
    page = alice.http.get(f"/answers/{answer}/lineage")
    assert texts(page, ".chain .asked") == ["And a month of it?"]
    if found.question != "And a month of it?":
        assert found.question in page.text


def test_two_answers_side_by_side_mark_what_differs_and_what_only_one_says(
    alice: Browser, answers: tuple[str, str]
) -> None:
    first, second = answers
    chosen = alice.http.get(f"/answers/{second}/compare")
    assert f"/answers/{second}/compare?beside={first}" in chosen.text
    page = alice.http.get(f"/answers/{second}/compare", params={"beside": first})
    assert "They do not say the same." in page.text
    assert texts(page, ".differs b") == ["1", "2"]
    told = texts(page, ".told.is-only p")
    assert len(told) == 2 and "320" in told[0] and "350" in told[1]
    nothing = alice.http.get(f"/answers/{second}/compare", params={"beside": "ans_none"})
    assert nothing.status_code == 404 and texts(nothing, "[role=alert] .said") == ["That did not work"]


def test_a_replay_says_whether_it_repeats_and_what_is_another_now(
    alice: Browser, answers: tuple[str, str]
) -> None:
    first, second = answers
    page = alice.post(f"/answers/{second}/replay", csrf=alice.csrf)
    assert texts(page, "#replayed h2") == ["It repeats"]
    again = LexborHTMLParser(page.text).css_first("#replayed a").attributes["href"]
    assert "Both say the same." in alice.http.get(str(again)).text
    older = alice.post(f"/answers/{first}/replay", csrf=alice.csrf)
    assert "Document papers/oncall.md" in texts(older, ".differs dt")


def test_what_may_not_be_read_any_more_is_withheld_in_the_chain_and_beside(
    house: Workspace, answers: tuple[str, str]
) -> None:
    house.directory.remove_member("platform", "alice", OPERATOR)
    try:
        alice = Browser(house).sign_in("alice")
        page = alice.http.get(f"/answers/{answers[1]}/lineage")
        both = alice.http.get(f"/answers/{answers[1]}/compare", params={"beside": answers[0]})
        again = alice.post(f"/answers/{answers[1]}/replay", csrf=alice.csrf)
    finally:
        house.directory.import_file(house.home.parent / "people.toml", OPERATOR)
    assert "Withheld: you may not read it now." in page.text
    for one in (page, both, again):
        assert one.status_code == 200
        assert not any(word in one.text for word in ("crowns", "oncall", "On call"))


def test_words_are_marked_that_are_others() -> None:
    before, after = marked("version 3", "version 12")
    assert before == (("version ", False), ("3", True)) and after == (("version ", False), ("12", True))
    assert "".join(text for text, _ in marked("a b" * 2000, "c")[0]) == "a b" * 2000


def test_the_pages_in_a_browser(house: Workspace, chromium: Any, answers: tuple[str, str]) -> None:
    first, second = answers
    with served(house) as address, page_of(chromium, address) as page:
        sign_in(page, address, house, "alice")
        page.goto(f"{address}/answers/{second}/compare?beside={first}")
        assert faults(page) == []
        page.goto(f"{address}/answers/{second}/lineage")
        tab_to(page, ".chain summary")
        page.keyboard.press("Enter")
        assert page.locator(".chain details[open]").count() == 1
        tab_to(page, "form[action*=replay] button", most=120)
        page.keyboard.press("Enter")
        page.wait_for_selector("#replayed")
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert faults(page) == []
