"""Sign-in links work once; sessions end with time, idleness, sign-out and their account; only digests are stored."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import BadInput, Unauthenticated
from muniment.governance.identity.principal import OPERATOR, Principal
from muniment.governance.identity.sessions import Session, session, signin_link

ALICE = Principal("user", "alice")
RACERS = 16


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def office(make_workspace: Callable[..., Workspace], clock: FixedClock) -> Workspace:
    return make_workspace(clock=clock)


def put(office: Workspace, tmp_path: Path, text: str) -> None:
    (tmp_path / "new.toml").write_text(text)
    office.directory.import_file(tmp_path / "new.toml", OPERATOR)


def opened(office: Workspace) -> Session:
    return office.sessions.redeem(office.sessions.create_link(ALICE, OPERATOR))


def test_a_link_opens_one_session(office: Workspace) -> None:
    secret = office.sessions.create_link(ALICE, OPERATOR)
    first = office.sessions.redeem(secret)
    assert first.principal == ALICE
    found = office.sessions.session(first.secret)
    assert found is not None
    assert (found.principal, found.csrf, found.expires) == (ALICE, first.csrf, first.expires)
    with pytest.raises(Unauthenticated):
        office.sessions.redeem(secret)
    assert [e.kind for e in office.audit.tail(2)] == ["signin.link_created", "session.created"]
    assert len({secret, first.secret, first.csrf}) == 3


def test_going_on_with_a_session_does_not_move_when_it_was_opened(
    office: Workspace, clock: FixedClock
) -> None:
    at, secret = clock.now(), opened(office).secret
    for _ in range(3):
        clock.advance(hours=1)
        found = office.sessions.session(secret)
        assert found is not None and found.proved == at


def test_of_many_who_use_one_link_at_the_same_moment_exactly_one_gets_in(office: Workspace) -> None:
    for _ in range(5):
        secret = office.sessions.create_link(ALICE, OPERATOR)
        start = threading.Barrier(RACERS)
        outcomes: list[str] = []

        def redeem(start: threading.Barrier = start, secret: str = secret, outcomes: list[str] = outcomes):
            start.wait()
            try:
                office.sessions.redeem(secret)
            except Unauthenticated:
                outcomes.append("refused")
            else:
                outcomes.append("in")

        racers = [threading.Thread(target=redeem) for _ in range(RACERS)]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join()
        assert sorted(outcomes) == ["in"] + ["refused"] * (RACERS - 1)


def test_a_link_works_for_fifteen_minutes(office: Workspace, clock: FixedClock) -> None:
    early, late = (office.sessions.create_link(ALICE, OPERATOR) for _ in range(2))
    clock.advance(minutes=14, seconds=59)
    office.sessions.redeem(early)
    clock.advance(seconds=1)
    with pytest.raises(Unauthenticated):
        office.sessions.redeem(late)


def test_no_secret_is_stored(office: Workspace) -> None:
    link = office.sessions.create_link(ALICE, OPERATOR)
    used = office.sessions.create_link(ALICE, OPERATOR)
    made = office.sessions.redeem(used)
    with office.database.read() as connection:
        rows = [
            tuple(row) for table in (signin_link, session) for row in connection.execute(sa.select(table))
        ]
    entries = office.audit.tail(50)
    for secret in (link, used, made.secret):
        assert secret not in str(rows)
        assert secret not in str(entries)
    assert made.csrf not in str(entries)


@pytest.mark.parametrize("secret", ["", "x", "\x00", "\ud800", "ñ", "x" * 100_000, "' OR 1=1 --"])
def test_a_secret_that_was_never_given_opens_nothing(office: Workspace, secret: str) -> None:
    opened(office)
    with pytest.raises(Unauthenticated):
        office.sessions.redeem(secret)
    assert office.sessions.session(secret) is None
    office.sessions.end(secret)


def test_a_link_is_no_cookie_and_a_cookie_no_link(office: Workspace) -> None:
    link = office.sessions.create_link(ALICE, OPERATOR)
    assert office.sessions.session(link) is None
    made = office.sessions.redeem(link)
    for secret in (made.secret, made.csrf):
        with pytest.raises(Unauthenticated):
            office.sessions.redeem(secret)
    assert office.sessions.session(made.csrf) is None


def test_a_session_ends_after_twelve_hours_however_busy(office: Workspace, clock: FixedClock) -> None:
    made = opened(office)
    for _ in range(11):
        clock.advance(hours=1)
        assert office.sessions.session(made.secret) is not None
    clock.advance(minutes=59, seconds=59)
    assert office.sessions.session(made.secret) is not None
    clock.advance(seconds=1)
    assert office.sessions.session(made.secret) is None


def test_a_session_ends_after_two_idle_hours(office: Workspace, clock: FixedClock) -> None:
    made = opened(office)
    clock.advance(hours=1, minutes=59)
    assert office.sessions.session(made.secret) is not None
    clock.advance(hours=1, minutes=59)
    assert office.sessions.session(made.secret) is not None
    clock.advance(hours=2)
    assert office.sessions.session(made.secret) is None


def test_signing_out_ends_only_this_session(office: Workspace) -> None:
    one, other = opened(office), opened(office)
    office.sessions.end(one.secret)
    assert office.sessions.session(one.secret) is None
    assert office.sessions.session(other.secret) is not None
    assert office.audit.tail(1)[0].kind == "session.ended"


@pytest.mark.parametrize("gone", ["[users.bob]", "[users.alice]\nactive = false"])
def test_a_removed_or_deactivated_account_is_signed_out_by_the_next_request(
    office: Workspace, tmp_path: Path, gone: str
) -> None:
    link = office.sessions.create_link(ALICE, OPERATOR)
    made = opened(office)
    put(office, tmp_path, gone)
    assert office.sessions.session(made.secret) is None
    with pytest.raises(Unauthenticated):
        office.sessions.redeem(link)
    with pytest.raises(BadInput):
        office.sessions.create_link(ALICE, OPERATOR)
    put(office, tmp_path, "[users.alice]")
    assert office.sessions.session(made.secret) is None
    with pytest.raises(Unauthenticated):
        office.sessions.redeem(link)
    assert opened(office).principal == ALICE


def test_a_session_outlives_changes_that_concern_others(office: Workspace, tmp_path: Path) -> None:
    made = opened(office)
    put(office, tmp_path, "[users.alice]\n[users.zoe]")
    assert office.sessions.session(made.secret) is not None
