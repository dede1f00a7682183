"""An NT access list lets in whom the server lets in, in the order of its entries, and nobody where it is unclear."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulators.smb_caller import descriptor, sid_bytes

from muniment.knowledge.sources.connectors.nt_rights import (
    AUTHENTICATED,
    EVERYONE,
    OWNER_RIGHTS,
    PASS,
    READ,
    Unclear,
    granted,
    parsed,
)

ALICE, BOB, ENG, NOBODY_KNOWS = (f"S-1-5-21-1-2-3-{number}" for number in (1001, 1002, 1201, 9999))
ALLOW, DENY = 0, 1
FULL, WRITE_ONLY, GENERIC_READ = 0x1F01FF, 0x2, 0x80000000
IO = 0x8


BOTH = frozenset({ALICE, BOB})
HELD = {ALICE: {ALICE}, BOB: {BOB}, ENG: {ALICE}, EVERYONE: BOTH, AUTHENTICATED: BOTH}


class Known:
    """Alice is an engineer, Bob is not."""

    accounts = BOTH

    def holding(self, sid: str) -> frozenset[str]:
        return frozenset(HELD.get(sid, ()))

    def perhaps_holding(self, sid: str) -> frozenset[str]:
        return frozenset(HELD.get(sid, BOTH))


def readers(*aces: tuple[int, int, int, str], owner: str = "", right: int = READ) -> set[str]:
    return set(granted(parsed(descriptor(list(aces), owner)), Known(), right))


def test_the_first_entry_that_speaks_of_the_right_decides() -> None:
    assert readers((DENY, 0, READ, ALICE), (ALLOW, 0, FULL, EVERYONE)) == {BOB}
    assert readers((ALLOW, 0, FULL, EVERYONE), (DENY, 0, READ, ALICE)) == {ALICE, BOB}
    assert readers((ALLOW, 0, READ, ENG)) == {ALICE}
    assert readers((DENY, 0, WRITE_ONLY, ALICE), (ALLOW, 0, WRITE_ONLY | READ, ALICE)) == {ALICE}
    assert readers((ALLOW, 0, WRITE_ONLY, ALICE)) == set()
    assert readers((ALLOW, 0, PASS, ALICE), right=PASS) == {ALICE}


def test_what_is_only_handed_down_does_not_count_here() -> None:
    assert readers((DENY, IO, FULL, ALICE), (ALLOW, IO, FULL, BOB), (ALLOW, 0, READ, ALICE)) == {ALICE}


def test_the_owner_reads_only_as_far_as_entries_say_so() -> None:
    assert readers(owner=ALICE) == set()
    assert readers((ALLOW, 0, READ, OWNER_RIGHTS), owner=ENG) == {ALICE}
    assert readers((DENY, 0, READ, OWNER_RIGHTS), (ALLOW, 0, READ, EVERYONE), owner=ALICE) == {BOB}
    assert readers((ALLOW, 0, READ, OWNER_RIGHTS)) == set()
    assert readers((DENY, 0, READ, OWNER_RIGHTS), (ALLOW, 0, READ, EVERYONE)) == set()
    assert readers((DENY, 0, READ, OWNER_RIGHTS), (ALLOW, 0, READ, EVERYONE), owner=NOBODY_KNOWS) == set()


def test_whom_nobody_knows_is_let_in_nowhere_and_shuts_everybody_out_who_was_not_let_in_before() -> None:
    assert readers((ALLOW, 0, READ, NOBODY_KNOWS)) == set()
    unknown = (DENY, 0, READ, NOBODY_KNOWS)
    assert readers((ALLOW, 0, READ, ALICE), unknown, (ALLOW, 0, READ, EVERYONE)) == {ALICE}


def test_a_generic_right_in_an_entry_counts_only_against_its_holder() -> None:
    assert readers((ALLOW, 0, GENERIC_READ, ALICE)) == set()
    assert readers((DENY, 0, GENERIC_READ, ALICE), (ALLOW, 0, READ, EVERYONE)) == {BOB}


def test_expressly_no_list_lets_everybody_in_and_an_empty_or_missing_one_nobody() -> None:
    no_list = struct.pack("<BBHIIII", 1, 0, 0x8004, 0, 0, 0, 0)
    assert granted(parsed(no_list), Known(), READ) == {ALICE, BOB}
    assert readers() == set()
    with pytest.raises(Unclear):
        parsed(struct.pack("<BBHIIII", 1, 0, 0x8000, 0, 0, 0, 0))


@pytest.mark.parametrize("kind", [0x2, 0x3, 0x6, 0xA, 0xC, 0x11, 0x12, 0x13, 0x7F, 0xFF])
def test_an_entry_that_could_deny_in_ways_not_understood_lets_nobody_in(kind: int) -> None:
    with pytest.raises(Unclear):
        readers((ALLOW, 0, READ, EVERYONE), (kind, 0, READ, ALICE))


@pytest.mark.parametrize("kind", [0x4, 0x5, 0x9, 0xB])
def test_an_entry_that_could_only_allow_lets_in_nobody_more(kind: int) -> None:
    assert readers((kind, 0, FULL, EVERYONE), (ALLOW, 0, READ, ALICE)) == {ALICE}


def test_posix_rights_are_not_taken_for_a_list() -> None:
    """POSIX lets the entry of a user go before those of groups, which the order of the entries does not show."""
    with pytest.raises(Unclear):
        readers((ALLOW, 0, 0, ALICE), (ALLOW, 0, READ, ENG))


@pytest.mark.parametrize(("kind", "mask"), [(0x13, 0), (0x11, 0x2)])
def test_a_central_policy_or_a_label_that_bars_reading_lets_nobody_in(kind: int, mask: int) -> None:
    plain = descriptor([(ALLOW, 0, READ, EVERYONE)])
    sid = sid_bytes("S-1-16-8192")
    system = struct.pack("<BBHHHBBHI", 2, 0, 16 + len(sid), 1, 0, kind, 0, 8 + len(sid), mask) + sid
    (control,) = struct.unpack_from("<H", plain, 2)
    held = bytearray(plain + system)
    struct.pack_into("<H", held, 2, control | 0x10)
    struct.pack_into("<I", held, 12, len(plain))
    with pytest.raises(Unclear):
        parsed(bytes(held))
    struct.pack_into("<B", held, len(plain) + 8, 0x12)
    assert granted(parsed(bytes(held)), Known(), READ) == {ALICE, BOB}


@given(st.binary(max_size=80), st.integers(0, 200), st.integers(0, 255))
def test_a_malformed_descriptor_is_unclear_and_nothing_worse(tail: bytes, at: int, byte: int) -> None:
    made = bytearray(descriptor([(ALLOW, 0, READ, ALICE), (DENY, 0, READ, BOB)], owner=ENG) + tail)
    made[at % len(made)] = byte
    for held in (bytes(made), bytes(made[: at % len(made)]), tail):
        with suppress(Unclear):
            granted(parsed(held), Known(), READ)


_SIDS = st.sampled_from([ALICE, BOB, ENG, EVERYONE, AUTHENTICATED, OWNER_RIGHTS, NOBODY_KNOWS])
_ACES = st.lists(
    st.tuples(
        st.sampled_from([ALLOW, DENY]),
        st.sampled_from([0, IO]),
        st.sampled_from([READ, FULL, WRITE_ONLY, GENERIC_READ]),
        _SIDS,
    ),
    max_size=8,
)


@given(_ACES, st.sampled_from(["", ALICE, ENG, NOBODY_KNOWS]), st.integers(0, 7))
def test_one_denial_more_lets_nobody_in_who_was_not_before(
    aces: list[tuple[int, int, int, str]], owner: str, at: int
) -> None:
    more = [*aces[:at], (DENY, 0, READ, NOBODY_KNOWS), *aces[at:]]
    assert readers(*more, owner=owner) <= readers(*aces, owner=owner)
