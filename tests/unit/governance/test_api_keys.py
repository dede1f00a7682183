"""API keys open what their scopes name until they end; of a key, only digest and id are kept."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.postgres import BOTH

from muniment import app
from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import BadInput, Conflict, Denied, Unauthenticated
from muniment.governance.identity import api_key_format
from muniment.governance.identity.api_keys import ApiKeys, IssuedKey, api_key
from muniment.governance.identity.principal import OPERATOR, Actor, Principal
from muniment.governance.identity.scopes import SCOPES

HELPDESK = Principal("service", "helpdesk")
BY_KEY = Actor("service:helpdesk", "http")
RACERS = 8


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def office(make_workspace: Callable[..., Workspace], clock: FixedClock) -> Workspace:
    return make_workspace(clock=clock)


def made(office: Workspace, *scopes: str, **options: timedelta) -> IssuedKey:
    return office.api_keys.create(HELPDESK, scopes or ("search",), OPERATOR, **options)


def refused(office: Workspace, text: str) -> str:
    """What the bearer of a key that does not work is told."""
    with pytest.raises(Unauthenticated) as told:
        office.api_keys.verify(text)
    return str(told.value)


def reasons(office: Workspace) -> list[object]:
    return [entry.about["reason"] for entry in office.audit.query(kind="api_key.refused")]


@BOTH
def test_a_key_stands_for_its_service_and_its_scopes(office: Workspace, kept_in: str) -> None:
    issued = made(office, "search", "ask")
    found = office.api_keys.verify(issued.text)
    assert (found.principal, found.scopes, found.state) == (HELPDESK, {"ask", "search"}, "active")
    assert (found.id, found.created_by) == (issued.key.id, "operator")
    assert issued.key.expires_at.startswith("2026-04-05T09:00:00")
    (entry,) = office.audit.query(kind="api_key.created")
    assert entry.about == {
        "key": found.id,
        "for": "service:helpdesk",
        "scopes": ["ask", "search"],
        "expires": issued.key.expires_at,
    }


def test_nothing_that_is_kept_holds_a_secret(office: Workspace) -> None:
    first = made(office)
    second = office.api_keys.rotate(first.key.id, OPERATOR)
    office.api_keys.verify(second.text)
    office.api_keys.revoke(second.key.id, OPERATOR)
    refused(office, second.text)
    with office.database.read() as connection:
        kept = str(connection.execute(sa.select(api_key)).all())
    kept += str(office.audit.tail(50)) + str(office.api_keys.listing()) + repr((first, second))
    for text in (first.text, second.text):
        assert text.split("_")[2][:20] not in kept


def test_only_services_have_keys(office: Workspace) -> None:
    with pytest.raises(BadInput, match="muniment token --as alice"):
        office.api_keys.create(Principal("user", "alice"), ["search"], OPERATOR)
    with pytest.raises(BadInput, match="no active account"):
        office.api_keys.create(Principal("service", "absent"), ["search"], OPERATOR)
    assert office.api_keys.listing() == []


@pytest.mark.parametrize("scopes", [(), ("serch",), ("search", "admin"), ("",), ("*",), ("search ask",)])
def test_a_key_for_nothing_or_for_an_unknown_scope_is_not_made(
    office: Workspace, scopes: tuple[str, ...]
) -> None:
    with pytest.raises(BadInput) as told:
        office.api_keys.create(HELPDESK, scopes, OPERATOR)
    assert all(scope in str(told.value) for scope in SCOPES)
    assert ("Did you mean search?" in str(told.value)) == (scopes in (("serch",), ("search ask",)))


@pytest.mark.parametrize("life", [timedelta(), timedelta(days=-1), timedelta(days=400, seconds=1)])
def test_every_key_ends_within_four_hundred_days(office: Workspace, life: timedelta) -> None:
    with pytest.raises(BadInput, match="400d"):
        made(office, life=life)
    assert made(office, life=timedelta(days=400)).key.expires_at.startswith("2027-02-09T09:00")


def test_an_expired_key_is_refused_and_its_bearer_told_why(office: Workspace, clock: FixedClock) -> None:
    issued = made(office, life=timedelta(hours=1))
    clock.advance(minutes=59, seconds=59)
    office.api_keys.verify(issued.text)
    clock.advance(seconds=1)
    assert "expired" in refused(office, issued.text)
    assert reasons(office) == ["expired"]


@BOTH
def test_a_revoked_key_is_refused_from_then_on(office: Workspace, kept_in: str) -> None:
    issued, other = made(office), made(office)
    office.api_keys.verify(issued.text)
    assert office.api_keys.revoke(issued.key.id, OPERATOR).state == "revoked"
    assert "revoked" in refused(office, issued.text)
    assert office.api_keys.verify(other.text).id == other.key.id
    entries = office.audit.tail(2)
    assert [entry.kind for entry in entries] == ["api_key.revoked", "api_key.refused"]
    assert (entries[1].actor, entries[1].via) == ("anonymous", "http")
    assert entries[1].about == {"key": issued.key.id, "for": "service:helpdesk", "reason": "revoked"}


def test_a_key_that_was_found_is_revoked_by_its_text_and_revoking_again_changes_nothing(
    office: Workspace,
) -> None:
    issued = made(office)
    at = office.api_keys.revoke(issued.text, OPERATOR).revoked_at
    assert office.api_keys.revoke(issued.key.id, OPERATOR).revoked_at == at
    assert len(office.audit.query(kind="api_key.revoked")) == 1


def test_a_wrong_secret_reads_like_a_key_that_never_was(office: Workspace) -> None:
    issued = made(office)
    wrong = api_key_format.written(issued.key.id, bytes(32))
    unknown = api_key_format.written(api_key_format.new_id(office.ids), bytes(32))
    assert refused(office, wrong) == refused(office, unknown)
    (entry,) = office.audit.query(kind="api_key.refused")
    assert (entry.about["key"], entry.about["reason"]) == (issued.key.id, "secret")
    office.api_keys.revoke(issued.key.id, OPERATOR)
    assert refused(office, wrong) == refused(office, unknown)


class NoDatabase:
    def read(self) -> None:
        raise AssertionError("the database was asked")


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=200,
    deadline=None,
)
@given(data=st.data())
def test_no_text_but_the_key_itself_works(office: Workspace, data: st.DataObject) -> None:
    key = made(office).text
    place = data.draw(st.integers(0, len(key) - 1))
    other = data.draw(st.one_of(st.characters(), st.text(max_size=3)).filter(lambda one: one != key[place]))
    changed = key[:place] + other + key[place + 1 :]
    refused(office, changed)
    if len(other) == 1:
        alone = ApiKeys(NoDatabase(), office.audit, office.clock, office.ids, office.repeats)  # type: ignore[arg-type]
        with pytest.raises(Unauthenticated, match="mistyped"):
            alone.verify(changed)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=50,
    deadline=None,
)
@given(secret=st.binary(min_size=32, max_size=32))
def test_a_secret_that_was_not_issued_does_not_work_however_well_it_is_written(
    office: Workspace, secret: bytes
) -> None:
    key = made(office)
    refused(office, api_key_format.written(key.key.id, secret))


def test_a_key_does_not_work_under_the_id_of_another(office: Workspace) -> None:
    one, other = made(office), made(office)
    number = 0
    for digit in one.text[17:61]:
        number = number * 58 + "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz".index(digit)
    secret = number.to_bytes(32, "big")
    assert api_key_format.written(one.key.id, secret) == one.text
    refused(office, api_key_format.written(other.key.id, secret))


@BOTH
def test_rotation_lets_the_old_key_live_for_the_overlap(
    office: Workspace, clock: FixedClock, kept_in: str
) -> None:
    old = made(office, "search", "documents", life=timedelta(days=30))
    clock.advance(days=10)
    new = office.api_keys.rotate(old.key.id, OPERATOR, timedelta(hours=2))
    assert (new.key.scopes, new.key.principal, new.key.replaces) == (old.key.scopes, HELPDESK, old.key.id)
    assert new.key.expires_at.startswith("2026-02-14T09:00")
    assert office.api_keys.verify(old.text).state == "replaced"
    clock.advance(hours=2)
    assert "expired" in refused(office, old.text)
    assert office.api_keys.verify(new.text).state == "active"
    (entry,) = office.audit.query(kind="api_key.rotated")
    assert entry.about == {
        "key": new.key.id,
        "for": "service:helpdesk",
        "scopes": ["documents", "search"],
        "expires": new.key.expires_at,
        "replaces": old.key.id,
        "replaced_expires": "2026-01-15T11:00:00.000Z",
    }


def test_without_overlap_the_old_key_ends_at_once(office: Workspace) -> None:
    old = made(office)
    new = office.api_keys.rotate(old.key.id, OPERATOR, timedelta())
    refused(office, old.text)
    office.api_keys.verify(new.text)


def test_an_overlap_never_lengthens_a_life(office: Workspace) -> None:
    old = made(office, life=timedelta(hours=1))
    office.api_keys.rotate(old.key.id, OPERATOR, timedelta(days=30))
    assert office.api_keys.listing()[0].expires_at == old.key.expires_at
    with pytest.raises(BadInput, match="overlap"):
        office.api_keys.rotate(old.key.id, OPERATOR, timedelta(days=401))


def test_a_key_that_was_rotated_or_ended_is_not_rotated(office: Workspace, clock: FixedClock) -> None:
    old = made(office, life=timedelta(days=2))
    new = office.api_keys.rotate(old.key.id, OPERATOR)
    with pytest.raises(Conflict, match=new.key.id):
        office.api_keys.rotate(old.key.id, OPERATOR)
    office.api_keys.revoke(new.key.id, OPERATOR)
    with pytest.raises(Conflict, match="revoked"):
        office.api_keys.rotate(new.key.id, OPERATOR)
    short = made(office, life=timedelta(days=1))
    clock.advance(days=1)
    with pytest.raises(Conflict, match="expired"):
        office.api_keys.rotate(short.key.id, OPERATOR)


@BOTH
def test_of_many_who_rotate_a_key_at_the_same_moment_exactly_one_does(
    office: Workspace, kept_in: str
) -> None:
    second = app.open(office.home, embedder=lambda: None, clock=office.clock)
    for _ in range(4):
        old = made(office)
        start, outcomes = threading.Barrier(RACERS), list[str]()

        def rotate(keys: ApiKeys, start=start, old=old, outcomes=outcomes) -> None:
            start.wait()
            try:
                outcomes.append(keys.rotate(old.key.id, OPERATOR).key.id)
            except Conflict:
                outcomes.append("refused")

        racers = [
            threading.Thread(target=rotate, args=[(office, second)[number % 2].api_keys])
            for number in range(RACERS)
        ]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join()
        assert outcomes.count("refused") == RACERS - 1
        assert len([key for key in office.api_keys.listing() if key.replaces == old.key.id]) == 1
    assert len(office.audit.query(kind="api_key.rotated")) == 4
    second.close()


def test_the_last_use_is_noted_once_in_five_minutes(office: Workspace, clock: FixedClock) -> None:
    issued = made(office)

    def used() -> str | None:
        office.api_keys.verify(issued.text)
        return office.api_keys.listing()[0].last_used_at

    assert office.api_keys.listing()[0].last_used_at is None
    first = used()
    assert first is not None and first.startswith("2026-01-05T09:00")
    clock.advance(minutes=4, seconds=59)
    assert used() == first
    clock.advance(seconds=1)
    assert used() != first
    refused(office, api_key_format.written(made(office).key.id, bytes(32)))
    assert office.api_keys.listing()[1].last_used_at is None


def test_a_key_opens_what_its_scopes_name_and_nothing_that_names_none(office: Workspace) -> None:
    key = office.api_keys.verify(made(office, "search", "models").text)
    office.api_keys.permit(key, ["search"], BY_KEY)
    office.api_keys.permit(key, ["search", "models"], BY_KEY)
    for needed in (["ask"], ["search", "ask"]):
        with pytest.raises(Denied, match="'ask'"):
            office.api_keys.permit(key, needed, BY_KEY)
    with pytest.raises(Denied):
        office.api_keys.permit(key, [], BY_KEY)
    found = [(entry.actor, entry.about["scope"]) for entry in office.audit.query(kind="api_key.refused")]
    assert found == [("service:helpdesk", "ask"), ("service:helpdesk", "ask"), ("service:helpdesk", None)]


@pytest.mark.parametrize("given", ["", "nonsense", "mun_abc", "key_A", "key_" + "a" * 13, "\x00", "\ud800"])
def test_what_is_no_id_is_not_repeated(office: Workspace, given: str) -> None:
    for change in (office.api_keys.revoke, office.api_keys.rotate):
        with pytest.raises(BadInput) as told:
            change(given, OPERATOR)
        assert not given or given not in str(told.value)
    with pytest.raises(BadInput, match="no API key key_aaaaaaaaaaaa"):
        office.api_keys.revoke("key_" + "a" * 12, OPERATOR)
