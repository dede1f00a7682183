from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.foundation.errors import Conflict, NotSetUp, Tampered, Unavailable
from muniment.foundation.ids import Ids, SeededIds
from muniment.foundation.kek_file import KekFile
from muniment.foundation.keyring_file import create_keyring, open_keyring
from muniment.foundation.keys import ALGORITHM, PURPOSES, Keyring, seal, unseal
from muniment.foundation.private_file import write_private

KEY, NONCE = b"k" * 32, b"n" * 12
CONTEXTS = st.dictionaries(st.text(st.characters(codec="ascii"), max_size=8), st.text(max_size=8), max_size=3)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    create_keyring(KekFile(tmp_path / "kek", Ids()), tmp_path / "keyring.json", "acme", Ids())
    return tmp_path


def reopened(place: Path) -> Keyring:
    return open_keyring(KekFile(place / "kek", Ids()), place / "keyring.json", Ids())


@given(plaintext=st.binary(max_size=200), context=CONTEXTS)
def test_what_was_sealed_opens_in_its_place(plaintext: bytes, context: dict[str, str]) -> None:
    sealed = seal(KEY, context, plaintext, NONCE)
    assert unseal(KEY, context, sealed) == plaintext
    assert sealed.startswith(ALGORITHM + NONCE)


@given(context=CONTEXTS, other=CONTEXTS)
def test_it_opens_in_no_other_place(context: dict[str, str], other: dict[str, str]) -> None:
    if seal(KEY, context, b"", NONCE) != seal(KEY, other, b"", NONCE):
        with pytest.raises(Tampered):
            unseal(KEY, other, seal(KEY, context, b"content", NONCE))


def test_an_opened_keyring_holds_the_keys_that_were_made(tmp_path: Path) -> None:
    made = create_keyring(KekFile(tmp_path / "kek", Ids()), tmp_path / "keyring.json", "acme", Ids())
    found = reopened(tmp_path)
    assert found.tenant == "acme"
    assert [found.data_key(p) for p in PURPOSES] == [made.data_key(p) for p in PURPOSES]
    assert len({found.data_key(p) for p in PURPOSES}) == len(PURPOSES)
    assert found.signing_key().public_key() == made.signing_key().public_key()


def test_two_messages_of_a_keyring_never_share_a_nonce(made: Path) -> None:
    ring = reopened(made)
    nonces = {ring.seal("tokens", {}, b"same")[len(ALGORITHM) :][:12] for _ in range(2000)}
    assert len(nonces) == 2000


def test_key_files_are_for_their_owner_alone(made: Path) -> None:
    assert {(made / name).stat().st_mode & 0o777 for name in ("kek", "keyring.json")} == {0o600}


def test_a_workspace_may_be_made_with_a_key_that_is_already_there(tmp_path: Path) -> None:
    write_private(tmp_path / "kek", base64.b64encode(b"k" * 32))
    create_keyring(KekFile(tmp_path / "kek", Ids()), tmp_path / "keyring.json", "acme", SeededIds(1))
    assert base64.b64decode((tmp_path / "kek").read_bytes()) == b"k" * 32
    assert reopened(tmp_path).tenant == "acme"


def test_a_keyring_is_never_overwritten(made: Path) -> None:
    before = (made / "keyring.json").read_bytes()
    with pytest.raises(Conflict, match="already exists"):
        create_keyring(KekFile(made / "kek", Ids()), made / "keyring.json", "acme", Ids())
    assert (made / "keyring.json").read_bytes() == before


def lose(place: Path) -> None:
    (place / "kek").unlink()


def replace_with_a_folder(place: Path) -> None:
    lose(place)
    (place / "kek").mkdir()


def exchange(place: Path) -> None:
    (place / "kek").write_bytes(base64.b64encode(b"w" * 32))


def truncate(place: Path) -> None:
    (place / "kek").write_bytes((place / "kek").read_bytes()[:20])


def empty(place: Path) -> None:
    (place / "kek").write_bytes(b"")


def scribble(place: Path) -> None:
    (place / "kek").write_bytes(b"\xff not base64 \x00")


def show_to_the_group(place: Path) -> None:
    (place / "kek").chmod(0o640)


def show_to_the_world(place: Path) -> None:
    (place / "kek").chmod(0o604)


WRONG_KEY_FILES: list[tuple[Callable[[Path], None], str]] = [
    (lose, "cannot be read"),
    (replace_with_a_folder, "cannot be read"),
    (exchange, "does not open"),
    (truncate, "not 32"),
    (empty, "0 bytes, not 32"),
    (scribble, "not base64"),
    (show_to_the_group, "open to others"),
    (show_to_the_world, "open to others"),
]


@pytest.mark.parametrize(("spoil", "said"), WRONG_KEY_FILES)
def test_a_key_file_that_cannot_be_trusted_is_named_with_its_fix(
    made: Path, spoil: Callable[[Path], None], said: str
) -> None:
    spoil(made)
    with pytest.raises(NotSetUp, match=said) as refused:
        reopened(made)
    assert str(made / "kek") in refused.value.public
    assert refused.value.fix


def test_a_missing_keyring_is_not_set_up(made: Path) -> None:
    (made / "keyring.json").unlink()
    with pytest.raises(NotSetUp, match="No keyring"):
        reopened(made)


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_keyring_that_lacks_a_key_says_which(made: Path, purpose: str) -> None:
    document = json.loads((made / "keyring.json").read_bytes())
    del document["data_keys"][purpose]
    (made / "keyring.json").write_text(json.dumps(document))
    with pytest.raises(NotSetUp, match=f"lacks the key for {purpose}"):
        reopened(made)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"not json",
        b"[]",
        b"null",
        b'{"tenant": "acme"}',
        b'{"tenant": "acme", "tenant_key": 7, "data_keys": {}}',
        b'{"tenant": "acme", "tenant_key": "AAAA", "data_keys": []}',
        b'{"tenant": "acme", "tenant_key": "=", "data_keys": {}}',
    ],
)
def test_what_is_not_a_keyring_is_refused(made: Path, content: bytes) -> None:
    (made / "keyring.json").write_bytes(content)
    with pytest.raises(NotSetUp):
        reopened(made)


def test_every_cut_of_a_keyring_is_refused(made: Path) -> None:
    whole = (made / "keyring.json").read_bytes()
    for length in range(0, len(whole) - 2, 7):
        (made / "keyring.json").write_bytes(whole[:length])
        with pytest.raises(NotSetUp):
            reopened(made)


def test_no_plaintext_key_reaches_the_disk(made: Path) -> None:
    ring = reopened(made)
    stored = (made / "keyring.json").read_text()
    for purpose in PURPOSES:
        key = ring.data_key(purpose)
        assert base64.b64encode(key).decode()[:40] not in stored
        assert key.hex() not in stored


def test_a_private_file_is_whole_or_refused(tmp_path: Path) -> None:
    write_private(tmp_path / "deep" / "secret", b"first")
    with pytest.raises(Conflict):
        write_private(tmp_path / "deep" / "secret", b"second")
    assert (tmp_path / "deep" / "secret").read_bytes() == b"first"
    assert os.stat(tmp_path / "deep").st_mode & 0o077 == 0


def test_a_full_disk_leaves_no_half_written_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(Unavailable, match="No space left on device"):
            create_keyring(KekFile(tmp_path / "kek", Ids()), tmp_path / "keyring.json", "acme", Ids())
    assert list(tmp_path.iterdir()) == []
    create_keyring(KekFile(tmp_path / "kek", Ids()), tmp_path / "keyring.json", "acme", Ids())
    assert reopened(tmp_path).tenant == "acme"
