"""The pages of workflows: started by a form, followed step by step, ended, and nothing of another's shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from selectolax.lexbor import LexborHTMLParser as HTMLParser
from tests.journeys.test_workflows import PURCHASE, Flow, flowing
from tests.simulators.desk_of_leads import hidden
from tests.simulators.web_client import Browser

from muniment.actions.reads import Reads
from muniment.app import Workspace
from muniment.foundation.errors import Unavailable
from muniment.governance.identity.principal import OPERATOR


@pytest.fixture
def flow(make_workspace: Callable[..., Workspace]) -> Flow:
    return flowing(make_workspace)


def browser(flow: Flow, name: str) -> Browser:
    return Browser(flow.workspace).sign_in(name)


def started(flow: Flow, alice: Browser, name: str, **given: str) -> str:
    """Start a workflow by its form; return the address of its run."""
    form = alice.http.get(f"/workflows/new/{name}").text
    fields = {f"given_{key}": value for key, value in given.items()}
    sent = [alice.post(f"/workflows/new/{name}", **hidden(form), **fields) for _ in range(2)]
    assert [one.status_code for one in sent] == [303, 303]
    assert sent[0].headers["location"] == sent[1].headers["location"]
    return str(sent[0].headers["location"])


def test_a_purchase_is_started_followed_and_cancelled_on_its_pages(flow: Flow) -> None:
    alice = browser(flow, "alice")
    assert "You have started none yet." in alice.http.get("/workflows").text
    place = started(flow, alice, "purchase-request", **PURCHASE)
    made = flow.inbox("request_purchase")

    def waits() -> str | None:
        page = alice.http.get(place).text
        return page if "looks by itself at" in page else None

    page = flow._until(waits)
    tree = HTMLParser(page)
    assert [one.text() for one in tree.css(".timeline .step")] == ["propose", "decided"]
    assert "nobody has decided yet" in tree.css_first(".timeline").text() and "2000.00" in page
    assert tree.css_first(f'a[href="/actions?one={made.id}"]') is not None
    listed = alice.http.get("/workflows?state=waiting").text
    assert place in listed and place not in alice.http.get("/workflows?state=done").text
    assert alice.http.get(f"{place}/state").json()["says"] == "It waits, and goes on by itself."
    assert alice.post(f"{place}/cancel", csrf=alice.csrf).status_code == 303
    over = alice.http.get(place).text
    assert "It was cancelled." in over and "was cut short while it waited" in over
    assert "Cancel the run" not in over
    assert flow.effects() == []


def test_a_form_that_is_not_filled_says_which_field_and_keeps_the_rest(flow: Flow) -> None:
    alice = browser(flow, "alice")
    fields = hidden(alice.http.get("/workflows/new/access-request").text)
    refused = alice.post("/workflows/new/access-request", **fields, given_user="dave", given_system=" ")
    assert refused.status_code == 422 and "System is missing." in refused.text
    assert 'value="dave"' in refused.text and fields["key"] in refused.text
    assert alice.http.get("/workflows/new/nothing").status_code == 404
    assert alice.post("/workflows/new/access-request", csrf=alice.csrf, given_other="x").status_code == 422


def test_attempts_that_failed_are_told_with_their_errors_and_a_timer_with_its_time(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, left = Reads.read, ["orders_get"]

    def flaky(self: Reads, *args: Any) -> Any:
        if args[2] in left:
            left.remove(args[2])
            raise Unavailable("The order system does not answer.", fix="Wait.")
        return real(self, *args)

    monkeypatch.setattr(Reads, "read", flaky)
    alice = browser(flow, "alice")
    case = started(flow, alice, "customer-case", mail="m-1")
    flow.inbox("refund_order")
    page = alice.http.get(case).text
    tries = HTMLParser(page).css_first(".tries")
    assert "The order system does not answer. Wait." in tries.text() and "One attempt before" in page
    access = started(flow, alice, "access-request", user="bob", system="orders", **{"for": "3d"})
    flow.approve(flow.inbox("grant_access"))

    def waits() -> str | None:
        found = alice.http.get(access).text
        return found if "goes on at" in found else None

    assert "in 2 days" in flow._until(waits)
    failed = started(flow, alice, "access-request", user="bob", system="orders", **{"for": "900d"})

    def over() -> str | None:
        found = alice.http.get(failed).text
        return found if "It failed." in found else None

    assert "for is out of bounds. Ask for 1m to 30d." in flow._until(over)


def test_whoever_runs_the_installation_sees_where_runs_stand_and_nobody_else_does(flow: Flow) -> None:
    flow.workspace.roles.grant("operator", "user:dave", "he runs it", OPERATOR)
    alice, dave, bob = (browser(flow, name) for name in ("alice", "dave", "bob"))
    place = started(flow, alice, "purchase-request", **PURCHASE)
    made = flow.inbox("request_purchase")
    assert place not in dave.http.get("/workflows").text
    every = dave.http.get("/workflows?whose=all").text
    assert place in every and "Alice Moreau" in every
    seen = dave.http.get(place).text
    assert "propose" in seen and "2000.00" not in seen and "pumps" not in seen and made.id not in seen
    assert place not in bob.http.get("/workflows?whose=all").text
    absent = bob.http.get("/workflows/run_none")
    for path in (place, f"{place}/state"):
        assert bob.http.get(path).status_code == 404
    assert bob.http.get(place).text == absent.text
    for change in ("cancel", "resume"):
        assert bob.post(f"{place}/{change}", csrf=bob.csrf).status_code == 404
    assert alice.post(f"{place}/resume", csrf=alice.csrf).status_code == 403
    csrf = hidden(seen)["csrf"]
    assert dave.post(f"{place}/resume", csrf=csrf).status_code == 409


def test_runs_are_listed_page_after_page_each_once(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    from muniment.interfaces.web.deciding import workflows

    monkeypatch.setattr(workflows, "LISTED", 2)
    for number in range(5):
        flow.start("purchase-request", {"supplier": f"S-{number}"})
        flow.start("purchase-request", {"note": '"requester":"user:alice"'}, flow.workspace.principal("bob"))
    alice = browser(flow, "alice")
    path, seen = "/workflows", list[str]()
    while path:
        tree = HTMLParser(alice.http.get(path).text)
        seen += [str(one.attributes["href"]) for one in tree.css(".runs a")]
        older = tree.css_first('.pager a[rel="next"]')
        path = str(older.attributes["href"]) if older else ""
    assert len(seen) == len(set(seen)) == 5


def test_where_workflows_are_not_installed_the_page_says_so(
    make_workspace: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = make_workspace()
    monkeypatch.setattr(type(workspace), "can_run_workflows", False)
    alice = Browser(workspace).sign_in("alice")
    page = alice.http.get("/workflows")
    assert page.status_code == 200 and "Workflows are not installed here." in page.text
    for path in ("/workflows/run_x", "/workflows/new/purchase-request"):
        assert alice.http.get(path).status_code == 404
