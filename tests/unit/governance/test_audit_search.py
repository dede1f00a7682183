"""Looking through the log from the newest back: what is found is what is asked for, whatever is asked together."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from muniment import app
from muniment.app import Workspace
from muniment.foundation.clock import FixedClock, timestamp
from muniment.foundation.errors import BadInput, NotFound
from muniment.governance.audit import search
from muniment.governance.audit.entry import Actor, Entry, Json
from muniment.governance.audit.outcome import OUTCOMES, outcome_column, outcome_of
from muniment.governance.audit.search import Found, Wanted
from muniment.governance.audit.tables import audit_entry
from muniment.governance.identity.principal import OPERATOR
from muniment.governance.policy.gate import NotPermitted

ALICE, BOB = Actor("user:alice", "web"), Actor("user:bob", "http")
KINDS = (
    "answer.finished",
    "answer.refused",
    "search.failed",
    "action.denied",
    "action.unknown",
    "witness.behind",
)
IDS = ("doc_aaaaaaaaaaaaaaaaaaaa", "ans_bbbbbbbbbbbbbbbbbbbb")


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A log of six kinds by two people over six days."""
    place, clock = tmp_path_factory.mktemp("searched"), FixedClock()
    made = app.create(place / "home", clock=clock, embedder=lambda: None)
    (place / "people.toml").write_text("[users.alice]\n[users.bob]\n[users.grace]\n")
    made.directory.import_file(place / "people.toml", OPERATOR)
    made.roles.grant("auditor", "grace", "she audits", OPERATOR)
    for number in range(120):
        clock.advance(hours=1)
        about: dict[str, Json] = {"document": IDS[0]} if number % 3 else {"resource": f"Answer:{IDS[1]}"}
        if number % 7 == 0:
            about |= {"effect": "deny", "note": 'a "quoted" word'}
        made.audit.record([Entry(KINDS[number % 6], (ALICE, BOB)[number % 2], about)])
    yield made
    made.close()


def looked(workspace: Workspace, wanted: Wanted, limit: int = 1000, before: int | None = None) -> Found:
    return workspace.audit_reading.search(wanted, before, limit, None, OPERATOR)


def bodies(workspace: Workspace) -> list[tuple[int, str, str, str, bytes]]:
    with workspace.database.read() as connection:
        rows = connection.execute(sa.select(audit_entry).order_by(audit_entry.c.seq)).all()
    return [(row.seq, row.at, row.kind, row.actor, row.body) for row in rows]


WANTED = st.builds(
    Wanted,
    kind=st.sampled_from(["", *KINDS, "answer.*", "action.*", "none"]),
    outcome=st.sampled_from(["", *OUTCOMES]),
    by=st.sampled_from(["", "user:alice", "user:bob", "operator"]),
    names=st.sampled_from(["", *IDS, "user:bob"]),
    since=st.sampled_from(["", "2026-01-06", "2026-01-08T12:00:00.000Z", "2027"]),
    until=st.sampled_from(["", "2026-01-07", "2026-01-09T01:00:00.000Z"]),
)


@settings(max_examples=25, deadline=None)
@given(WANTED)
def test_what_is_found_is_what_a_look_at_every_entry_finds(busy: Workspace, wanted: Wanted) -> None:
    with busy.database.read() as connection:
        by = busy.audit.log_names(connection, wanted.by)
        named = [json.dumps(one).encode() for one in busy.audit.log_names(connection, wanted.names)]
    named.append(f':{wanted.names}"'.encode())
    expected = [
        seq
        for seq, at, kind, actor, body in bodies(busy)
        if (kind.startswith(wanted.kind[:-1]) if wanted.kind.endswith("*") else wanted.kind in ("", kind))
        and wanted.outcome in ("", outcome_of(kind, body))
        and (not wanted.by or actor in by)
        and (not wanted.names or any(one in body for one in named))
        and at >= wanted.since
        and (not wanted.until or at < wanted.until)
    ]
    found = looked(busy, wanted)
    assert [one.entry.seq for one in found.entries] == expected[::-1]
    assert found.before is None and found.all_counted
    counted = {name: sum(bar.counts[name] for bar in found.bars) for name in OUTCOMES}
    assert sum(counted.values()) == len(expected)
    assert all(counted[name] == sum(one.outcome == name for one in found.entries) for name in OUTCOMES)


