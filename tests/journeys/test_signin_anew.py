"""AP7: whoever decides proved who they are a short while ago, by the word of the provider and not by our asking."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from tests.simulators.desk_of_leads import Desk, hidden
from tests.simulators.issuer import Issuer
from tests.simulators.provider_browser import ProviderBrowser
from tests.simulators.web_client import ORIGIN

from muniment.foundation.clock import FixedClock

LEEWAY = 30
AGAIN = "/signin?again=1"


@pytest.fixture
def desk(sign_in_through: Callable[..., Any], issuer: Issuer, clock: FixedClock) -> Desk:
    """Return where leads decide who sign in through a provider that states the time only when it is asked to."""
    issuer.user = "bob"
    return Desk(partial(sign_in_through, {"corp": issuer.settings()}), clock)


class Lead(ProviderBrowser):
    """Bob at his browser, about to approve."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.workspace)
        self.desk = desk
        self.path = f"/approvals/{desk.waiting().id}"

    def approve(self) -> str:
        """Try to approve; return where that leads to."""
        response = self.post(f"{self.path}/approve", **hidden(self.http.get(self.path).text))
        assert response.status_code == 303, response.text
        return response.headers["location"]

    def cannot_decide(self) -> bool:
        """Return whether both the page and the interface for programs refuse."""
        page = hidden(self.http.get(self.path).text)
        sent = {"origin": ORIGIN, "x-csrf-token": page["csrf"], "accept": "application/json"}
        body = {"digest": page["digest"], "ticket": page["ticket"]}
        refused = self.http.post(f"/v1{self.path}/approve", json=body, headers=sent)
        return (self.approve(), refused.status_code, self.desk.effects()) == (AGAIN, 401, [])


def seconds(clock: FixedClock) -> int:
    return int(clock.now().timestamp())


def test_a_provider_is_asked_to_have_a_person_prove_it_anew_only_when_they_sign_in_again(desk: Desk) -> None:
    bob = Lead(desk)
    bob.begin()
    assert not {"prompt", "max_age"} & bob.asked.keys()
    bob.begin(again=True)
    assert (bob.asked["prompt"], bob.asked["max_age"]) == ("login", "0")


def test_who_signed_in_without_a_stated_time_signs_in_again_and_then_decides(desk: Desk) -> None:
    bob = Lead(desk)
    assert bob.through().headers["location"] == "/"
    assert bob.cannot_decide()
    assert "issuer=corp&amp;again=1" in bob.http.get(AGAIN).text
    assert bob.through(again=True).headers["location"] == bob.path
    assert bob.approve() == bob.path
    assert len(desk.effects()) == 1


@pytest.mark.parametrize("minutes", [0, 14])
def test_a_time_that_the_provider_states_by_itself_is_enough_while_it_is_recent(
    desk: Desk, issuer: Issuer, clock: FixedClock, minutes: int
) -> None:
    issuer.id_claims = {"auth_time": seconds(clock) - minutes * 60}
    bob = Lead(desk)
    bob.through()
    assert bob.approve() == bob.path


def test_a_provider_that_remembers_an_old_sign_in_makes_no_recent_one(
    desk: Desk, issuer: Issuer, clock: FixedClock
) -> None:
    issuer.id_claims = {"auth_time": seconds(clock) - 16 * 60}
    bob = Lead(desk)
    bob.through()
    assert bob.cannot_decide()


def test_a_sign_in_that_was_recent_is_not_for_ever(desk: Desk, issuer: Issuer, clock: FixedClock) -> None:
    issuer.id_claims = {"auth_time": seconds(clock) + LEEWAY}
    bob = Lead(desk)
    bob.through()
    clock.advance(minutes=15, seconds=1)
    assert bob.cannot_decide()


MISSING = "no auth_time"
NO_NUMBER = "auth_time is no whole number of seconds"
OLD = "auth_time is of before this sign-in"
AHEAD = "auth_time is in the future"
HOSTILE: dict[str, tuple[Callable[[int], object], str]] = {
    "missing": (lambda _now: ..., MISSING),
    "null": (lambda _now: None, NO_NUMBER),
    "old": (lambda now: now - LEEWAY - 1, OLD),
    "the beginning of time": (lambda _now: 0, OLD),
    "future": (lambda now: now + LEEWAY + 1, AHEAD),
    "far future": (lambda _now: 10**30, AHEAD),
    "negative": (lambda now: -now, NO_NUMBER),
    "text": (lambda now: str(now), NO_NUMBER),
    "bool": (lambda _now: True, NO_NUMBER),
    "float": (lambda now: now + 0.5, NO_NUMBER),
    "whole float": (lambda now: float(now), NO_NUMBER),
    "list": (lambda now: [now], NO_NUMBER),
}


def test_a_provider_that_does_not_say_it_asked_anew_is_told_what_it_must_do(
    desk: Desk, issuer: Issuer, clock: FixedClock
) -> None:
    bob = Lead(desk)
    bob.through()
    assert bob.approve() == AGAIN
    for kind, (claim, reason) in HOSTILE.items():
        issuer.id_claims = {"auth_time": claim(seconds(clock))}
        refused = bob.through(again=True)
        assert refused.status_code == 401 and "It is not known that you signed in just now" in refused.text
        assert all(one in refused.text for one in ("prompt=login", "max_age=0", "auth_time in the ID token"))
        assert "issuer=corp&amp;again=1" in refused.text
        assert not [one for one in refused.headers.get_list("set-cookie") if one.startswith("muniment=")]
        entry = desk.workspace.audit.tail(1)[0]
        about = {"issuer": "corp", "reason": f"ID token: {reason}"}
        assert (entry.kind, dict(entry.about)) == ("signin.refused", about), kind
    assert bob.cannot_decide()


def test_the_usual_sign_in_goes_on_whatever_the_time_is_and_decides_nothing(
    desk: Desk, issuer: Issuer, clock: FixedClock
) -> None:
    bob = Lead(desk)
    for kind, (claim, _) in HOSTILE.items():
        issuer.id_claims = {"auth_time": claim(seconds(clock) if kind != "old" else seconds(clock) - 900)}
        assert bob.through().headers["location"] in ("/", bob.path), kind
        assert bob.approve() == AGAIN, kind
    assert bob.cannot_decide()


@pytest.mark.parametrize("number", [float("nan"), float("-inf")])
def test_a_token_with_a_number_that_is_none_is_no_token(desk: Desk, issuer: Issuer, number: float) -> None:
    issuer.id_claims = {"auth_time": number}
    bob = ProviderBrowser(desk.workspace)
    for again in (True, False):
        refused = bob.through(again=again)
        assert refused.status_code == 401 and "You could not be signed in" in refused.text


def test_a_request_that_lost_what_it_asks_on_its_way_opens_nothing(desk: Desk) -> None:
    bob = Lead(desk)
    bob.through()
    place, _, query = bob.begin(again=True).partition("?")
    left = [(name, value) for name, value in parse_qsl(query) if name not in ("prompt", "max_age")]
    refused = bob.come_back(bob.at_provider(f"{place}?{urlencode(left)}"))
    assert refused.status_code == 401 and "auth_time" in refused.text
    assert bob.cannot_decide()


def test_a_state_that_asks_for_less_is_no_attempt(desk: Desk) -> None:
    bob = Lead(desk)
    back = urlsplit(bob.at_provider(bob.begin(again=True)))
    said = dict(parse_qsl(back.query))
    said["state"] = said["state"].removesuffix("~anew")
    assert bob.come_back(f"{back.path}?{urlencode(said)}").status_code == 401
