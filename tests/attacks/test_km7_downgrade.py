"""KM7: the envelope names its algorithm, the name is part of what is sealed, and any other name is refused."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from hypothesis import given
from hypothesis import strategies as st

from muniment.foundation.canonical import canonical
from muniment.foundation.errors import NotSetUp, Tampered
from muniment.foundation.ids import Ids
from muniment.foundation.kek_file import KekFile
from muniment.foundation.keyring_file import create_keyring, open_keyring
from muniment.foundation.keys import ALGORITHM, seal, unseal

KEY, NONCE, PLACE = b"k" * 32, b"n" * 12, {"object": "doc_a", "version": "1"}
OTHER_NAMES = [
    b"",
    b"muniment:none:1\x00",
    b"muniment:AES-128-GCM:1\x00",
    b"muniment:AES-256-CTR:1\x00",
    b"muniment:AES-256-GCM:0\x00",
    b"muniment:AES-256-GCM:2\x00",
    b"muniment:aes-256-gcm:1\x00",
    b"muniment:AES-256-GCM:1",
    b"muniment:AES-256-GCM:1\x00\x00",
]


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_another_algorithm_in_the_envelope_is_refused(name: bytes) -> None:
    body = seal(KEY, PLACE, b"content", NONCE)[len(ALGORITHM) :]
    with pytest.raises(Tampered):
        unseal(KEY, PLACE, name + body)


def test_the_name_is_sealed_with_the_content() -> None:
    """A message of the same key and place that did not seal the name is refused though the name stands before it."""
    for sealed in (
        AESGCM(KEY).encrypt(NONCE, b"content", canonical(PLACE)),
        AESGCM(KEY).encrypt(NONCE, b"content", None),
        AESGCM(KEY).encrypt(NONCE, b"content", b"muniment:AES-256-GCM:0\x00" + canonical(PLACE)),
        ChaCha20Poly1305(KEY).encrypt(NONCE, b"content", ALGORITHM + canonical(PLACE)),
        b"content",
    ):
        with pytest.raises(Tampered):
            unseal(KEY, PLACE, ALGORITHM + NONCE + sealed)


@given(content=st.binary(max_size=64), at=st.integers(0), bit=st.integers(0, 7))
def test_no_single_changed_bit_opens(content: bytes, at: int, bit: int) -> None:
    sealed = bytearray(seal(KEY, PLACE, content, NONCE))
    sealed[at % len(sealed)] ^= 1 << bit
    with pytest.raises(Tampered):
        unseal(KEY, PLACE, bytes(sealed))


@given(st.binary(max_size=120))
def test_nothing_made_without_the_key_opens(made_up: bytes) -> None:
    for envelope in (made_up, ALGORITHM + made_up):
        with pytest.raises(Tampered):
            unseal(KEY, PLACE, envelope)


def test_a_wrapped_key_of_another_algorithm_does_not_open_the_workspace(tmp_path: Path) -> None:
    create_keyring(KekFile(tmp_path / "kek", Ids()), tmp_path / "keyring.json", "acme", Ids())
    whole = json.loads((tmp_path / "keyring.json").read_bytes())
    wrapped = base64.b64decode(whole["data_keys"]["database"])
    for name in OTHER_NAMES:
        weaker = base64.b64encode(name + wrapped[len(ALGORITHM) :]).decode()
        for document in (
            whole | {"data_keys": whole["data_keys"] | {"database": weaker}},
            whole | {"tenant_key": weaker},
        ):
            (tmp_path / "keyring.json").write_text(json.dumps(document))
            with pytest.raises(NotSetUp, match="does not open"):
                open_keyring(KekFile(tmp_path / "kek", Ids()), tmp_path / "keyring.json", Ids())


def test_a_key_in_clear_is_no_keyring(tmp_path: Path) -> None:
    create_keyring(KekFile(tmp_path / "kek", Ids()), tmp_path / "keyring.json", "acme", Ids())
    document = json.loads((tmp_path / "keyring.json").read_bytes())
    document["data_keys"]["database"] = base64.b64encode(b"d" * 32).decode()
    (tmp_path / "keyring.json").write_text(json.dumps(document))
    with pytest.raises(NotSetUp, match="does not open"):
        open_keyring(KekFile(tmp_path / "kek", Ids()), tmp_path / "keyring.json", Ids())