def test_the_database_and_the_page_tell_the_same_outcome_of_each_entry(busy: Workspace) -> None:
    with busy.database.read() as connection:
        column = outcome_column(connection.dialect.name)
        told = connection.execute(sa.select(column).order_by(audit_entry.c.seq)).scalars().all()
    assert told == [outcome_of(kind, body) for _, _, kind, _, body in bodies(busy)]
    assert set(told) == set(OUTCOMES)


@pytest.mark.parametrize("wanted", [Wanted(), Wanted(kind="answer.*"), Wanted(outcome="refused")])
def test_pages_behind_one_another_hold_each_entry_once(busy: Workspace, wanted: Wanted) -> None:
    whole = [one.entry.seq for one in looked(busy, wanted).entries]
    seen: list[int] = []
    before: int | None = None
    while True:
        page = looked(busy, wanted, 16, before)
        seen += [one.entry.seq for one in page.entries]
        before = page.before
        if before is None:
            break
    # What the looking itself put on record stands in front of the first page.
    assert seen[-len(whole) :] == whole or seen == whole
    assert len(seen) == len(set(seen))


def test_a_long_log_is_looked_through_a_stretch_at_a_time(
    busy: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "LOOKED_AT", 10)
    monkeypatch.setattr(search, "COUNTED", 25)
    oldest = Wanted(names=IDS[1], kind="answer.finished")
    seen: list[int] = []
    page, before = looked(busy, oldest, 50), None
    assert not page.all_counted and page.counted == 25
    for _ in range(100):
        seen += [one.entry.seq for one in page.entries]
        before = page.before
        if before is None:
            break
        page = looked(busy, oldest, 50, before)
    assert len(seen) == 20


def test_bars_are_of_one_length_and_leave_no_gap(busy: Workspace) -> None:
    bars = looked(busy, Wanted(kind="*")).bars
    assert 2 <= len(bars) <= 60
    assert all(one.until == other.at for one, other in pairwise(bars))


def test_people_are_found_by_name_and_by_pseudonym_and_named_to_who_reads(busy: Workspace) -> None:
    pseudonym = busy.audit_reading.log_name("user:alice", None, OPERATOR)
    assert pseudonym.startswith("subject:") and "alice" not in pseudonym
    found, same = looked(busy, Wanted(by=pseudonym)), looked(busy, Wanted(by="user:alice"))
    assert found.entries == same.entries != () and found.asked.by == "user:alice"
    assert busy.audit_reading.log_name("operator", None, OPERATOR) == "operator"


def test_an_entry_is_shown_as_it_was_hashed_between_its_neighbours(busy: Workspace) -> None:
    (told,) = looked(busy, Wanted(kind="answer.*"), 1).entries
    one = busy.audit_reading.entry(told.entry.seq, None, OPERATOR)
    body = json.loads(one.body)
    assert body["seq"] == told.entry.seq and "user:" not in one.body
    assert one.told.entry.actor.startswith("user:") and one.by == body["actor"]
    assert busy.audit_reading.entry(told.entry.seq - 1, None, OPERATOR).told.entry.leaf_hash == one.before
    with pytest.raises(NotFound):
        busy.audit_reading.entry(10**9, None, OPERATOR)


def test_every_look_is_on_record_and_who_may_not_look_is_refused(busy: Workspace) -> None:
    alice, grace = busy.principal("alice"), busy.principal("grace")
    with pytest.raises(NotPermitted):
        busy.audit_reading.search(Wanted(), None, 5, alice, ALICE)
    assert busy.audit.tail(1)[0].kind == "policy.refused"
    busy.audit_reading.search(Wanted(kind="answer.*"), None, 5, grace, Actor(grace.ref, "web"))
    read = busy.audit.tail(1)[0]
    assert read.kind == "audit.read" and read.about["of"] == "search" and read.about["found"] == 5
    with pytest.raises(BadInput):
        busy.audit_reading.search(Wanted(), None, 0, grace, Actor(grace.ref, "web"))


def test_the_last_entries_of_a_kind_are_its_newest(busy: Workspace) -> None:
    found = busy.audit_reading.tail(3, "action.denied", None, OPERATOR)
    assert [one.kind for one in found] == ["action.denied"] * 3
    times = [one.at for one in found]
    assert times == sorted(times) and times[-1] == max(
        at for _, at, kind, _, _ in bodies(busy) if kind == "action.denied"
    )
    assert timestamp(busy.clock.now()) >= times[-1]


def test_a_workspace_of_its_own_begins_with_few_kinds(tmp_path: Path) -> None:
    made = app.create(tmp_path / "home", embedder=lambda: None)
    assert "workspace.created" in looked(made, Wanted()).kinds
    made.close()
