"""What each role is there for, done from the first page to the end with a keyboard and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.simulators.browser import PHONE, VIEWS, page_of, sign_in
from tests.simulators.keyboard import choose, follow, go, hindrances, press, skips, write
from tests.simulators.staffed_company import Company, staffed_company

from muniment.governance.identity.principal import OPERATOR

Opens = Callable[[str], AbstractContextManager[Any]]
PAY = "How much is the on-call engineer paid for each weekend?"
PROOF = "The on-call engineer is paid 900 crowns for each weekend."
AREAS, LOCAL = ".areas a", ".local a"


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with staffed_company(tmp_path_factory.mktemp("staffed")) as made:
        yield made


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Have each journey made at both widths and in both schemes; outside the proof, in one of them, by turns."""
    if "view" not in metafunc.fixturenames:
        return
    usual = VIEWS[1 + len(metafunc.function.__name__) % 2]
    views = [
        pytest.param(
            view,
            id=f"{'phone' if view[0] == PHONE else 'desk'}-{view[1]}",
            marks=() if view == usual else pytest.mark.prove,
        )
        for view in VIEWS
    ]
    metafunc.parametrize("view", views)


@pytest.fixture
def opens(view: tuple[dict[str, int], str], chromium: Any, company: Company) -> Opens:
    """Return what signs somebody in, at one of the widths and in one of the schemes."""
    viewport, scheme = view

    @contextmanager
    def opened(name: str) -> Iterator[Any]:
        options = {"viewport": viewport, "color_scheme": scheme, "reduced_motion": "reduce"}
        with page_of(chromium, company.address, **options) as page:
            sign_in(page, company.address, company.workspace, name)
            yield page

    return opened


def main(page: Any) -> str:
    return page.locator("main").inner_text()


def kept(page: Any, selector: str, text: str = "") -> str:
    """Take a file by the keyboard and return what it says."""
    go(page, selector, text)
    with page.expect_download() as taken:
        page.keyboard.press("Enter")
    return Path(taken.value.path()).read_text("utf-8")


def test_a_reader_asks_reads_on_at_the_mark_follows_up_shares_and_takes_it_away(opens: Opens) -> None:
    with opens("alice") as page:
        write(page, "#question", PAY)
        page.keyboard.press("Enter")
        page.wait_for_url("**/answers/*")
        answer = page.url
        press(page, ".chip")
        shown = page.locator(".sheet[open] .source, .evidence .source.is-active").locator("visible=true").last
        assert PROOF in shown.locator("mark").inner_text()
        follow(page, ".source .open")
        assert page.url.endswith("#quote") and PROOF in page.locator("mark#quote").inner_text()
        assert page.evaluate("document.querySelector('#quote').getBoundingClientRect().top < innerHeight")
        page.goto(answer)
        page.wait_for_selector("[data-question]")
        assert hindrances(page) == [] and skips(page)
        write(page, "#question", "And when does the canteen open?")
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "/answers/" in url and url != answer)
        follow(page, ".whole:not([hidden]) a")
        page.wait_for_url("**/conversations/*")
        assert page.locator(".talk h3").count() == 2
        assert PROOF in kept(page, "a[href$='/export']")
        press(page, "#sharing summary")
        write(page, "#sharing [name=name]", "ben")
        follow(page, "#sharing button[type=submit]")
        assert "ben" in page.locator(".along").inner_text()
    with opens("ben") as page:
        follow(page, ".recent a", "of alice")
        assert "You see of it what you may read yourself." in main(page)
        assert "canteen" in main(page) and not any(words in main(page) for words in (PAY, PROOF, "900"))


