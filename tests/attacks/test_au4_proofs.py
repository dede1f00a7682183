"""AU4: inclusion and consistency proofs as RFC 6962 defines them, and as an implementation of others makes them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import NotFound, Tampered
from muniment.foundation.ids import Ids
from muniment.foundation.kek_file import KekFile
from muniment.foundation.keyring_file import create_keyring
from muniment.foundation.sqlcipher import SqlCipherDatabase
from muniment.governance.audit import tiles, verify
from muniment.governance.audit.checkpoint import Checkpoint
from muniment.governance.audit.entry import Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.audit.merkle import (
    consistency_proof,
    consistent,
    included,
    inclusion_path,
    inclusion_proof,
    leaf_hash,
    tree_root,
)
from muniment.governance.audit.proofs import Proofs
from muniment.governance.identity.principal import OPERATOR

# The paths over the eight leaves that certificate transparency implementations share.
LEAVES = [
    leaf_hash(bytes.fromhex(text))
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                 "606162636465666768696a6b6c6d6e6f")
]  # fmt: skip
INCLUSION = {
    (0, 1): [],
    (0, 8): ["96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
             "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
             "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"],
    (5, 8): ["bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
             "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
             "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): ["6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
             "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
             "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"],
}  # fmt: skip
CONSISTENCY = {
    (1, 1): [],
    (1, 8): ["96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
             "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
             "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"],
    (6, 8): ["0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
             "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
             "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"],
    (2, 5): ["5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
             "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"],
}  # fmt: skip
SIZE = 300
Kept = tuple[AuditLog, SqlCipherDatabase, list[Checkpoint]]


@pytest.mark.parametrize(("place", "size"), INCLUSION)
def test_the_shared_inclusion_vectors_hold(place: int, size: int) -> None:
    path = inclusion_proof(LEAVES[:size], place)
    assert [node.hex() for node in path] == INCLUSION[place, size]
    assert included(LEAVES[place], place, size, path, tree_root(LEAVES[:size]))


@pytest.mark.parametrize(("old", "size"), CONSISTENCY)
def test_the_shared_consistency_vectors_hold(old: int, size: int) -> None:
    path = consistency_proof(LEAVES[:size], old)
    assert [node.hex() for node in path] == CONSISTENCY[old, size]
    assert consistent(old, tree_root(LEAVES[:old]), size, tree_root(LEAVES[:size]), path)


@pytest.mark.filterwarnings("ignore")
def test_another_implementation_takes_our_proofs_and_makes_the_same() -> None:
    pymerkle = pytest.importorskip("pymerkle", reason="the package pymerkle is not installed")
    entries = [bytes([n]) * n for n in range(40)]
    leaves = [leaf_hash(entry) for entry in entries]
    theirs = pymerkle.InmemoryTree(algorithm="sha256")
    for size, entry in enumerate(entries, 1):
        theirs.append_entry(entry)
        assert theirs.get_state() == tree_root(leaves[:size])
    for size in (1, 2, 3, 7, 8, 23, 40):
        root = tree_root(leaves[:size])
        for place in range(size):
            made = theirs.prove_inclusion(place + 1, size)
            # Theirs begins with the leaf itself.
            assert [leaves[place], *inclusion_proof(leaves[:size], place)] == made.path
            pymerkle.verify_inclusion(leaves[place], root, made)
        for old in range(1, size + 1):
            made, path = theirs.prove_consistency(old, size), consistency_proof(leaves[:size], old)
            # Theirs names full subtrees where RFC 6962 folds them: what each takes and refuses is the same.
            for before in (tree_root(leaves[:old]), leaf_hash(b"forged")):
                try:
                    pymerkle.verify_consistency(before, root, made)
                    taken = True
                except pymerkle.InvalidProof:
                    taken = False
                assert taken == consistent(old, before, size, root, path)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """Return a log under whose entries four stored roots stand side by side, and checkpoints of it."""
    place = tmp_path_factory.mktemp("au4")
    database = SqlCipherDatabase(place / "log.db", b"k" * 32)
    database.create()
    keyring = create_keyring(KekFile(place / "kek", Ids()), place / "ring", "acme", Ids())
    log, signed = AuditLog(database, keyring, FixedClock()), list[Checkpoint]()
    for _ in range(SIZE // 15):
        log.record([Entry("retrieval.chunk", OPERATOR, {"rank": n}) for n in range(15)])
        signed.append(log.checkpoint())
    return log, database, signed


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let four nodes lie side by side rather than 256, so that a small log has every level."""
    monkeypatch.setattr(tiles, "WIDTH_BITS", 2)
    monkeypatch.setattr(tiles, "WIDTH", 4)


