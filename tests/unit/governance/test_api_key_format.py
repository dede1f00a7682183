"""Any one character that differs from the key as it was issued is noticed without a database."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.foundation.ids import Ids, SeededIds
from muniment.governance.identity.api_key_format import (
    PATTERN,
    id_in,
    is_api_key,
    is_id,
    new_id,
    tenant_in,
    written,
)

secrets = st.binary(min_size=32, max_size=32)


@given(secrets, st.integers(0, 2**32))
def test_a_key_gives_back_its_id_and_the_scanners_pattern_finds_it(secret: bytes, seed: int) -> None:
    key_id = new_id(SeededIds(seed))
    key = written(key_id, secret)
    assert id_in(key) == key_id and is_api_key(key) and is_id(key_id)
    assert re.findall(PATTERN, f'password="{key}"\n') == [key]


@given(secrets, secrets)
def test_different_secrets_are_written_differently(one: bytes, other: bytes) -> None:
    key_id = new_id(Ids())
    assert (written(key_id, one) == written(key_id, other)) == (one == other)


@given(secrets, st.data())
def test_a_changed_character_anywhere_is_noticed(secret: bytes, data: st.DataObject) -> None:
    key = written(new_id(Ids()), secret)
    place = data.draw(st.integers(0, len(key) - 1))
    other = data.draw(st.characters().filter(lambda one: one != key[place]))
    assert id_in(key[:place] + other + key[place + 1 :]) is None


def test_every_single_change_within_the_alphabet_is_noticed() -> None:
    key = written(new_id(Ids()), b"\x07" * 32)
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-"
    for place in range(len(key)):
        for other in letters.replace(key[place], ""):
            assert id_in(key[:place] + other + key[place + 1 :]) is None


@pytest.mark.parametrize("cut", [0, 1, 4, 17, 66])
def test_a_key_cut_short_or_with_something_behind_it_is_none(cut: int) -> None:
    key = written(new_id(Ids()), b"\x07" * 32)
    for text in (key[:cut], key + "\n", f" {key}", key + "1", key.upper(), f"Bearer {key}"):
        assert id_in(text) is None


def test_a_key_may_name_its_tenant_and_is_another_key_then() -> None:
    key_id, secret = new_id(Ids()), bytes(range(32))
    plain, named = (written(key_id, secret, tenant) for tenant in ("", "acme-2"))
    assert named == f"mun_acme-2.{key_id.removeprefix('key_')}_{named.rpartition('_')[2]}"
    assert id_in(plain) == id_in(named) == key_id
    assert (tenant_in(plain), tenant_in(named)) == ("", "acme-2")
    assert id_in(named.replace("acme-2", "acme-3")) is None
    for wrong in ("mun_ACME.", "mun_-a.", f"mun_{'a' * 33}.", "mun_..", "mun_a/b."):
        assert tenant_in(plain.replace("mun_", wrong)) == ""
        assert id_in(plain.replace("mun_", wrong)) is None
