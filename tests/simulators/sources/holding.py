"""Who holds which entries of a source, for tests that compare lists without a workspace."""

from __future__ import annotations

from collections import defaultdict

from muniment.knowledge.syncing.people import Known


def holders_of(people: Known) -> dict[str, set[str]]:
    """Return, by entry of the source, the users here that hold it."""
    found: dict[str, set[str]] = defaultdict(set)
    for account, entries in people.held().items():
        for entry in entries:
            found[entry].add(people.principals[account])
    return dict(found)
