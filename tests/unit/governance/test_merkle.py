"""The Merkle tree against RFC 6962's definition, its test vectors, and itself."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.governance.audit.merkle import (
    Frontier,
    consistency_proof,
    consistent,
    included,
    inclusion_proof,
    leaf_hash,
    tree_root,
)
from muniment.governance.audit.verify import Tree

ENTRIES = st.lists(st.binary(max_size=8), max_size=40)

# The leaves and roots that certificate transparency implementations share.
VECTOR_LEAVES = [
    b"", b"\x00", b"\x10", b"\x20\x21", b"\x30\x31", b"\x40\x41\x42\x43",
    bytes(range(0x50, 0x58)), bytes(range(0x60, 0x70)),
]  # fmt: skip
VECTOR_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def naive_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + naive_root(leaves[:split]) + naive_root(leaves[split:])).digest()


@pytest.mark.parametrize("size", range(1, 9))
def test_known_vectors_hold(size: int) -> None:
    leaves = [leaf_hash(entry) for entry in VECTOR_LEAVES[:size]]
    assert tree_root(leaves).hex() == VECTOR_ROOTS[size - 1]


@given(ENTRIES, st.integers(0, 40))
def test_growing_in_pieces_gives_the_root_of_the_definition(entries: list[bytes], cut: int) -> None:
    leaves = [leaf_hash(entry) for entry in entries]
    grown = Frontier().extend(leaves[:cut])
    grown = Frontier.from_bytes(grown.size, grown.to_bytes()).extend(leaves[cut:])
    assert (grown.size, grown.root()) == (len(leaves), naive_root(leaves))


@given(ENTRIES, st.lists(st.integers(0, 9)))
def test_the_offline_verifier_computes_the_same_root(entries: list[bytes], pieces: list[int]) -> None:
    tree, leaves = Tree(), [leaf_hash(entry) for entry in entries]
    for count in pieces:
        tree.extend(leaves[tree.size : tree.size + count])
        assert tree.root() == naive_root(leaves[: tree.size])
    for leaf in leaves[tree.size :]:
        tree.add(leaf)
    assert tree.root() == naive_root(leaves)


@given(ENTRIES.filter(bool), st.data())
def test_inclusion_is_proved_for_the_entry_and_for_no_other(
    entries: list[bytes], data: st.DataObject
) -> None:
    leaves = [leaf_hash(bytes([n]) + entry) for n, entry in enumerate(entries)]
    at = data.draw(st.integers(0, len(leaves) - 1))
    path = inclusion_proof(leaves, at)
    root = tree_root(leaves)
    assert included(leaves[at], at, len(leaves), path, root)
    assert not included(leaf_hash(b"another"), at, len(leaves), path, root)
    other = data.draw(st.integers(0, len(leaves) - 1))
    assert included(leaves[at], other, len(leaves), path, root) == (other == at)


@given(ENTRIES.filter(bool), st.data())
def test_consistency_is_proved_for_a_prefix_and_for_no_other_history(
    entries: list[bytes], data: st.DataObject
) -> None:
    leaves = [leaf_hash(entry) for entry in entries]
    old = data.draw(st.integers(1, len(leaves)))
    proof = consistency_proof(leaves, old)
    root = tree_root(leaves)
    assert consistent(old, tree_root(leaves[:old]), len(leaves), root, proof)
    forged = [leaf_hash(b"forged"), *leaves[1:old]]
    if forged[0] != leaves[0]:
        assert not consistent(old, tree_root(forged), len(leaves), root, proof)
