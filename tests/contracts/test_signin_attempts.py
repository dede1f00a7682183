"""Sign-ins that have begun, and sessions of a provider, on both kinds of database."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.postgres import BOTH

from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import Unauthenticated
from muniment.governance.identity.attempts import Attempt, Attempts, Ended
from muniment.governance.identity.claimed import GroupRule
from muniment.governance.identity.principal import OPERATOR, Principal
from muniment.governance.identity.sessions import Sessions

ISSUER = "https://id.example"


@pytest.fixture
def office(make_workspace: Callable[..., Workspace], clock: FixedClock) -> Workspace:
    return make_workspace(clock=clock)


def sessions_of(office: Workspace, trusted: str) -> Sessions:
    return Sessions(
        office.database, office.directory, office.audit, office.clock, office.ids, {trusted: GroupRule()}
    )


@BOTH
def test_an_attempt_is_used_up_once_by_whoever_ends_it_first(office: Workspace) -> None:
    attempts = Attempts(office.database, office.clock, office.ids)
    attempt = attempts.begin("corp")
    found: list[Ended | None] = []
    threads = [threading.Thread(target=lambda: found.append(attempts.end(attempt))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one for one in found if one is not None] == [Ended("corp", "", office.clock.now())]
    assert len(found) == 8


@BOTH
def test_an_attempt_that_does_not_hold_is_used_up_too(office: Workspace, clock: FixedClock) -> None:
    attempts = Attempts(office.database, office.clock, office.ids)
    stolen, late, began = attempts.begin("corp"), attempts.begin("corp"), clock.now()
    assert attempts.end(Attempt(stolen.state, "mine")) == Ended("corp", "another browser", began)
    assert attempts.end(stolen) is None
    clock.advance(minutes=10)
    assert attempts.end(late) == Ended("corp", "expired", began)


@BOTH
def test_nobody_changes_what_an_attempt_is_for(office: Workspace) -> None:
    attempts = Attempts(office.database, office.clock, office.ids)
    usual, anew = attempts.begin("corp"), attempts.begin("corp", anew=True)
    assert (usual.anew, anew.anew) == (False, True)
    lesser = anew.state.removesuffix("~anew")
    assert lesser != anew.state and attempts.end(Attempt(lesser, anew.browser)) is None
    assert attempts.end(Attempt(usual.state + "~anew", usual.browser)) is None
    assert attempts.end(anew) == attempts.end(usual) == Ended("corp", "", office.clock.now())


@BOTH
def test_a_session_tells_when_somebody_proved_who_they_are_and_its_holder_cannot_change_that(
    office: Workspace, clock: FixedClock
) -> None:
    through, began = sessions_of(office, ISSUER), clock.now()
    earlier = int((began - timedelta(hours=1)).timestamp())
    made = through.open(Principal("user", "alice"), ISSUER, "corp", proved=earlier)
    ahead = through.open(Principal("user", "alice"), ISSUER, "corp", proved=earlier + 7200)
    unsaid = through.open(Principal("user", "alice"), ISSUER, "corp")
    local = office.sessions.redeem(office.sessions.create_link(Principal("user", "alice"), OPERATOR))
    clock.advance(minutes=1)
    for where, opened, proved in (
        (through, made, began - timedelta(hours=1)),
        (through, ahead, began),
        (through, unsaid, datetime.fromtimestamp(0, UTC)),
        (office.sessions, local, began),
    ):
        found = where.session(opened.secret)
        assert found is not None and found.proved == opened.proved == proved
    younger = int(clock.now().timestamp())
    for secret in (made.secret.partition("~")[0], unsaid.secret):
        assert through.session(f"{secret}~{younger}") is None


@BOTH
def test_a_session_holds_only_while_its_issuer_is_trusted(office: Workspace) -> None:
    through = sessions_of(office, ISSUER)
    made = through.open(Principal("user", "alice"), ISSUER, "corp")
    assert through.session(made.secret) is not None
    assert sessions_of(office, "https://other.example").session(made.secret) is None
    assert office.sessions.session(made.secret) is None


@BOTH
def test_no_session_is_opened_for_whom_the_directory_does_not_hold(office: Workspace) -> None:
    through, before = sessions_of(office, ISSUER), office.audit.tail(1)
    for principal, issuer in ((Principal("user", "zoe"), ISSUER), (Principal("user", "alice"), "https://x")):
        with pytest.raises(Unauthenticated):
            through.open(principal, issuer, "corp")
    assert office.audit.tail(1) == before


@given(st.text(), st.binary(min_size=32, max_size=32).map(bytes.hex), st.text())
def test_what_an_attempt_derives_needs_both_its_name_and_its_browser(
    state: str, browser: str, other: str
) -> None:
    one = Attempt(state, browser)
    derived = {one.nonce, one.verifier, one.challenge}
    assert len(derived) == 3 and all(len(text) == 43 for text in derived)
    assert browser not in repr(one)
    if other != state:
        assert derived.isdisjoint({Attempt(other, browser).nonce, Attempt(other, browser).verifier})
    assert derived.isdisjoint({Attempt(state, browser[::-1] + "x").verifier})
