"""How groups nest: members of a group are also members of every group in its `members_of`."""

from __future__ import annotations

from collections.abc import Collection, Mapping

MAX_DEPTH = 32
"""Groups in the longest chain from a principal upward; a longer one grants nothing at all."""


def deepest_chain(members_of: Mapping[str, Collection[str]]) -> tuple[list[str], bool]:
    """Return the longest chain of nested groups and False, or a circle (first group repeated) and True."""
    height: dict[str, int] = {}
    for start in members_of:
        circle = _measure(start, members_of, height)
        if circle:
            return circle, True
    chain: list[str] = []
    below: Collection[str] = members_of
    while below:
        chain.append(max(sorted(below), key=lambda group: height[group]))
        below = members_of.get(chain[-1], ())
    return chain, False


def _measure(
    start: str, members_of: Mapping[str, Collection[str]], height: dict[str, int]
) -> list[str] | None:
    """Fill in the height of everything reached from `start`; return a circle when one is met."""
    path: list[str] = []
    on_path: set[str] = set()
    stack: list[tuple[str, bool]] = [(start, False)]
    while stack:
        group, done = stack.pop()
        if done:
            height[group] = 1 + max((height[parent] for parent in members_of.get(group, ())), default=0)
            path.pop()
            on_path.discard(group)
        elif group in on_path:
            return [*path[path.index(group) :], group]
        elif group not in height:
            path.append(group)
            on_path.add(group)
            stack.append((group, True))
            stack.extend((parent, False) for parent in members_of.get(group, ()))
    return None
