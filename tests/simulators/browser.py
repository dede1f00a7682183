"""A real browser: silent, on one origin, by keyboard, at both widths and in both schemes, and for everybody."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.simulators.web_client import link

from muniment.app import Workspace

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
AXE = Path(
    os.environ.get("MUNIMENT_AXE") or Path(__file__).resolve().parents[2] / ".node" / "axe",
    "node_modules/axe-core/axe.min.js",
)
PHONE, DESK = {"width": 360, "height": 740}, {"width": 1400, "height": 900}
VIEWS = ((PHONE, "light"), (PHONE, "dark"), (DESK, "light"), (DESK, "dark"))
FITS = "document.documentElement.scrollWidth <= innerWidth"
_DRAWN = (
    "new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn))).then(() =>"
    " document.getAnimations().filter(one => Number.isFinite(one.effect.getComputedTiming().endTime))"
    ".forEach(one => one.finish()))"
)
_HARMLESS = {"Autofocus processing was blocked because a document already has a focused element."}
"""What a keyboard that is quicker than the page has Chromium say."""
_BROKEN = (
    "axe.run({resultTypes: ['violations']}).then(({violations}) =>"
    " violations.map(one => one.id + ': ' + one.nodes.slice(0, 3).map(node => node.html.slice(0, 200)).join(' | ')))"
)


@contextmanager
def launched() -> Iterator[Any]:
    """Yield Chromium; the test is skipped where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM.exists():
        pytest.skip(f"needs Chromium at {CHROMIUM}")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def page_of(chromium: Any, address: str, **options: Any) -> Iterator[Any]:
    """Open a page that must stay silent and on its own origin."""
    context = chromium.new_context(**options)
    noise: list[str] = []
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.on("console", lambda message: None if message.text in _HARMLESS else noise.append(message.text))
    page.on("pageerror", lambda error: noise.append(str(error)))
    page.on("dialog", lambda dialog: noise.append(dialog.message))
    page.on("request", lambda request: None if request.url.startswith(address) else noise.append(request.url))
    yield page
    context.close()
    assert not noise, noise


def sign_in(page: Any, address: str, workspace: Workspace, name: str) -> None:
    """Sign in as a person, by keyboard."""
    page.goto(f"{address}/signin?token={link(workspace, name)}")
    tab_to(page, "main button")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/signin" not in url)


def tab_to(page: Any, selector: str, most: int = 60) -> None:
    """Go to an element by the Tab key alone."""
    for _ in range(most):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {selector}")


def faults(page: Any, *, every_view: bool = False) -> list[str]:
    """Return what keeps somebody from using the page that is open: what axe finds, and what is wider than a window.

    axe looks at it on a phone in the dark or at a desk in the light, by turns of the pages, or in every view. Where
    axe-core was not fetched, the test is skipped.
    """
    if not AXE.is_file():
        pytest.skip(f"the npm package axe-core is not at {AXE}: `make node` fetches it")
    found: list[str] = []
    page.evaluate(AXE.read_text("utf-8"))
    for viewport, scheme in VIEWS if every_view else [VIEWS[1 + len(page.title()) % 2]]:
        page.set_viewport_size(viewport)
        # What fades from one scheme to the other has no colour of either meanwhile.
        page.emulate_media(color_scheme=scheme)
        page.evaluate(_DRAWN)
        where = f"{viewport['width']} px, {scheme}"
        found += [f"{where}: {one}" for one in page.evaluate(_BROKEN)]
        if not page.evaluate(FITS):
            found.append(f"{where}: wider than the window")
    return found
