"""The RFC 6962 Merkle tree: hashes, appending, inclusion and consistency proofs.

Invariants:
- leaves and inner nodes are hashed under different prefixes, so neither can pass for the other;
- a `Frontier` holds the roots of the full subtrees that make up the tree, largest first: enough to append
  and to know the root in O(log n), without any leaf.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""Root of the tree without leaves."""


def leaf_hash(entry: bytes) -> bytes:
    """Return SHA-256 of 0x00 and the entry (RFC 6962 section 2.1)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256 of 0x01 and the two children (RFC 6962 section 2.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """A tree as the roots of its full subtrees: one per set bit of `size`, largest first."""

    size: int = 0
    roots: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.roots) != self.size.bit_count():
            raise ValueError(f"A tree of size {self.size} cannot have {len(self.roots)} full subtrees.")

    def extend(self, leaves: Iterable[bytes]) -> Frontier:
        """Return the tree with these leaf hashes appended."""
        size, roots = self.size, list(self.roots)
        for leaf in leaves:
            roots.append(leaf)
            full = size
            while full & 1:
                right = roots.pop()
                roots[-1] = node_hash(roots[-1], right)
                full >>= 1
            size += 1
        return Frontier(size, tuple(roots))

    def root(self) -> bytes:
        """Return the tree's root."""
        if not self.roots:
            return EMPTY_ROOT
        root = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            root = node_hash(left, root)
        return root

    def to_bytes(self) -> bytes:
        """Return the subtree roots, joined."""
        return b"".join(self.roots)

    @classmethod
    def from_bytes(cls, size: int, joined: bytes) -> Frontier:
        """Return the tree that `to_bytes` wrote; raises ValueError when the length does not fit `size`."""
        if len(joined) != size.bit_count() * HASH_BYTES:
            raise ValueError(f"A tree of size {size} cannot have a frontier of {len(joined)} bytes.")
        return cls(size, tuple(joined[i : i + HASH_BYTES] for i in range(0, len(joined), HASH_BYTES)))


def tree_root(leaves: Iterable[bytes]) -> bytes:
    """Return the root over leaf hashes."""
    return Frontier().extend(leaves).root()


def _split(size: int) -> int:
    """Return the largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


RootOf = Callable[[int, int], bytes]
"""Gives the root over the leaves from one place up to, and without, another."""


def inclusion_path(index: int, size: int, root_of: RootOf) -> list[bytes]:
    """Return the audit path of one leaf, nearest sibling first (RFC 6962 section 2.1.1).

    Asks for O(log n) roots, each over leaves that begin at a multiple of the largest full subtree among them.
    """
    if not 0 <= index < size:
        raise ValueError(f"No leaf {index} in a tree of size {size}.")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(root_of(middle, end))
            end = middle
        else:
            path.append(root_of(start, middle))
            start = middle
    return path[::-1]


def consistency_path(old_size: int, size: int, root_of: RootOf) -> list[bytes]:
    """Return the proof that the tree of the first `old_size` leaves is a prefix (RFC 6962 section 2.1.2).

    Asks for roots as `inclusion_path` does.
    """
    if not 0 < old_size <= size:
        raise ValueError(f"No tree of size {old_size} within one of size {size}.")
    proof: list[bytes] = []
    start, end, whole = 0, size, True
    while start + old_size != end:
        split = _split(end - start)
        middle = start + split
        if old_size <= split:
            proof.append(root_of(middle, end))
            end = middle
        else:
            proof.append(root_of(start, middle))
            start, old_size, whole = middle, old_size - split, False
    if not whole:
        proof.append(root_of(start, end))
    return proof[::-1]


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return `inclusion_path` over leaves at hand; O(n) hashes."""
    return inclusion_path(index, len(leaves), lambda start, end: tree_root(leaves[start:end]))


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> list[bytes]:
    """Return `consistency_path` over leaves at hand; O(n) hashes."""
    return consistency_path(old_size, len(leaves), lambda start, end: tree_root(leaves[start:end]))


def included(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Tell whether `path` proves that `leaf` is at `index` of the tree (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last, result = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if node & 1 or node == last:
            result = node_hash(sibling, result)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and result == root


def consistent(old_size: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Tell whether `proof` proves that the old tree is a prefix of the new one (RFC 9162 section 2.1.4.2)."""
    if not 0 < old_size <= size:
        return False
    if old_size == size:
        return not proof and old_root == root
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    node, last = old_size - 1, size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old, new = path[0], path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and old == old_root and new == root
