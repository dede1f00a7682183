"""How a sample is spread over the strata of what it is drawn from. No I/O."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

LEAST = 2
"""Drawn of each stratum that holds as many: with one, nothing can be said of how its answers differ."""


def sizes_that_fit(keys: Sequence[Sequence[str]], size: int) -> int | None:
    """Return how many parts of each key can tell strata apart so that `size` gives each its least.

    Parts stand in the order in which they matter; None where not even the first can.
    """
    for parts in range(len(keys[0]) if keys else 0, 0, -1):
        counts = Counter(tuple(key[:parts]) for key in keys)
        if sum(min(LEAST, count) for count in counts.values()) <= size:
            return parts
    return None


def allocation(sizes: Mapping[str, int], size: int) -> dict[str, int]:
    """Return how many to draw of each stratum: in proportion, and at least `LEAST` or all of a smaller one.

    They come to `size`, or to all there is. Raises ValueError where the least of all is more than `size`.
    """
    whole = sum(sizes.values())
    wanted = min(size, whole)
    drawn = {name: min(LEAST, count) for name, count in sizes.items()}
    if sum(drawn.values()) > wanted:
        raise ValueError("the sample is too small for so many strata")
    for _ in range(wanted - sum(drawn.values())):
        # The one that is furthest behind its due share; names decide between equals.
        behind = max(
            (name for name in sizes if drawn[name] < sizes[name]),
            key=lambda name: (sizes[name] * wanted / whole - drawn[name], name),
        )
        drawn[behind] += 1
    return drawn


def drawn(members: Mapping[str, Sequence[str]], size: int, seed: int) -> dict[str, list[str]]:
    """Return which of each stratum a seed draws; the same members and seed give the same."""
    counts = allocation({name: len(ids) for name, ids in members.items()}, size)
    chosen: dict[str, list[str]] = defaultdict(list)
    source = random.Random(seed)
    for name in sorted(members):
        chosen[name] = source.sample(sorted(members[name]), counts[name])
    return dict(chosen)