def test_an_approver_opens_what_is_folded_approves_one_rejects_one_and_proves_who_they_are(
    opens: Opens, company: Company
) -> None:
    taken, refused = company.waiting(), company.waiting("Asked for twice.")
    before = len(company.shop.effects)
    with opens("carol") as page:
        follow(page, AREAS, "Approvals")
        follow(page, f"a[href='/approvals/{refused.id}']")
        write(page, "#reason", "It was paid in March.")
        follow(page, "form[action$='/reject'] button")
        assert "It was rejected." in page.locator(".banner").inner_text()
        assert "Carol Lindqvist rejected it." in main(page)
        follow(page, ".back a")
        company.later(minutes=20)
        follow(page, f"a[href='/approvals/{taken.id}']")
        assert page.locator("[data-approve] button").is_disabled()
        assert hindrances(page) == [] and skips(page)
        press(page, "details[data-long] summary")
        page.wait_for_selector("[data-approve] button:enabled")
        assert "The tins in it were dented." in page.locator("details[data-long] .value").inner_text()
        follow(page, "[data-approve] button")
        assert page.url.endswith("/signin?again=1") and len(company.shop.effects) == before
        sign_in(page, company.address, company.workspace, "carol")
        assert page.url.endswith(taken.id)
        press(page, "details[data-long] summary")
        page.wait_for_selector("[data-approve] button:enabled")
        follow(page, "[data-approve] button")
        assert "It was carried out." in page.locator(".banner").inner_text()
    assert [arguments for _, _, arguments in company.shop.effects[before:]] == [taken.bound.arguments]


def test_an_auditor_searches_opens_an_entry_verifies_and_takes_a_proof(opens: Opens) -> None:
    with opens("grace") as page:
        follow(page, AREAS, "Audit")
        assert hindrances(page) == [] and skips(page)
        choose(page, "[name=kind]", "answer.finished")
        write(page, "[name=by]", "alice")
        follow(page, "form.is-seek button[type=submit]")
        found = page.locator(".log .what").all_inner_texts()
        assert found and set(found) == {"Answer finished"} and "alice" not in page.url
        follow(page, ".log a")
        assert page.locator("h1").inner_text() == "Answer finished"
        number = page.url.rpartition("/")[2]
        follow(page, LOCAL, "Proof")
        follow(page, "#verified button[value=yes]")
        assert page.locator(".figures .badge").inner_text() == "All that was read fits"
        write(page, "form[action$='/inclusion'] input", number)
        assert f"\nindex {number}\n" in kept(page, "form[action$='/inclusion'] button")


def test_an_evaluator_compares_two_runs_and_judges_answers_blindly(opens: Opens, company: Company) -> None:
    drawn = company.sample("Another week.")
    with opens("erin") as page:
        follow(page, AREAS, "Quality")
        follow(page, LOCAL, "Runs")
        follow(page, ".ledger a")
        follow(page, "form[action$='/compare'] button")
        assert "Compared with the baseline" in main(page)
        assert hindrances(page) == [] and skips(page)
        follow(page, LOCAL, "Review")
        follow(page, f"a[href='/quality/review/{drawn}']")
        judged: list[str] = []
        for key in ("Space", "2"):
            shown = main(page)
            assert "Dave" not in shown and "dave" not in shown and "papers" not in shown
            judged.append(page.locator(".judged h2").inner_text())
            go(page, "[name=verdict]")
            page.keyboard.press(key)
            at = 1 if key == "2" else 0
            assert page.locator("[name=verdict]").nth(at).is_checked()
            follow(page, ".verdicts button[type=submit]")
        assert "2 judged" in main(page) or "Thank you" in main(page)


def test_a_curator_sees_what_a_release_and_a_prompt_change_and_promotes_the_prompt(
    opens: Opens, company: Company
) -> None:
    rule = f"Use the words of {company.workspace.ids.new('list')}."
    version = company.draft(rule)
    with opens("judy") as page:
        follow(page, AREAS, "Quality")
        follow(page, "a[href='/quality/releases/second']")
        assert "mine" in page.locator("section[aria-labelledby=difference]").inner_text()
        assert hindrances(page) == [] and skips(page)
        follow(page, AREAS, "Administration")
        follow(page, LOCAL, "Prompts")
        follow(page, f".ledger a[href$='{version}']")
        choose(page, "[name=against]", live(company))
        follow(page, ".form.is-row button")
        assert rule in page.locator(".diff ins").last.inner_text()
        write(page, "#promote-reason", "It reads better.")
        follow(page, "form[action$='/promote'] button")
        assert "Candidate" in page.locator(".pairs").first.inner_text()
        assert "It reads better." in main(page)


