"""Names of people in entries: pseudonyms where they lie, names where they are read."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import BadInput, Unavailable
from muniment.foundation.ids import Ids
from muniment.foundation.kek_file import KekFile
from muniment.foundation.keyring_file import create_keyring
from muniment.foundation.sqlcipher import SqlCipherDatabase
from muniment.governance.audit.entry import Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.audit.subject_keys import SubjectKeyFile
from muniment.governance.audit.subjects import ERASED, Subjects
from muniment.governance.audit.tables import audit_entry, audit_subject
from muniment.governance.identity.principal import OPERATOR, Actor

ALICE = Actor("user:alice", "http")


class Office:
    """A log with people, as one process has it."""

    def __init__(self, place: Path, made: Office | None = None) -> None:
        self.place = place
        self.database = SqlCipherDatabase(place / "log.db", b"k" * 32)
        if made is None:
            self.database.create()
            self.keyring = create_keyring(
                KekFile(place / "kek", Ids()), place / "keyring.json", "acme", Ids()
            )
        else:
            self.keyring = made.keyring
        self.file = SubjectKeyFile(place / "subjects.key", self.keyring, Ids())
        self.subjects = Subjects(self.file, "acme", Ids())
        self.log = AuditLog(self.database, self.keyring, FixedClock(), self.subjects)

    def bodies(self) -> list[str]:
        with self.database.read() as connection:
            rows = connection.execute(sa.select(audit_entry.c.body).order_by(audit_entry.c.seq)).scalars()
            return [body.decode() for body in rows]

    def forget(self, ref: str) -> None:
        with self.database.write() as connection:
            self.subjects.forget(connection, ref)
        self.subjects.settle(self.database)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
TEXTS = st.one_of(
    NAMES, NAMES.map("user:{}".format), st.sampled_from(['"user:x"', '\\"user:x', "a user:x", "user:"])
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(TEXTS, st.integers(-5, 5), st.none(), st.booleans()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=8,
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.dictionaries(NAMES, VALUES, max_size=4), NAMES)
def test_whatever_is_said_comes_back_and_no_name_lies_in_it(
    office: Office, about: dict[str, Any], name: str
) -> None:
    office.log.record([Entry("trial", Actor(f"user:{name}", "http"), about)])
    found = office.log.tail(1)[0]
    assert (found.actor, found.about) == (f"user:{name}", about)

    def strings(value: object) -> list[str]:
        if isinstance(value, dict):
            return [text for pair in value.items() for one in pair for text in strings(one)]
        return [text for one in value for text in strings(one)] if isinstance(value, list) else [str(value)]

    for text in strings(json.loads(office.bodies()[-1])):
        assert not text.startswith("user:") or text == "user:"


def test_the_log_is_whole_and_what_lies_in_it_is_what_was_hashed(office: Office) -> None:
    office.log.record([Entry("trial", ALICE, {"owner": "user:bob", "of": ["user:alice", "group:x"]})])
    body = json.loads(office.bodies()[0])
    assert body["actor"] == body["about"]["of"][0] != body["about"]["owner"]
    assert body["about"]["of"][1] == "group:x"
    assert office.log.verify().findings == ()


def test_commitments_and_named_fields_are_sealed_for_the_person(office: Office) -> None:
    words = office.log.commitment("the question")
    said = {"query": words, "from": "192.0.2.7", "k": 3}
    office.log.record(
        [Entry("trial", ALICE, said, sealed=("from",)), Entry("trial", OPERATOR, {"query": words})]
    )
    office.log.record(
        [Entry("trial", OPERATOR, {"mail": "a@example.com"}, sealed=("mail",), of="user:alice")]
    )
    assert [one.about for one in office.log.tail(3)] == [said, {"query": words}, {"mail": "a@example.com"}]
    first, _, third = office.bodies()
    assert words not in first and "192.0.2.7" not in first and "a@example.com" not in third
    office.forget("user:alice")
    assert [one.about for one in office.log.tail(3)] == [
        {"query": ERASED, "from": ERASED, "k": 3},
        {"query": words},
        {"mail": ERASED},
    ]
    assert office.log.verify().findings == ()


def test_a_sealed_value_in_another_place_does_not_open(office: Office) -> None:
    office.log.record([Entry("trial", ALICE, {"from": "192.0.2.7"}, sealed=("from",))])
    sealed = json.loads(office.bodies()[0])["about"]["from"]
    office.log.record([Entry("trial", OPERATOR, {"to": sealed}), Entry("other", OPERATOR, {"from": sealed})])
    assert [one.about for one in office.log.tail(2)] == [{"to": ERASED}, {"from": ERASED}]


def test_entries_of_before_keep_their_names_and_are_found_beside_later_ones(office: Office) -> None:
    plain = AuditLog(office.database, office.keyring, FixedClock())
    plain.record([Entry("trial", ALICE, {"n": 1})])
    office.log.record([Entry("trial", ALICE, {"n": 2})])
    assert [one.about["n"] for one in office.log.query(actor="user:alice")] == [1, 2]
    assert office.log.verify().findings == ()


def test_a_name_of_an_undone_transaction_is_written_by_the_next(office: Office) -> None:
    class Undone(Exception):
        pass

    def undone() -> None:
        with office.database.write() as connection:
            office.log.append(connection, [Entry("trial", ALICE, {})])
            raise Undone

    for _ in range(2):
        with pytest.raises(Undone):
            undone()
    office.log.record([Entry("trial", ALICE, {})])
    assert [one.actor for one in Office(office.place, office).log.tail(5)] == ["user:alice"]


def test_another_process_neither_writes_nor_reads_who_was_erased(office: Office) -> None:
    other = Office(office.place, office)
    for one in (office, other):
        one.log.record([Entry("trial", ALICE, {})])
    office.forget("user:alice")
    assert {one.actor[:8] for one in other.log.tail(2)} == {"subject:"}
    other.log.record([Entry("trial", ALICE, {})])
    bodies = [json.loads(body)["actor"] for body in office.bodies()]
    assert bodies[0] == bodies[1] != bodies[2]
    assert office.log.tail(1)[0].actor == "user:alice"


def test_another_machine_brings_its_own_file_up(office: Office, tmp_path: Path) -> None:
    office.log.record([Entry("trial", ALICE, {})])
    (tmp_path / "copy.key").write_bytes(office.file.path.read_bytes())
    other = Office(office.place, office)
    other.file.path = tmp_path / "copy.key"
    pseudonym = json.loads(office.bodies()[0])["actor"].removeprefix("subject:")
    office.forget("user:alice")
    held = other.file.read()
    assert held is not None and held.key_of(pseudonym) is not None
    other.log.record([Entry("trial", Actor("user:bob", "http"), {})])
    held = other.file.read()
    assert held is not None and held.key_of(pseudonym) is None


@pytest.mark.parametrize("how", ["missing", "foreign", "damaged"])
def test_without_the_right_keys_nothing_about_people_is_written(office: Office, how: str) -> None:
    office.log.record([Entry("trial", ALICE, {})])
    path = office.file.path
    if how == "damaged":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        path.unlink()
    if how == "foreign":
        office.file.make()
    other = Office(office.place, office)
    with pytest.raises(Unavailable, match="nothing was done"):
        other.log.record([Entry("trial", ALICE, {})])
    other.log.record([Entry("trial", OPERATOR, {})])
    assert len(office.bodies()) == 2


def test_what_cannot_be_said_is_refused_as_before(office: Office) -> None:
    with pytest.raises(BadInput):
        office.log.record([Entry("trial", ALICE, {"n": float("nan")})])
    assert office.bodies() == []


def test_one_row_is_kept_for_each_person(office: Office) -> None:
    for n in range(5):
        office.log.record([Entry("trial", ALICE, {"of": f"user:{n % 2}"})])
    with office.database.read() as connection:
        rows = connection.execute(sa.select(audit_subject.c.sealed)).scalars().all()
    assert len(rows) == 3 and not any(b"alice" in row for row in rows)


@pytest.mark.prove
def test_pseudonyms_cost_a_tenth_of_a_millisecond(office: Office) -> None:
    def cost(by: Actor) -> float:
        with office.database.write() as connection:
            said = {"principal": by.ref, "query": office.log.commitment("x")}
            office.log.append(connection, [Entry("trial", by, said)])
            before = time.process_time()
            for _ in range(500):
                office.log.append(connection, [Entry("trial", by, said)])
            return (time.process_time() - before) / 500

    assert os.cpu_count()
    assert min(cost(ALICE) for _ in range(3)) - min(cost(OPERATOR) for _ in range(3)) < 0.0001
