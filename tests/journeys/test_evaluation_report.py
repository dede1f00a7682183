"""The report of a run in a real browser: by itself, at both widths and in both schemes, and for everybody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.simulators import reported_runs
from tests.simulators.browser import AXE, DESK, FITS, PHONE, VIEWS

from muniment.assurance.evaluation.reports.page import page

ADDRESS = "http://report.test/"
SERVER = "https://muniment.example"
EVERY_VIEW = pytest.mark.parametrize(("viewport", "scheme"), VIEWS)
OPEN_ALL = "document.querySelectorAll('details').forEach(one => one.open = true)"
REPEATED = ".case ~ .case, .group ~ .group ~ .group, .chart svg:nth-of-type(n + 4), tbody tr:nth-child(n + 4)"


@dataclass
class Opened:
    page: Any
    noise: list[str] = field(default_factory=list)
    """What the console said, and every address that was asked for beside the page's own."""


@pytest.fixture(scope="module")
def full() -> str:
    return page(reported_runs.full(), SERVER)


@pytest.fixture(scope="module")
def hostile() -> str:
    return page(reported_runs.hostile(), SERVER)


@contextmanager
def opened(chromium: Any, content: str, **options: Any) -> Iterator[Opened]:
    """Open a report that is all there is: whatever else is asked for is noted and not given."""
    context = chromium.new_context(**options)
    shown = Opened(context.new_page())

    def give(route: Any) -> None:
        if route.request.url == ADDRESS:
            route.fulfill(body=content, content_type="text/html; charset=utf-8")
        else:
            shown.noise.append(route.request.url)
            route.abort()

    context.route("**/*", give)
    shown.page.on("console", lambda message: shown.noise.append(message.text))
    shown.page.on("pageerror", lambda error: shown.noise.append(str(error)))
    shown.page.on("dialog", lambda dialog: shown.noise.append(dialog.message))
    shown.page.goto(ADDRESS)
    yield shown
    context.close()


@pytest.fixture(scope="module")
def whole(chromium: Any, full: str) -> Iterator[Opened]:
    """Return a report with all its parts open."""
    with opened(chromium, full) as shown:
        shown.page.evaluate(OPEN_ALL)
        yield shown


@pytest.fixture(scope="module")
def checked(chromium: Any, full: str) -> Iterator[Any]:
    """Return a page with axe-core in it, and of what it repeats three: more of them say nothing new."""
    if not AXE.is_file():
        pytest.skip(f"the npm package axe-core is not at {AXE}: `make node` fetches it")
    with opened(chromium, full) as shown:
        shown.page.evaluate(OPEN_ALL)
        shown.page.evaluate(f"document.querySelectorAll('{REPEATED}').forEach(one => one.remove())")
        shown.page.evaluate(AXE.read_text("utf-8"))
        yield shown.page


@EVERY_VIEW
def test_a_report_stands_by_itself_and_fits(whole: Opened, viewport: dict[str, int], scheme: str) -> None:
    whole.page.set_viewport_size(viewport)
    whole.page.emulate_media(color_scheme=scheme)
    assert "2 breaches" in whole.page.locator("h2").first.inner_text()
    assert whole.page.evaluate(FITS)
    assert whole.noise == []


@EVERY_VIEW
def test_nothing_keeps_anybody_from_using_it(checked: Any, viewport: dict[str, int], scheme: str) -> None:
    checked.set_viewport_size(viewport)
    checked.emulate_media(color_scheme=scheme)
    found = checked.evaluate(
        "axe.run({resultTypes: ['violations']}).then(({violations, passes}) =>"
        " ({broken: violations.map(one => [one.id, one.nodes.map(node => node.html.slice(0, 200))]),"
        " kept: passes.map(one => one.id)}))"
    )
    assert found["broken"] == []
    assert {"color-contrast", "svg-img-alt", "landmark-one-main", "heading-order"} <= set(found["kept"])


def test_hostile_texts_are_seen_and_do_nothing(chromium: Any, hostile: str) -> None:
    with opened(chromium, hostile) as shown:
        shown.page.evaluate(OPEN_ALL)
        assert "<script>alert(1)</script>" in shown.page.locator("h1").inner_text()
        whole = shown.page.locator("body").inner_text()
        assert "[U+202E]right to left[U+202C]" in whole and "\u202e" not in whole
        assert shown.page.locator("script, img, iframe, [onerror], [style]").count() == 0
        assert shown.page.locator("style").count() == 1
        links = shown.page.eval_on_selector_all("a", "found => found.map(one => one.getAttribute('href'))")
        assert all(one.startswith(("#", f"{SERVER}/answers/")) for one in links)
        for direction in ("ltr", "rtl"):
            shown.page.evaluate(f"document.documentElement.dir = '{direction}'")
            for viewport in (PHONE, DESK):
                shown.page.set_viewport_size(viewport)
                assert shown.page.evaluate(FITS)
        assert shown.noise == []


def test_its_policy_refuses_a_style_and_a_script_that_are_not_its_own(chromium: Any, full: str) -> None:
    with opened(chromium, full) as shown:
        shown.page.evaluate(
            "for (const [name, text] of [['style', 'h1 { color: red }'], ['script', 'window.ran = true']]) {"
            "  const made = document.createElement(name); made.textContent = text; document.head.append(made) }"
        )
        assert shown.page.evaluate("window.ran") is None
        assert shown.page.evaluate("getComputedStyle(document.querySelector('h1')).color") != "rgb(255, 0, 0)"
        assert len(shown.noise) == 2 and all("Content Security Policy" in one for one in shown.noise)


def test_the_keyboard_opens_a_group_of_cases_and_a_breach_leads_to_its_case(chromium: Any, full: str) -> None:
    with opened(chromium, full, viewport=PHONE, java_script_enabled=False) as shown:
        shown.page.click(".breaches a >> nth=1")
        assert shown.page.locator("#case-2").is_visible()
        closed = shown.page.locator(".group:not([open])").first
        closed.locator("> summary").focus()
        shown.page.keyboard.press("Enter")
        assert shown.page.locator(".group:not(.is-breach)[open] .case").first.is_visible()
        first = shown.page.locator(".case").first
        assert first.locator("code").inner_text() == "muniment explain ans_01kb4x0023"
        assert first.locator(".trail a").get_attribute("href") == f"{SERVER}/answers/ans_01kb4x0023/lineage"
