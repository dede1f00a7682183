"""The page of an action in a real browser: folded values, the button, both widths, and no scripts at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.simulators.desk_of_leads import Desk
from tests.simulators.served import served
from tests.simulators.web_client import link

from muniment.app import Workspace
from muniment.foundation.clock import FixedClock

LONG = "Pay <script>alert(1)</script> \u202e001.\n" * 9


@pytest.fixture
def desk(make_workspace: Callable[..., Workspace], clock: FixedClock) -> Desk:
    return Desk(make_workspace, clock)


def opened(chromium: Any, address: str, desk: Desk, path: str, **options: Any) -> tuple[Any, list[str]]:
    """Sign a lead in and open a page; return it with what the browser complained of."""
    noise: list[str] = []
    page = chromium.new_context(**options).new_page()
    page.set_default_timeout(8_000)
    page.on("console", lambda message: noise.append(message.text))
    page.on("pageerror", lambda error: noise.append(str(error)))
    page.on("dialog", lambda dialog: noise.append(dialog.message))
    page.on("request", lambda one: None if one.url.startswith(address) else noise.append(one.url))
    page.goto(f"{address}/signin?token={link(desk.workspace, 'bob')}")
    page.click("main button")
    page.goto(address + path)
    return page, noise


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_nothing_is_approved_before_every_folded_value_was_opened(
    chromium: Any, desk: Desk, width: int, scheme: str
) -> None:
    made = desk.waiting(reason=LONG)
    with served(desk.workspace) as address:
        page, noise = opened(
            chromium,
            address,
            desk,
            f"/approvals/{made.id}",
            viewport={"width": width, "height": 844},
            color_scheme=scheme,
        )
        button = page.locator("[data-approve] button")
        page.wait_for_selector("[data-approve] button:disabled")
        assert page.locator(".unread").is_visible()
        page.locator("details[data-long] summary").focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("[data-approve] button:enabled")
        assert "[U+202E]" in page.locator("details[data-long] .value").inner_text()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        button.focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("text=It was carried out.")
        page.context.close()
    assert noise == [] and len(desk.effects()) == 1


def test_without_scripts_all_stands_open_and_can_be_decided(chromium: Any, desk: Desk) -> None:
    made = desk.waiting(reason=LONG)
    with served(desk.workspace) as address:
        page, noise = opened(chromium, address, desk, f"/approvals/{made.id}", java_script_enabled=False)
        assert "[U+202E]" in page.locator("details[data-long] .value").inner_text()
        page.fill("#reason", "Paid already.")
        page.click("text=Reject >> nth=-1")
        assert "It was rejected." in page.locator(".banner").inner_text()
        page.context.close()
    assert noise == [] and desk.effects() == []
