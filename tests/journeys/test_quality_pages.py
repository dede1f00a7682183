"""Who measures answers sees it all in a browser, who decides on releases decides there, and nobody else sees any."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from tests.simulators.browser import faults, page_of, sign_in
from tests.simulators.proving_ground import ONCALL, SECRET, proving_ground
from tests.simulators.served import served
from tests.simulators.web_client import Browser, kinds

from muniment.app import Workspace
from muniment.app.evaluating import run_reading
from muniment.app.releasing import releasing_of
from muniment.governance.identity.principal import OPERATOR

BLOCK = "canteen:all_facts"
READ = (
    "/quality",
    "/quality/suites",
    "/quality/suites/canteen",
    "/quality/runs",
    "/quality/ladder",
    "/quality/live",
)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    made = proving_ground(tmp_path_factory.mktemp("ground"))
    made.monitoring.sampling.draw(4, timedelta(days=7), "The first week.", None, OPERATOR)
    yield made
    made.close()


def newest(ground: Workspace, count: int = 1) -> list[str]:
    return [one.run.id for one in run_reading(ground).listing(None, OPERATOR, count, "", "canteen").runs]


def sample(ground: Workspace) -> str:
    return ground.monitoring.reviewing.waiting(ground.principal("erin"), OPERATOR)[0].drawn.id


@pytest.mark.parametrize("name", ["erin", "grace"])
def test_whoever_reads_suites_sees_how_it_stands(ground: Workspace, name: str) -> None:
    reader = Browser(ground).sign_in(name)
    for path in READ:
        got = reader.http.get(path)
        assert got.status_code == 200, (path, got.text[:300])
        assert SECRET not in got.text, path
    page = reader.http.get("/quality").text
    assert "canteen" in page and "One target missed" in page and ">first</a>" in page
    assert "<style" not in page and "style=" not in page


@pytest.mark.parametrize("name", ["dave", "olga", "carol"])
def test_to_everybody_else_it_looks_like_nothing(ground: Workspace, name: str) -> None:
    other = Browser(ground).sign_in(name)
    run, drawn = newest(ground)[0], sample(ground)
    absent = other.http.get("/quality/nowhere").content
    for path in (
        *READ,
        f"/quality/runs/{run}",
        f"/quality/runs/{run}/report/json",
        f"/quality/review/{drawn}",
    ):
        got = other.http.get(path)
        assert got.status_code == 404 and got.content == absent, path


def test_a_run_is_shown_as_its_report_without_paths_that_the_reader_may_not_read(ground: Workspace) -> None:
    erin = Browser(ground).sign_in("erin")
    run, before = newest(ground, 2)
    page = erin.http.get(f"/quality/runs/{run}").text
    assert ONCALL in page and SECRET not in page and "were left out" in page
    assert "Left out a fact" in page and "muniment explain" not in page
    seen = erin.http.get(f"/quality/runs/{run}/compare", params={"with": before}).text
    assert "only in this" in seen and "Compared with the baseline" in seen and SECRET not in seen
    assert erin.http.get(f"/quality/runs/{run}/compare", params={"with": "eval_none"}).status_code == 404


@pytest.mark.parametrize("form", ["html", "md", "json", "xml"])
def test_a_report_is_downloaded_under_a_plain_name(ground: Workspace, form: str) -> None:
    run = newest(ground)[0]
    got = Browser(ground).sign_in("grace").http.get(f"/quality/runs/{run}/report/{form}")
    assert got.headers["content-disposition"] == f'attachment; filename="canteen-{run}.{form}"'
    assert SECRET not in got.text and (form != "json" or json.loads(got.text)["run"])


def test_a_suite_is_checked_by_whoever_may_run_it_and_tells_no_path(ground: Workspace) -> None:
    erin, grace = (Browser(ground).sign_in(name) for name in ("erin", "grace"))
    found = erin.post("/quality/suites/canteen/check", csrf=erin.csrf)
    assert found.status_code == 200 and "stands in none of its documents" in found.text
    assert SECRET not in found.text and "midnight" in found.text
    assert grace.post("/quality/suites/canteen/check", csrf=grace.csrf).status_code == 403
    assert erin.http.get("/quality/suites/none").status_code == 404


def test_a_release_that_something_stops_goes_out_only_once_a_second_person_stands_by_it(
    ground: Workspace,
) -> None:
    judy, carol = (Browser(ground).sign_in(name) for name in ("judy", "carol"))
    page = "/quality/releases/second"
    assert BLOCK in judy.http.get(page).text and judy.http.get("/quality").status_code == 404
    refused = judy.post(f"{page}/promote", csrf=judy.csrf, reason="It is time.", share="")
    assert refused.status_code == 409 and "does not go out" in refused.text
    assert judy.post(f"{page}/promote", csrf=judy.csrf, reason="x", share="many").status_code == 422
    asked = judy.post(f"{page}/waiver", csrf=judy.csrf, reason="Known; mended in May.", block=BLOCK)
    assert asked.status_code == 303 and "Waiver asked for" in judy.http.get(page).text
    assert (
        "canteen:ndcg" in judy.post(f"{page}/waiver", csrf=judy.csrf, reason="x", block="canteen:ndcg").text
    )

    waits = carol.http.get("/quality/waivers").text
    assert "Known; mended in May." in waits and "user:judy" in waits
    (number,) = re.findall(r"/quality/waivers/(\d+)/agree", waits)
    assert judy.http.get("/quality/waivers").status_code == 404
    assert judy.post(f"/quality/waivers/{number}/agree", csrf=judy.csrf, reason="x").status_code == 404
    agreed = carol.post(f"/quality/waivers/{number}/agree", csrf=carol.csrf, reason="I looked at it.")
    assert agreed.status_code == 303 and "Nothing waits" in carol.http.get("/quality/waivers").text
    done = judy.post(f"{page}/promote", csrf=judy.csrf, reason="It is time.", share="10")
    assert done.status_code == 303, done.text
    assert "10 % of people" in Browser(ground).sign_in("grace").http.get("/quality").text
    assert "before 10" not in judy.http.get("/quality/releases/first").text
    wrong = judy.post("/quality/releases/first/rollback", csrf=judy.csrf, reason="x")
    assert wrong.status_code == 409 and "a canary runs" in wrong.text
    ended = judy.post(f"{page}/rollback", csrf=judy.csrf, reason="Answers got vague.")
    assert ended.status_code == 303 and "Taken back" in judy.http.get(page).text
    assert {"release.waiver_asked", "release.waived", "release.canary", "release.rolled_back"} <= {
        *kinds(ground)
    }


def test_whoever_may_not_promote_is_offered_nothing_and_refused(ground: Workspace) -> None:
    grace = Browser(ground).sign_in("grace")
    assert "/promote" not in grace.http.get("/quality/releases/second").text
    got = grace.post("/quality/releases/second/promote", csrf=grace.csrf, reason="x", share="")
    assert got.status_code in (403, 409)
    rooms = releasing_of(ground)
    assert rooms.releases.find("first").in_force


def test_an_old_sign_in_is_proved_anew_before_a_release_moves(ground: Workspace) -> None:
    judy = Browser(ground).sign_in("judy")
    csrf = judy.csrf
    ground.clock.advance(hours=1)  # type: ignore[attr-defined]
    got = judy.post("/quality/releases/first/promote", csrf=csrf, reason="x", share="")
    assert got.status_code == 303 and got.headers["location"] == "/signin?again=1"


def test_a_reviewer_judges_blindly_skips_and_is_thanked(ground: Workspace) -> None:
    erin = Browser(ground).sign_in("erin")
    drawn = sample(ground)
    shown = erin.http.get(f"/quality/review/{drawn}").text
    for hidden in ("dave", "quotes", "mine@", SECRET, "ans_"):
        assert hidden not in shown.partition("<main")[2], hidden
    item = item_of(shown)
    other = item_of(erin.http.get(f"/quality/review/{drawn}?after={item}").text)
    assert other != item
    missing = erin.post(f"/quality/review/{drawn}/label", csrf=erin.csrf, item=item, note="why so")
    assert missing.status_code == 422 and "No verdict was chosen" in missing.text and "why so" in missing.text
    judged = set[str]()
    while 'name="item"' in (page := erin.http.get(f"/quality/review/{drawn}").text):
        item = item_of(page)
        verdict = re.findall(r'name="verdict" value="([a-z-]+)"', page)[0]
        got = erin.post(f"/quality/review/{drawn}/label", csrf=erin.csrf, item=item, verdict=verdict, note="")
        assert got.status_code == 303 and item not in judged
        judged.add(item)
    assert len(judged) >= 2 and "Thank you" in page and "review.js" not in page
    agreement = erin.http.get(f"/quality/review/{drawn}/agreement").text
    assert "Rests on" in agreement and SECRET not in agreement


def item_of(page: str) -> str:
    found = re.search(r'name="item" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def test_a_sample_is_drawn_on_the_page(ground: Workspace) -> None:
    bob = Browser(ground).sign_in("bob")
    wrong = bob.post("/quality/review", csrf=bob.csrf, size="four", days="7", reason="Another week.")
    assert wrong.status_code == 422 and "Answers is no number" in wrong.text
    made = bob.post("/quality/review", csrf=bob.csrf, size="4", days="7", reason="Another week.")
    assert made.status_code == 303 and bob.http.get("/quality/review").text.count("Agreement") == 2


def test_every_page_can_be_used_by_everybody(ground: Workspace, chromium: Any) -> None:
    run, before = newest(ground, 2)
    ground.monitoring.sampling.draw(4, timedelta(days=7), "Another.", None, OPERATOR)
    drawn = sample(ground)
    mine = (
        *READ,
        f"/quality/runs/{run}",
        f"/quality/runs/{run}/compare?with={before}",
        "/quality/releases",
        "/quality/releases/second",
        "/quality/review",
        f"/quality/review/{drawn}/agreement",
        f"/quality/review/{drawn}",
    )
    with served(ground) as address, page_of(chromium, address, bypass_csp=True) as page:
        sign_in(page, address, ground, "erin")
        for path in mine:
            page.goto(address + path)
            assert faults(page) == [], path
        page.keyboard.press("2")
        chosen = page.locator("input[name=verdict]:checked")
        assert chosen.get_attribute("value") == page.locator("input[name=verdict]").nth(1).get_attribute(
            "value"
        )
        page.context.clear_cookies()
        for name, path in (("carol", "/quality/waivers"), ("judy", "/quality/releases/first")):
            sign_in(page, address, ground, name)
            page.goto(address + path)
            assert faults(page) == [], path
            page.context.clear_cookies()
