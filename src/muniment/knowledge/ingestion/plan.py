"""What has to happen to make the library equal to a source: pure, no input or output."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from muniment.knowledge.library import DocumentRow, is_below


@dataclass(frozen=True, slots=True)
class Plan:
    """Paths of the source and rows of the library, each in path order."""

    new: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    renamed: tuple[tuple[DocumentRow, str], ...]
    """A live document and the path that now holds its bytes."""
    removed: tuple[DocumentRow, ...]
    withheld: tuple[DocumentRow, ...]
    """Documents whose file is there but cannot be read now."""


def plan(
    known: Sequence[DocumentRow],
    found: Mapping[str, str],
    unreadable: Sequence[str],
    stale: Collection[str] = (),
) -> Plan:
    """Compare live documents with `found` (path to content hash) and the paths that could not be read.

    A path that vanished and a new path with the same bytes are one renamed document; several pair up in path
    order. Those whose ids are `stale` were cut by other rules than today's, and count as changed.
    """
    by_path = {row.path: row for row in known}
    same = {row.path for row in known if row.content_hash == found.get(row.path) and row.id not in stale}
    missing = [by_path[path] for path in sorted(by_path) if path not in found]
    withheld = [row for row in missing if any(is_below(row.path, p) for p in unreadable if p)]
    vanished = [row for row in missing if row not in withheld]
    new = [path for path in sorted(found) if path not in by_path]
    renamed = _renames(vanished, new, found)
    gone = {row.id for row, _ in renamed}
    moved = {path for _, path in renamed}
    return Plan(
        new=tuple(path for path in new if path not in moved),
        changed=tuple(path for path in sorted(found) if path in by_path and path not in same),
        unchanged=tuple(path for path in sorted(found) if path in same),
        renamed=tuple(renamed),
        removed=tuple(row for row in vanished if row.id not in gone),
        withheld=tuple(withheld),
    )


def _renames(
    vanished: Sequence[DocumentRow], new: Sequence[str], found: Mapping[str, str]
) -> list[tuple[DocumentRow, str]]:
    waiting: dict[str, list[DocumentRow]] = defaultdict(list)
    for row in reversed(vanished):
        waiting[row.content_hash].append(row)
    return [(waiting[found[path]].pop(), path) for path in new if waiting.get(found[path])]