@pytest.mark.usefixtures("narrow")
def test_stored_roots_make_every_proof_that_the_leaves_make(
    kept: Kept,
) -> None:
    log, database, _ = kept
    leaves = [bytes.fromhex(one.leaf_hash) for one in log.tail(SIZE)]
    tiles.grow(database)
    with database.read() as connection:
        root_of = tiles.subtrees(connection)

        @settings(max_examples=40, deadline=None)
        @given(st.data())
        def each(data: st.DataObject) -> None:
            end = data.draw(st.integers(1, SIZE))
            start = data.draw(st.sampled_from([at for at in range(0, end, 1 << (end.bit_length() - 1))]))
            assert root_of(start, end) == tree_root(leaves[start:end])

        each()
        for size in (1, 2, 5, 16, 64, 255, 256, 257, SIZE):
            for place in {0, size // 2, size - 1}:
                path = inclusion_path(place, size, root_of)
                assert path == inclusion_proof(leaves[:size], place)


@pytest.mark.usefixtures("narrow")
def test_every_proof_is_taken_by_the_offline_verifier_and_no_altered_one(
    kept: Kept,
) -> None:
    log, database, signed = kept
    proofs, key = Proofs(database, log), log.public_key() + "\n"
    for upto in (signed[3], signed[-1]):
        for seq in (0, 7, upto.size - 1):
            assert verify.verify_proof(proofs.inclusion(seq, upto), key, None) == []
        for old in signed[:4]:
            made = proofs.consistency(old.size, upto)
            assert verify.verify_proof(made, key, old.text) == []
            if old is not upto:
                assert verify.verify_proof(made, key, signed[5].text) != []
    text = proofs.inclusion(7, signed[3])
    for at in range(0, len(text), 3):
        altered = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
        assert verify.verify_proof(altered, key, None) != [], at


def test_a_proof_reads_a_few_hundred_rows_of_a_long_log(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    log, database, signed = kept
    Proofs(database, log).inclusion(0)
    read: list[int] = []
    nodes = tiles._nodes
    monkeypatch.setattr(tiles, "_nodes", lambda *given: read.append(len(got := nodes(*given))) or got)
    Proofs(database, log).inclusion(3, signed[-1])
    assert 0 < sum(read) <= 2 * tiles.WIDTH


def test_what_the_checkpoint_does_not_cover_is_not_proved(
    kept: Kept,
) -> None:
    log, database, signed = kept
    proofs = Proofs(database, log)
    for work in (
        lambda: proofs.inclusion(SIZE),
        lambda: proofs.inclusion(15, signed[0]),
        lambda: proofs.consistency(SIZE + 1),
        lambda: proofs.consistency(0),
    ):
        with pytest.raises(NotFound, match="checkpoint covers"):
            work()


def test_an_altered_entry_or_root_costs_its_proof_and_makes_no_false_one(tmp_path: Path) -> None:
    database = SqlCipherDatabase(tmp_path / "log.db", b"k" * 32)
    database.create()
    keyring = create_keyring(KekFile(tmp_path / "kek", Ids()), tmp_path / "ring", "acme", Ids())
    log = AuditLog(database, keyring, FixedClock())
    log.record([Entry("x", OPERATOR, {"n": n}) for n in range(600)])
    proofs = Proofs(database, log)
    assert verify.verify_proof(proofs.inclusion(599), log.public_key() + "\n", None) == []
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE audit_tile SET root = zeroblob(32) WHERE number = 1")
    with pytest.raises(Tampered):
        proofs.inclusion(0)
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE audit_entry SET body = CAST('{}' AS BLOB) WHERE seq = 300")
    with pytest.raises(Tampered):
        proofs.inclusion(300)
