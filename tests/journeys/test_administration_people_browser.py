"""The pages of sources, people, access and policy in a real browser: by keyboard, without scripts, for everybody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.simulators.browser import faults, page_of, sign_in, tab_to
from tests.simulators.kept_company import hidden_id, kept_company
from tests.simulators.served import served

from muniment.app import Workspace
from muniment.governance.policy.rules import shipped, version_of

SHIPPED = version_of(shipped())[7:]


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, str]]:
    workspace = kept_company(tmp_path_factory.mktemp("company"))
    with served(workspace) as address:
        yield workspace, address
    workspace.close()


def typed(page: Any, selector: str, text: str) -> None:
    """Write into a field by keyboard alone."""
    tab_to(page, selector)
    page.keyboard.type(text)


def test_a_curator_sees_who_gains_and_loses_and_sets_it_by_keyboard(
    chromium: Any, company: tuple[Workspace, str]
) -> None:
    workspace, address = company
    with page_of(chromium, address) as page:
        sign_in(page, address, workspace, "judy")
        page.goto(f"{address}/administration/sources")
        assert faults(page) == []
        page.goto(f"{address}/administration/sources/papers")
        assert faults(page) == []
        typed(page, "#place", "bread/new.md")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=They could read it")
        typed(page, "#where", "bread")
        typed(page, "#allow", "group:board")
        tab_to(page, "section:has(#set) button")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=Nothing is set yet.")
        assert faults(page) == []
        tab_to(page, "main form button")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=felt from the next request on")
        typed(page, "#place", "bread/new.md")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=A list set by hand rules there")
        assert faults(page) == []


def test_an_officer_looks_after_people_access_and_policy(
    chromium: Any, company: tuple[Workspace, str]
) -> None:
    workspace, address = company
    with page_of(chromium, address) as page:
        sign_in(page, address, workspace, "frank")
        for path in ("directory", "directory/group/staff"):
            page.goto(f"{address}/administration/{path}")
            assert faults(page) == []
        page.goto(f"{address}/administration/directory/user/bob")
        tab_to(page, ".fold:not(.ledger .fold) > summary")
        page.keyboard.press("Enter")
        page.select_option("#role", "evaluator")
        page.fill("#reason", "He tests")
        assert faults(page) == []
        tab_to(page, ".fold:not(.ledger .fold) button")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=The role is given.")
        page.goto(f"{address}/administration/access")
        typed(page, "input[name=name]", "bob")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=Documents that Bob Okafor may read")
        assert faults(page) == []
        typed(page, "input[name=document]", hidden_id(workspace))
        page.keyboard.press("Enter")
        page.wait_for_selector("text=A document whose name you may not see")
        assert faults(page) == []
        page.fill("#who", "ivan")
        page.select_option("#action", "read_document")
        page.fill("#about", "workspace")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=operators-read-nothing")
        assert faults(page) == []


def test_a_draft_is_tested_put_in_force_and_taken_back(chromium: Any, company: tuple[Workspace, str]) -> None:
    workspace, address = company
    with page_of(chromium, address) as page:
        sign_in(page, address, workspace, "frank")
        page.goto(f"{address}/administration/policy/draft")
        text = page.input_value("#policies")
        assert text == workspace.policies.show().policies
        page.fill("#policies", text.replace("permit (", "permi (", 1))
        tab_to(page, ".form.is-wide button")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=Line 6:")
        page.fill("#policies", text.replace('Action::"ask", ', "", 1))
        tab_to(page, ".form.is-wide button")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=It may be put in force")
        assert faults(page) == []
        typed(page, "#reason", "No asking")
        tab_to(page, ".activate button")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=No asking")
        assert faults(page) == []
        page.goto(f"{address}/administration/policy/versions/{SHIPPED}")
        assert faults(page) == []
        typed(page, "#reason", "Asking is needed")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=Asking is needed")
        assert workspace.policies.show().policies == text
