"""The pages around decisions: what is overdue, who stands in, what a call rests on, and what became of one's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from selectolax.lexbor import LexborHTMLParser as HTMLParser
from tests.simulators.desk_of_leads import ALICE, Desk, hidden
from tests.simulators.web_client import document_id, kinds, link

from muniment.actions.assignment import read_assignment
from muniment.actions.bound import Evidence, Origin
from muniment.actions.state_groups import in_group
from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.governance.identity.principal import OPERATOR, Actor
from muniment.interfaces.web.deciding.own_actions import GROUPS, LISTED


@pytest.fixture
def desk(make_workspace: Callable[..., Workspace], clock: FixedClock) -> Desk:
    return Desk(make_workspace, clock)


def asked_of(desk: Desk, rule: str) -> None:
    """Have calls be asked about as a rule says."""
    desk.workspace.assignment = read_assignment(f'[[rule]]\nid = "r"\n{rule}')


def test_what_nobody_decided_in_time_stands_apart_and_says_since_when(desk: Desk) -> None:
    asked_of(desk, 'groups = ["user:carol"]\nescalate_to = ["group:leads"]\nafter = "1h"\nexpires = "8h"')
    late = desk.waiting()
    bob, carol = desk.browser("bob"), desk.browser("carol")
    assert late.id not in bob.http.get("/approvals").text
    page = carol.http.get("/approvals").text
    assert "Overdue" not in page and "others are asked in 1 hour" in page and "expires in 8 hours" in page
    desk.clock.advance(hours=2)
    fresh = desk.waiting(amount="21.00")
    bob, carol = desk.browser("bob"), desk.browser("carol")
    for page in (bob.http.get("/approvals").text, carol.http.get("/approvals").text):
        overdue = HTMLParser(page).css_first('section[aria-labelledby="overdue"]')
        assert late.id in overdue.html and fresh.id not in overdue.html
        assert "others are asked too since" in overdue.text()
    one = HTMLParser(carol.http.get(f"/approvals/{late.id}").text)
    assert "Nobody had decided, so others were asked too." in one.css_first(".timeline").text()
    desk.clock.advance(hours=5, minutes=30)
    carol = desk.browser("carol")
    assert "less than an hour is left" in carol.http.get("/approvals").text


def test_the_inbox_is_chosen_from_by_class_requester_and_tool_and_ordered(desk: Desk) -> None:
    small = desk.waiting()
    desk.clock.advance(minutes=1)
    large = desk.waiting(amount="5000.00")
    bob = desk.browser("bob")

    def listed(query: str) -> list[str]:
        tree = HTMLParser(bob.http.get(f"/approvals?{query}").text)
        return [str(one.attributes["href"]).rpartition("/")[2] for one in tree.css(".waiting a")]

    assert listed("") == [large.id, small.id] and listed("order=oldest") == [small.id, large.id]
    assert listed("class=two") == [large.id] and listed("class=one") == [small.id]
    assert listed("requester=user:alice&tool=refund") == [large.id, small.id]
    assert listed("tool=notify") == [] and listed("requester=user:bob") == []
    assert listed("order=nonsense") == [large.id, small.id]
    empty = bob.http.get("/approvals?class=never").text
    assert "Nothing of that kind waits for you." in empty and "In all, 2 wait" in empty


def test_a_lead_hands_over_until_a_day_and_takes_it_back(desk: Desk) -> None:
    asked_of(desk, 'groups = ["user:carol"]')
    desk.workspace.roles.grant("approver", "user:dave", "he helps out", OPERATOR)
    made = desk.waiting()
    carol, bob = desk.browser("carol"), desk.browser("bob")
    here = "/approvals/delegations"
    assert "Nobody. What is assigned to you waits for you." in carol.http.get(here).text
    given = {"csrf": carol.csrf, "for": "7d"}
    assert carol.post(here, **given, to="bob").status_code == 303
    page = carol.http.get(here).text
    assert "Bob Okafor" in page and "End now" in page
    assert "Carol Lindqvist" in bob.http.get(here).text
    assert "in the place of Carol Lindqvist" in bob.http.get("/approvals").text
    fields = hidden(bob.http.get(f"/approvals/{made.id}").text)
    assert bob.post(f"/approvals/{made.id}/approve", **fields).status_code == 303
    timeline = HTMLParser(bob.http.get(f"/approvals/{made.id}").text).css_first(".timeline").text()
    assert "Bob Okafor approved it. in the place of Carol Lindqvist" in timeline
    end = HTMLParser(page).css_first('form[action$="/end"]').attributes["action"]
    assert bob.post(str(end), csrf=bob.csrf).status_code == 404
    assert carol.post(str(end), csrf=carol.csrf).status_code == 303
    assert "In nobody&#39;s." in bob.http.get(here).text


@pytest.mark.parametrize(
    ("to", "lasts"), [("nobody-here", "7d"), ("", "7d"), ("carol", "7d"), ("bob", "90d")]
)
def test_what_cannot_be_handed_over_is_said_and_what_was_written_stays(
    desk: Desk, to: str, lasts: str
) -> None:
    carol = desk.browser("carol")
    refused = carol.post("/approvals/delegations", csrf=carol.csrf, to=to, **{"for": lasts})
    assert refused.status_code == 422 and 'role="alert"' in refused.text and f'value="{to}"' in refused.text
    assert desk.workspace.delegations.of(desk.workspace.principal("carol")) == []


def test_a_name_that_is_nearly_somebodys_names_nobody(desk: Desk) -> None:
    dave = desk.browser("dave")
    told = dave.post("/approvals/delegations", csrf=dave.csrf, to="caro", **{"for": "7d"}).text
    assert "user:caro is no active account" in told and "carol" not in told.replace('value="caro"', "")


def test_handing_over_takes_a_recent_sign_in(desk: Desk) -> None:
    carol = desk.browser("carol")
    given = {"csrf": carol.csrf, "for": "7d", "to": "bob"}
    desk.clock.advance(minutes=16)
    stale = carol.post("/approvals/delegations", **given)
    assert stale.headers["location"] == "/signin?again=1"
    assert desk.workspace.delegations.of(desk.workspace.principal("carol")) == []
    back = carol.post("/signin", token=link(desk.workspace, "carol"))
    assert back.headers["location"] == "/approvals/delegations"


def test_the_words_that_a_call_rests_on_are_read_anew_by_the_approvers_rights(
    desk: Desk, tmp_path: Path
) -> None:
    folder = tmp_path / "papers"
    for name, allow in (("open", "group:leads"), ("closed", "user:alice")):
        (folder / name).mkdir(parents=True)
        (folder / name / "access.toml").write_text(f'allow = ["{allow}"]\n')
        (folder / name / "heron.md").write_text(
            f"# The {name} heron\n\nA refund of 20.00 for A-1 is {name}.\n"
        )
    desk.workspace.ingest(folder, "papers")
    named = [document_id(desk.workspace, f"{name}/heron.md") for name in ("open", "closed")]
    made = desk.waiting(
        evidence=tuple(Evidence(one, "1", f"{one}:1:0") for one in named),
        origins={"amount": Origin("untrusted", named[0])},
    )
    desk.workspace.roles.grant("reader", "group:leads", "they read", OPERATOR)
    bob = desk.browser("bob")
    tree = HTMLParser(bob.http.get(f"/approvals/{made.id}").text)
    [words, withheld] = tree.css(".rested")
    assert "A refund of 20.00 for A-1 is open." in words.text()
    assert [one.text() for one in words.css("mark")] == ["20.00", "A-1"]
    assert "Withheld" in withheld.text() and "closed" not in tree.body.text()
    assert str(words.css_first("a").attributes["href"]).startswith(f"/documents/{named[0]}?version=1&at=")
    assert tree.css_first(f'.from a[href="/documents/{named[0]}"]') is not None
    seen = kinds(desk.workspace, 3)
    assert seen[-2:] == ["action.shown", "document.read"] and "document.refused" not in kinds(desk.workspace)
    desk.workspace.access.set(named[0], frozenset({"user:alice"}), frozenset(), OPERATOR)
    after = bob.http.get(f"/approvals/{made.id}").text
    assert "A refund of 20.00" not in after and "The open heron" not in after
    assert "a document that you may not read" in after


def test_changed_words_of_the_last_similar_action_are_marked(desk: Desk) -> None:
    bob = desk.browser("bob")
    first = desk.waiting(reason="It came a week late")
    bob.post(f"/approvals/{first.id}/approve", **hidden(bob.http.get(f"/approvals/{first.id}").text))
    second = desk.waiting(reason="It came a day late")
    changed = HTMLParser(bob.http.get(f"/approvals/{second.id}").text).css_first(".changed")
    assert [one.text() for one in changed.css("del")] == ["week"]
    assert [one.text() for one in changed.css("ins")] == ["day"]


def test_an_unknown_outcome_says_what_to_do_and_is_found_by_its_state(desk: Desk) -> None:
    done = desk.waiting()
    bob, alice = desk.browser("bob"), desk.browser("alice")
    desk.shop.fault = "breaks after"
    bob.post(f"/approvals/{done.id}/approve", **hidden(bob.http.get(f"/approvals/{done.id}").text))
    waits = desk.waiting(amount="21.00")
    page = alice.http.get("/actions?state=unknown").text
    assert done.id in page and waits.id not in page
    told = HTMLParser(page).css_first(".what-to-do").text()
    assert "whether it happened to order A-1" in told and done.id in told
    assert waits.id in alice.http.get("/actions?state=open").text
    assert "Nothing of yours is in that state." in alice.http.get("/actions?state=undone").text
    only = alice.http.get(f"/actions?one={waits.id}").text
    assert waits.id in only and done.id not in only
    assert bob.http.get(f"/actions?one={waits.id}").status_code == 404
    given = HTMLParser(only).css_first(".arguments").text()
    assert "From you" in given


def test_ones_own_actions_go_on_page_after_page(desk: Desk) -> None:
    made: list[str] = []
    for number in range(LISTED + 2):
        made.append(desk.waiting(amount=f"{number + 1}.00").id)
        desk.workspace.approvals.withdraw(made[-1], ALICE, Actor(ALICE.ref, "http"))
        desk.clock.advance(seconds=number % 2)
    alice = desk.browser("alice")
    path, seen = "/actions?state=undone", list[str]()
    while path:
        tree = HTMLParser(alice.http.get(path).text)
        seen += [str(one.attributes["id"]) for one in tree.css("article.mine")]
        older = tree.css_first('.pager a[rel="next"]')
        path = str(older.attributes["href"]) if older else ""
    assert sorted(seen) == sorted(made) and len(seen) == LISTED + 2


def test_every_state_is_in_one_group_and_time_moves_it(desk: Desk) -> None:
    made = desk.waiting()
    alice = desk.workspace.principal("alice")
    actions = desk.workspace.actions

    def groups() -> list[str]:
        return [one for one in GROUPS if [each.id for each in actions.mine(alice, group=one)] == [made.id]]

    assert groups() == ["open"] and in_group(None, desk.clock) == []
    desk.clock.advance(hours=25)
    assert groups() == ["undone"] and actions.show(made.id, alice).state == "expired"


def test_a_page_that_is_open_is_told_where_its_action_stands_and_nothing_more(desk: Desk) -> None:
    made = desk.waiting()
    bob, dave = desk.browser("bob"), desk.browser("dave")
    place = f"/approvals/{made.id}/state"
    assert bob.http.get(place).json() == {"state": "waiting 0", "says": "It waits for people."}
    alice = desk.browser("alice")
    alice.post(f"/actions/{made.id}/withdraw", csrf=alice.csrf)
    assert bob.http.get(place).json()["state"] == "withdrawn 0"
    for who in (dave, alice):
        assert who.http.get(place).status_code == 404
    assert "action.shown" not in kinds(desk.workspace)
