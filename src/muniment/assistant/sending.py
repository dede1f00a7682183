"""Which passages go to which model: none that is more sensitive than the model may be sent.

Invariants:
- labels are read anew for each request, just before it is sent; what has none counts as above every ceiling;
- a passage keeps its number, whatever is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from muniment.governance.policy.rules import Standing
from muniment.inference.catalog import Endpoint
from muniment.knowledge import library
from muniment.knowledge.passage import Passage

if TYPE_CHECKING:
    from muniment.inference.gateway import Gateway


BYTES_OF_A_TOKEN = 3
"""Of most texts it is more, so that what is reckoned to fit does."""
AROUND = 150
"""Bytes around a passage."""


@dataclass(frozen=True, slots=True)
class Sending:
    """What is sent, and to whom."""

    endpoint: Endpoint
    numbers: frozenset[int]
    """Of the passages that are sent, from 1."""
    labels: frozenset[str | None]
    """Their sensitivities."""
    notes: tuple[str, ...] = ()
    """What the reader should know of it."""
    too_sensitive: int = 0
    """Passages that are above what the endpoint may be sent."""


def labels_of(connection: sa.Connection, passages: Sequence[Passage]) -> list[str | None]:
    """Return the sensitivity of each passage's document as it is now; None where it has none or is gone."""
    return labels_at(connection, [passage.document for passage in passages])


def labels_at(connection: sa.Connection, ids: Sequence[str]) -> list[str | None]:
    """Return the sensitivity of each of up to 500 documents as it is now; None where it has none or is gone."""
    documents = library.get_documents(connection, sorted(set(ids)))
    lists = library.access_lists(connection, sorted({one.access_class for one in documents.values()}))
    found = [documents.get(one) for one in ids]
    known = [None if one is None else lists.get(one.access_class) for one in found]
    return [None if one is None else one.sensitivity for one in known]


def choose(
    gateway: Gateway,
    standing: Standing,
    endpoint: Endpoint,
    labels: Sequence[str | None],
    when_sensitive: str,
) -> Sending:
    """Return which passages, of those with these labels, go to the endpoint; or to which other all go, as is set."""
    may = {label: gateway.admits(standing, endpoint, {label}) for label in set(labels)}
    sent = frozenset(n for n, label in enumerate(labels, 1) if may[label])
    if len(sent) == len(labels):
        return Sending(endpoint, sent, frozenset(labels))
    if when_sensitive == "fallback":
        for other in gateway.catalog.after(endpoint):
            if gateway.admits(standing, other, set(labels)):
                said = f"The model {endpoint.name} may not be sent passages as sensitive as these; {other.name} was."
                return Sending(other, frozenset(range(1, len(labels) + 1)), frozenset(labels), (said,))
    kept = frozenset(label for label in labels if may[label])
    above = len(labels) - len(sent)
    return Sending(endpoint, sent, kept, (withheld(above, endpoint.name),), above)


def fitting(sending: Sending, passages: Sequence[Passage], other: int) -> Sending:
    """Leave out the least relevant passages where they, with `other` bytes, might not fit into the endpoint."""
    endpoint = sending.endpoint
    if not endpoint.context_tokens:
        return sending
    room = (endpoint.context_tokens - endpoint.max_output_tokens) * BYTES_OF_A_TOKEN - other
    kept = set[int]()
    for n in sorted(sending.numbers):
        passage = passages[n - 1]
        said = f"{passage.title}{passage.heading}{passage.text}"
        room -= len(said.encode(errors="surrogatepass")) + AROUND
        if room < 0:
            break
        kept.add(n)
    if len(kept) == len(sending.numbers):
        return sending
    left_out = len(sending.numbers) - len(kept)
    many = "passage does" if left_out == 1 else "passages do"
    said = f"{left_out} {many} not fit into the model {endpoint.name}."
    return replace(sending, numbers=frozenset(kept), notes=(*sending.notes, said))


def withheld(count: int, name: str) -> str:
    """Return what is said of passages that an endpoint of this name may not be sent."""
    many = "passage was" if count == 1 else "passages were"
    of = "its" if count == 1 else "their"
    return f"{count} {many} withheld from the model {name} because of {of} sensitivity."
