"""Merkle trees of RFC 6962 / RFC 9162: roots, proofs of inclusion and of consistency.

Hashes of complete subtrees are addressed by level and number: level 0 holds the leaves, node ``n``
of level ``k`` covers the leaves ``n·2^k … (n+1)·2^k - 1``. :func:`stored_index` gives their place
in a file to which each new leaf only appends (the order of Go's ``tlog``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

__all__ = [
    "all_hashes",
    "consistency_proof",
    "inclusion_proof",
    "leaf_hash",
    "new_hashes",
    "node_hash",
    "stored_count",
    "stored_index",
    "tree_root",
    "verify_consistency",
    "verify_inclusion",
]

Read = Callable[[int, int], bytes]
"""Gives the hash of a complete subtree from level and number."""


def leaf_hash(leaf: bytes) -> bytes:
    """Return the hash of a leaf: SHA-256 of ``0x00 ‖ leaf`` (RFC 9162 §2.1.1)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256 of ``0x01 ‖ left ‖ right`` (RFC 9162 §2.1.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def stored_index(level: int, number: int) -> int:
    """Return where the hash of a complete subtree lies in the file of hashes.

    Examples
    --------
    >>> [stored_index(0, n) for n in range(4)], stored_index(1, 0), stored_index(2, 0)
    ([0, 1, 3, 4], 2, 6)
    """
    last_leaf = ((number + 1) << level) - 1
    return stored_count(last_leaf) + level


def stored_count(leaves: int) -> int:
    """Return how many hashes the file holds for a number of leaves.

    Examples
    --------
    >>> [stored_count(n) for n in range(6)]
    [0, 1, 3, 4, 7, 8]
    """
    total = 0
    while leaves:
        total += leaves
        leaves >>= 1
    return total


def new_hashes(size: int, leaf: bytes, read: Read) -> list[bytes]:
    """Return the hashes to append when leaf number ``size`` (from 0) joins a tree.

    Parameters
    ----------
    size : int
        Leaves so far.
    leaf : bytes
        Hash of the new leaf.
    read : callable
        Gives earlier hashes.
    """
    found = [leaf]
    level, number = 0, size
    while number & 1:
        found.append(node_hash(read(level, number - 1), found[-1]))
        level, number = level + 1, number >> 1
    return found


def all_hashes(leaves: Sequence[bytes]) -> list[bytes]:
    """Return the hashes of a whole log in the order in which they are stored."""
    hashes: list[bytes] = []

    def read(level: int, number: int) -> bytes:
        return hashes[stored_index(level, number)]

    for at, leaf in enumerate(leaves):
        hashes += new_hashes(at, leaf_hash(leaf), read)
    return hashes


def tree_root(size: int, read: Read) -> bytes:
    """Return the root hash of the first ``size`` leaves (of none: SHA-256 of nothing)."""
    return _span(0, size, read) if size else hashlib.sha256().digest()


def inclusion_proof(index: int, size: int, read: Read) -> list[bytes]:
    """Return the path that shows leaf ``index`` in the tree of ``size`` leaves (RFC 9162 §2.1.3.1).

    Raises
    ------
    ValueError
        When there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    path: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append(_span(middle, end, read))
            end = middle
        else:
            path.append(_span(begin, middle, read))
            begin = middle
    return path[::-1]


def consistency_proof(old: int, new: int, read: Read) -> list[bytes]:
    """Return the hashes that show the tree of ``old`` leaves to begin that of ``new`` (§2.1.4.1).

    Raises
    ------
    ValueError
        Unless ``0 < old <= new``.
    """
    if not 0 < old <= new:
        raise ValueError(f"no proof from {old} to {new}")
    path: list[bytes] = []
    begin, end, whole = 0, new, True
    while old != end:
        middle = begin + _split(end - begin)
        if old <= middle:
            path.append(_span(middle, end, read))
            end = middle
        else:
            path.append(_span(begin, middle, read))
            begin, whole = middle, False
    if not whole:
        path.append(_span(begin, end, read))
    return path[::-1]


def verify_inclusion(
    leaf: bytes, index: int, size: int, root: bytes, proof: Sequence[bytes]
) -> bool:
    """Tell whether a proof leads from a leaf's hash to the root (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last, found = index, size - 1, leaf
    for part in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            found = node_hash(part, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, part)
        node, last = node >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Tell whether a proof shows that nothing was taken out or replaced (RFC 9162 §2.1.4.2)."""
    if old == new:
        return not proof and old_root == new_root
    if not 0 < old < new or not proof:
        return False
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    before = after = path[0]
    for part in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            before, after = node_hash(part, before), node_hash(part, after)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            after = node_hash(after, part)
        node, last = node >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root


def _split(size: int) -> int:
    """Return the largest power of two below ``size``."""
    return 1 << ((size - 1).bit_length() - 1)


def _span(begin: int, end: int, read: Read) -> bytes:
    """Return the hash over leaves ``begin … end - 1``; ``begin`` is where a subtree may begin."""
    size = end - begin
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return read(level, begin >> level)
    middle = begin + _split(size)
    return node_hash(_span(begin, middle, read), _span(middle, end, read))
