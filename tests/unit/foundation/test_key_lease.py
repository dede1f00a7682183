"""A proof of the key is relied on for so long and no longer, whatever the key service does."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from muniment.foundation.clock import Clock, FixedClock
from muniment.foundation.errors import BadInput, MunimentError, NotSetUp
from muniment.foundation.key_lease import KeyLease
from muniment.foundation.key_provider import KeyRefused, KeyUnreachable

GOOD: MunimentError | None = None
SILENT = KeyUnreachable("The service is silent.", fix="Wait.")
OFF = KeyRefused("The key is off.", fix="Switch it on.")


class Office:
    """A lease, a clock that moves when told to, and a key service of which each proof takes `takes` seconds."""

    def __init__(self, clock: Clock | None = None, seconds: float = 4.0) -> None:
        self.clock = FixedClock()
        self.answer: BaseException | None = GOOD
        self.takes = 0.0
        self.proofs = 0
        self.changes: list[str] = []
        used = clock or self.clock
        self.lease = KeyLease(self.prove, used, seconds, used.seconds(), self.changed)

    def prove(self) -> None:
        self.proofs += 1
        self.clock.advance(seconds=self.takes)
        if self.answer is not None:
            raise self.answer

    def changed(self, why: MunimentError | None) -> None:
        self.changes.append(why.code if why else "held")

    def open(self) -> bool:
        try:
            self.lease.check()
        except (KeyUnreachable, KeyRefused, NotSetUp):
            return False
        return True


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """A lease that a thread keeps, whose part the test plays: nobody but `renew` proves."""
    made = Office()
    monkeypatch.setattr(made.lease, "_keep", lambda _: None)
    with made.lease.kept():
        yield made


def test_a_held_lease_asks_nobody(office: Office) -> None:
    office.clock.advance(seconds=3.9)
    assert all(office.open() for _ in range(100))
    assert office.proofs == 0


def test_a_refusal_closes_at_once_and_a_proof_opens_again(kept: Office) -> None:
    kept.answer = OFF
    assert not kept.lease.renew()
    assert not kept.open()
    kept.answer = GOOD
    assert kept.lease.renew()
    assert kept.open()


def test_silence_closes_when_the_lease_runs_out(kept: Office) -> None:
    kept.answer = SILENT
    for _ in range(4):
        kept.lease.renew()
        assert kept.open()
        kept.clock.advance(seconds=1)
    assert not kept.open()
    with pytest.raises(KeyUnreachable, match="silent"):
        kept.lease.check()


def test_a_keeper_that_died_closes_when_the_lease_runs_out(kept: Office) -> None:
    kept.clock.advance(seconds=4)
    assert not kept.open()
    assert kept.proofs == 0


def test_the_lease_counts_from_the_begin_of_the_proof(kept: Office) -> None:
    kept.takes = 3.0
    kept.lease.renew()
    kept.clock.advance(seconds=0.9)
    assert kept.open()
    kept.clock.advance(seconds=0.1)
    assert not kept.open()


def test_a_proof_that_takes_longer_than_the_lease_opens_nothing(kept: Office) -> None:
    kept.takes = 4.0
    assert not kept.lease.renew()
    assert not kept.open()


def test_without_a_keeper_a_reader_proves_the_key_itself(office: Office) -> None:
    office.clock.advance(seconds=100)
    assert office.open() and office.proofs == 1
    office.answer = OFF
    assert office.open()
    office.clock.advance(seconds=4)
    assert not office.open()
    office.answer = GOOD
    office.clock.advance(seconds=1)
    assert office.open()


def test_many_readers_of_a_lost_lease_do_not_storm_the_service(office: Office) -> None:
    office.answer = SILENT
    office.clock.advance(seconds=4)
    assert not any(office.open() for _ in range(50))
    assert office.proofs == 1


@pytest.mark.parametrize(
    "failure", [ValueError("x"), BadInput("No token.", fix="Put one."), NotSetUp("No file.")]
)
def test_whatever_a_proof_raises_closes_with_503(kept: Office, failure: Exception) -> None:
    kept.answer = failure
    kept.lease.renew()
    assert not kept.open()


def test_each_loss_and_each_return_is_told_once(kept: Office) -> None:
    for answer in (OFF, OFF, SILENT, GOOD, GOOD, SILENT, GOOD):
        kept.answer = answer
        kept.lease.renew()
    kept.clock.advance(seconds=4)
    kept.answer = SILENT
    kept.lease.renew()
    kept.lease.close()
    assert kept.changes == ["key-refused", "held", "key-unreachable"]


def test_a_thread_renews_before_the_lease_runs_out_and_ends_with_the_block() -> None:
    office = Office(Clock(), seconds=0.4)
    again = threading.Event()
    proofs = office.prove

    def prove() -> None:
        proofs()
        if office.proofs > 5:
            again.set()

    office.lease._prove = prove
    with office.lease.kept(), office.lease.kept():
        assert again.wait(20)
    assert office.open()
    for thread in threading.enumerate():
        if thread.name == "key-lease":
            thread.join(20)
            assert not thread.is_alive()
