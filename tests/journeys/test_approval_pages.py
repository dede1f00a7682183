"""The pages of actions: a lead sees exactly what would be done and decides after a recent sign-in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from selectolax.lexbor import LexborHTMLParser as HTMLParser
from tests.simulators.desk_of_leads import Desk, hidden
from tests.simulators.web_client import Browser, document_id, link

from muniment.actions.assignment import read_assignment
from muniment.actions.bound import Agent, Evidence, Origin
from muniment.actions.context import Context
from muniment.actions.labels import Integrity, Label
from muniment.actions.visible import read_back
from muniment.app import Workspace
from muniment.foundation.clock import FixedClock

HOSTILE = (
    "</textarea></details><script>alert(1)</script><img src=x onerror=alert(2)> {{ 7*7 }} {% raw %} "
    "\" onmouseover=alert(3) ' javascript:alert(4) pay\u202e001\u200b p\u0430ypal\n[U+202E]\t&lt;b&gt; &#x202e; a  b "
)


@pytest.fixture
def desk(make_workspace: Callable[..., Workspace], clock: FixedClock) -> Desk:
    return Desk(make_workspace, clock)


def values(page: str) -> list[str]:
    """Return what a page shows as values, read back."""
    return [read_back(one.text(deep=True)) for one in HTMLParser(page).css(".value")]


def test_a_lead_sees_what_waits_approves_it_and_it_happens_once(desk: Desk) -> None:
    made = desk.waiting()
    bob = desk.browser("bob")
    listed = bob.http.get("/approvals").text
    assert f'href="/approvals/{made.id}"' in listed and "20.00 EUR" in listed and "Alice Moreau" in listed
    assert '<span class="count">1</span>' in bob.http.get("/").text
    fields = hidden(bob.http.get(f"/approvals/{made.id}").text)
    assert fields["digest"] == made.digest and desk.effects() == []
    done = bob.post(f"/approvals/{made.id}/approve", **fields)
    assert (done.status_code, done.headers["location"]) == (303, f"/approvals/{made.id}")
    assert desk.effects() == [{"order": "A-1", "amount": "20.00"}]
    after = bob.http.get(f"/approvals/{made.id}").text
    assert "It was carried out." in after and '<form method="post" action="/approvals' not in after
    assert bob.post(f"/approvals/{made.id}/approve", **fields).status_code == 409
    assert len(desk.effects()) == 1


def test_the_inbox_has_the_most_consequential_first_then_the_newest(desk: Desk) -> None:
    small, later = desk.waiting(), None
    desk.clock.advance(minutes=1)
    large = desk.waiting(amount="5000.00")
    desk.clock.advance(minutes=1)
    later = desk.waiting(amount="21.00")
    page = desk.browser("bob").http.get("/approvals").text
    assert page.index(large.id) < page.index(later.id) < page.index(small.id)


@pytest.mark.parametrize("place", ["reason", "model", "prompt", "run", "source", "text"])
def test_hostile_text_is_shown_exactly_and_nothing_of_it_comes_to_life(desk: Desk, place: str) -> None:
    agent = Agent(*(HOSTILE if place == name else "x" for name in ("model", "prompt", "run")))
    origins = {"reason": Origin("untrusted", HOSTILE if place == "source" else "mail")}
    if place == "text":
        context = Context(Label(Integrity.UNTRUSTED))
        made = desk.waiting("notify", agent=agent, context=context, to="bob", text=HOSTILE)
    else:
        made = desk.waiting(agent=agent, origins=origins, reason=HOSTILE if place == "reason" else "late")
    page = desk.browser("carol").http.get(f"/approvals/{made.id}").text
    assert sorted(values(page)) == sorted(str(one) for one in made.bound.arguments.values())
    tree = HTMLParser(page)
    [script] = tree.css("script")
    assert str(script.attributes["src"]).endswith("/approval.js") and not script.text()
    assert not tree.css("img, iframe, object, embed, style, b")
    for one in tree.css("*"):
        assert not any(name.startswith("on") or name == "style" for name in one.attributes)
        assert str(one.attributes.get("href", "/")).startswith(("/", "#"))
    assert "\u202e" not in page and "\u200b" not in page
    mine = desk.browser("alice").http.get("/actions").text
    assert len(HTMLParser(mine).css("script, img")) == 0 and "\u202e" not in mine


def test_a_machines_words_and_where_values_came_from_are_marked(desk: Desk) -> None:
    made = desk.waiting(
        agent=Agent("local:qwen", "agent@12345678", "run_1"),
        origins={"amount": Origin("untrusted", "a mail"), "order": Origin("system", "get_order")},
        context=Context(Label(Integrity.UNTRUSTED)),
        reason="The customer insists.",
    )
    tree = HTMLParser(desk.browser("bob").http.get(f"/approvals/{made.id}").text)
    fields = [one.text(deep=True) for one in tree.css(".field")]
    assert "From text that anybody could have written: a mail" in fields[0] and "20.00" in fields[0]
    assert "From a system of record: get_order" in fields[1]
    assert "Written by a machine" in fields[2] and "is not known" in fields[2]
    assert "The customer insists." in tree.css_first(".machine").text()
    assert "local:qwen" in tree.body.text() and "Alice Moreau" in tree.body.text()


def test_evidence_is_named_only_as_far_as_the_approver_may_read_it(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    for name, allow in (("open", "group:leads"), ("closed", "user:alice")):
        (folder / name).mkdir(parents=True)
        (folder / name / "access.toml").write_text(f'allow = ["{allow}"]\n')
        (folder / name / f"{name}.md").write_text(f"# The {name} heron\n\nIt costs twelve crowns.\n")
    desk.workspace.ingest(folder, "papers")
    shut = document_id(desk.workspace, "closed/closed.md")
    named = [document_id(desk.workspace, "open/open.md"), shut]
    made = desk.waiting(
        evidence=tuple(Evidence(one, "1", "c") for one in named),
        origins={"order": Origin("untrusted", shut)},
    )
    page = desk.browser("bob").http.get(f"/approvals/{made.id}").text
    assert "The open heron" in page and "Withheld" in page
    assert "closed heron" not in page and shut not in page and "a document that you may not read" in page


def test_the_last_similar_action_stands_beside_it(desk: Desk) -> None:
    bob = desk.browser("bob")
    first = desk.waiting(reason="late")
    bob.post(f"/approvals/{first.id}/approve", **hidden(bob.http.get(f"/approvals/{first.id}").text))
    second = desk.waiting(amount="70.00", reason="late")
    changed = HTMLParser(bob.http.get(f"/approvals/{second.id}").text).css_first(".changed")
    assert changed is not None
    assert [one.text() for one in changed.css(".other-value")] == ["20.00", "70.00"]


BY_CLASS = """
[[rule]]
id = "small"
classes = ["one"]
groups = ["user:bob"]
[[rule]]
id = "large"
groups = ["group:leads"]
"""


def test_an_earlier_action_is_not_shown_to_whoever_was_not_asked_about_it(desk: Desk) -> None:
    desk.workspace.assignment = read_assignment(BY_CLASS)
    bob, carol = desk.browser("bob"), desk.browser("carol")
    first = desk.waiting(reason="late")
    bob.post(f"/approvals/{first.id}/approve", **hidden(bob.http.get(f"/approvals/{first.id}").text))
    second = desk.waiting(amount="5000.00", reason="late")
    assert "Other than last time" in bob.http.get(f"/approvals/{second.id}").text
    page = carol.http.get(f"/approvals/{second.id}").text
    assert "Other than last time" not in page and "20.00" not in page


def test_two_people_approve_and_each_sees_who_did(desk: Desk) -> None:
    desk.shop.orders["A-1"]["total"] = "9000.00"
    made = desk.waiting(amount="5000.00")
    bob, carol = desk.browser("bob"), desk.browser("carol")
    path = f"/approvals/{made.id}"
    bob.post(f"{path}/approve", **hidden(bob.http.get(path).text))
    assert "You have decided." in bob.http.get(path).text
    page = carol.http.get(path).text
    assert "Bob Okafor" in page and "2 needed" in page and "2 approvers" in page
    carol.post(f"{path}/approve", **hidden(page))
    assert desk.effects() == [{"order": "A-1", "amount": "5000.00"}]


def test_a_rejection_takes_a_reason_that_the_asker_reads(desk: Desk) -> None:
    made = desk.waiting()
    bob, alice = desk.browser("bob"), desk.browser("alice")
    fields = hidden(bob.http.get(f"/approvals/{made.id}").text)
    assert bob.post(f"/approvals/{made.id}/reject", **fields, reason=" ").status_code == 422
    assert (
        bob.post(f"/approvals/{made.id}/reject", **fields, reason="Paid <b>last</b> week").status_code == 303
    )
    mine = alice.http.get("/actions").text
    assert "Paid &lt;b&gt;last&lt;/b&gt; week" in mine and "It was rejected." in mine
    assert desk.effects() == []


def test_nothing_is_decided_by_get_without_the_value_or_from_elsewhere(desk: Desk) -> None:
    made = desk.waiting()
    bob = desk.browser("bob")
    path = f"/approvals/{made.id}"
    fields = hidden(bob.http.get(path).text)
    assert bob.http.get(f"{path}/approve", params=fields).status_code == 405
    assert bob.post(f"{path}/approve", **fields | {"csrf": "x"}).status_code == 403
    assert (
        bob.http.post(f"{path}/approve", data=fields, headers={"origin": "https://evil.example"}).status_code
        == 403
    )
    assert bob.post(f"{path}/approve", **fields | {"digest": "sha256:" + "0" * 64}).status_code == 401
    assert bob.post(f"{path}/approve", **fields | {"ticket": ""}).status_code == 401
    assert bob.post(f"{path}/approve", **fields, extra="1").status_code == 422
    assert desk.effects() == []


def test_an_old_sign_in_leads_to_a_new_one_and_back(desk: Desk) -> None:
    made = desk.waiting()
    bob = desk.browser("bob")
    path = f"/approvals/{made.id}"
    fields = hidden(bob.http.get(path).text)
    desk.clock.advance(minutes=16)
    stale = bob.post(f"{path}/approve", **fields)
    assert (stale.status_code, stale.headers["location"]) == (303, "/signin?again=1")
    assert "Sign in again to decide" in bob.http.get("/signin?again=1").text
    assert desk.effects() == []
    back = bob.post("/signin", token=link(desk.workspace, "bob"))
    assert back.headers["location"] == path
    assert bob.post(f"{path}/approve", **hidden(bob.http.get(path).text)).status_code == 303
    assert len(desk.effects()) == 1
    assert bob.post("/signin", token=link(desk.workspace, "bob")).headers["location"] == "/"


def test_whoever_follows_a_link_unsigned_comes_to_it_once_signed_in(desk: Desk) -> None:
    made = desk.waiting()
    bob = Browser(desk.workspace)
    assert bob.http.get(f"/approvals/{made.id}").headers["location"] == "/signin"
    assert (
        bob.post("/signin", token=link(desk.workspace, "bob")).headers["location"] == f"/approvals/{made.id}"
    )


@pytest.mark.parametrize(
    "page", ["https://evil.example", "//evil.example", "/approvals/../x", "/approvals/act_a?x=1"]
)
def test_no_other_page_is_gone_back_to(desk: Desk, page: str) -> None:
    bob = Browser(desk.workspace)
    bob.http.cookies.set("muniment-page", page)
    assert bob.post("/signin", token=link(desk.workspace, "bob")).headers["location"] == "/"


@pytest.mark.parametrize("name", ["alice", "dave"])
def test_whoever_does_not_approve_sees_no_inbox_and_no_action(desk: Desk, name: str) -> None:
    made = desk.waiting()
    page = desk.browser(name)
    assert "/approvals" not in page.http.get("/").text
    assert made.id not in page.http.get("/approvals").text
    seen, absent = page.http.get(f"/approvals/{made.id}"), page.http.get("/approvals/act_none")
    assert (seen.status_code, seen.text) == (404, absent.text)


def test_the_asker_follows_withdraws_and_takes_back(desk: Desk) -> None:
    alice, bob = desk.browser("alice"), desk.browser("bob")
    first, second = desk.waiting(), desk.waiting(amount="30.00")
    csrf = alice.csrf
    assert alice.post(f"/actions/{first.id}/withdraw", csrf=csrf).status_code == 303
    assert bob.post(f"/actions/{second.id}/withdraw", csrf=bob.csrf).status_code == 404
    bob.post(f"/approvals/{second.id}/approve", **hidden(bob.http.get(f"/approvals/{second.id}").text))
    mine = alice.http.get("/actions").text
    assert "took it back" in mine and "R-1" in mine and f"/actions/{second.id}/undo" in mine
    assert "Approved by Bob Okafor" in mine
    assert alice.post(f"/actions/{second.id}/undo", csrf=csrf).status_code == 303
    assert desk.shop.effects[-1][0] == "cancel_refund"
    again = alice.post(f"/actions/{first.id}/withdraw", csrf=csrf)
    assert again.status_code == 409 and "is withdrawn" in again.text


def test_what_no_longer_holds_is_said_where_it_is_decided(desk: Desk) -> None:
    made = desk.waiting()
    bob = desk.browser("bob")
    fields = hidden(bob.http.get(f"/approvals/{made.id}").text)
    desk.shop.orders["A-1"]["version"] = 2
    refused = bob.post(f"/approvals/{made.id}/approve", **fields)
    assert refused.status_code == 409 and "the record has changed" in refused.text
    assert desk.effects() == []


def test_being_shown_is_on_record_and_holds_no_content(desk: Desk) -> None:
    made = desk.waiting(reason="heron-canary")
    desk.browser("bob").http.get(f"/approvals/{made.id}")
    [entry] = desk.workspace.audit.query(kind="action.shown", limit=10)
    assert "heron-canary" not in json.dumps(entry.about, default=str)