def live(company: Company) -> str:
    found = next(
        one for one in company.workspace.prompts.all() if one.prompt.name == "answer" and one.stage == "live"
    )
    return found.prompt.digest.removeprefix("sha256:")[:16]


def test_a_contributor_sees_a_source_what_was_left_out_of_it_and_who_would_read_a_new_file(
    opens: Opens,
) -> None:
    with opens("ben") as page:
        follow(page, AREAS, "Administration")
        follow(page, "main a", "papers")
        assert hindrances(page) == [] and skips(page)
        left_out = page.locator("section[aria-labelledby=failures]").inner_text()
        assert "A new file" in left_out and "empty" in left_out
        write(page, "#place", "engineering/new.md")
        follow(page, "#who ~ form button")
        assert page.locator("#who ~ .result .said").is_visible()


def test_a_security_officer_answers_who_reads_what_gives_and_takes_a_role_and_changes_the_policy(
    opens: Opens, company: Company
) -> None:
    before = company.workspace.policies.show()
    with opens("frank") as page:
        follow(page, AREAS, "Administration")
        follow(page, LOCAL, "Access")
        write(page, "[name=document]", company.document("engineering/oncall.md"))
        follow(page, "form[action$='/document#document'] button")
        assert "A document whose name you may not see" in main(page)
        assert (
            "Alice Moreau" in page.locator("#may ~ *, section[aria-labelledby=document]").first.inner_text()
        )
        follow(page, LOCAL, "Directory")
        follow(page, ".ledger a", "Dave Un")
        press(page, "details:has(#role) > summary")
        choose(page, "#role", "evaluator")
        write(page, "#reason", "He tests.")
        follow(page, "details:has(#role) button")
        assert "The role is given." in main(page)
        assert hindrances(page) == [] and skips(page)
        press(page, "details:has(#take-evaluator) > summary")
        write(page, "#take-evaluator", "He is through.")
        follow(page, "details:has(#take-evaluator) button")
        assert "The role is taken back." in main(page)
        follow(page, LOCAL, "Policy")
        follow(page, "a[href='/administration/policy/draft']")
        go(page, "#policies")
        page.keyboard.press("Control+End")
        page.keyboard.type(f"// Read after {before.version[7:15]}.")
        follow(page, ".form.is-wide .row button", "Test")
        assert "It may be put in force" in main(page)
        write(page, "#reason", "It was read again.")
        follow(page, ".activate button")
        assert (
            "It was read again."
            in page.locator("section[aria-labelledby=history] tbody tr").first.inner_text()
        )
    assert company.workspace.policies.show().version != before.version


def test_an_operator_looks_after_health_stops_everything_goes_on_and_opens_an_incident(
    opens: Opens, company: Company
) -> None:
    with opens("olga") as page:
        follow(page, AREAS, "Administration")
        assert "Version" in page.locator(".figures").inner_text()
        follow(page, LOCAL, "Tools")
        press(page, ".fold summary", "Stop everything")
        write(page, "#stop-all", "Odd mails are sent.")
        press(page, "[name=sure]", key="Space")
        follow(page, "button.alarm")
        assert "Odd mails are sent." in main(page) and len(company.workspace.stops.lasting()) == 1
        assert hindrances(page) == [] and skips(page)
        follow(page, ".stops form button")
        assert company.workspace.stops.lasting() == []
        follow(page, LOCAL, "Incidents")
        press(page, ".fold summary")
        write(page, "#subject", "user:dave")
        choose(page, "#severity", "high")
        write(page, "#says", "Mails were sent at night.")
        follow(page, ".fold[open] button")
        press(page, ".fold summary", "Freeze")
        choose(page, "#kind", "user")
        write(page, "#name", "dave")
        write(page, "#freeze-reason", "While we look.")
        follow(page, ".fold[open] button")
        assert company.workspace.incidents.frozen(None, OPERATOR)[0].name == "dave"
    company.workspace.incidents.thaw("user", "dave", "It was tried.", None, OPERATOR)
