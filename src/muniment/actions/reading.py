"""What a tool gave, with the label of every field as its manifest tells it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from muniment.actions.labels import Audience, Integrity, Label, join, own
from muniment.actions.manifest import FieldLabel, Manifest, Readers
from muniment.actions.paths import ROOT, is_name, under

_UNTOLD = FieldLabel()
_COMPANY = Audience(frozenset({"group:everyone"}))


@dataclass(frozen=True, slots=True)
class Labelled:
    """A value and its label."""

    value: object
    label: Label


@dataclass(frozen=True)
class Reading:
    """One result. Whoever chose its arguments chose what was read, so no field is trusted more than they are."""

    tool: str
    manifest: str
    """Digest of the manifest."""
    caller: str
    """Ref of whom it was read for."""
    value: object
    labels: Mapping[str, FieldLabel]
    asked: Label
    """Joined label of the arguments."""
    also: frozenset[Audience] = frozenset()
    """Who else has to be admitted, such as the readers of a document that a search gave."""

    @property
    def label(self) -> Label:
        """Return the label of all of it together."""
        return self.of(self.value, ROOT)

    def of(self, value: object, place: str) -> Label:
        """Return the joined label of a value that stands at a place of this result."""
        return join(self._bound(one) for one in self._inside(value, place))

    def rows(self, place: str) -> Label:
        """Return the label of which rows a list has."""
        return self._bound(self.labels.get(f"{place}[]", _UNTOLD))

    def missing(self, place: str) -> Label:
        """Return the label of there being nothing at a place: that of whoever may put something there."""
        inside = (f"{place}.", f"{place}[]")
        stated = [one for name, one in self.labels.items() if name == place or name.startswith(inside)]
        return join(self._bound(one) for one in stated or [_UNTOLD])

    def authored(self, place: str) -> bool:
        """Return whether a field says who added its row."""
        return self.labels.get(place, _UNTOLD).author

    def _inside(self, value: object, place: str) -> Iterable[FieldLabel]:
        if isinstance(value, Mapping):
            fields = cast("Mapping[str, object]", value)
            for name, inner in fields.items():
                if is_name(name):
                    yield from self._inside(inner, under(place, name))
                else:
                    # With dots or brackets it would spell the place of another field.
                    yield _UNTOLD
            if not fields:
                yield self.labels.get(place, _UNTOLD)
        elif isinstance(value, Sequence) and not isinstance(value, str):
            yield self.labels.get(f"{place}[]", _UNTOLD)
            for inner in cast("Sequence[object]", value):
                yield from self._inside(inner, f"{place}[]")
        else:
            yield self.labels.get(place, _UNTOLD)

    def _bound(self, found: FieldLabel) -> Label:
        integrity = min(found.integrity, self.asked.integrity, Integrity.SYSTEM)
        audiences = self._audiences(found.readers) | self.asked.audiences | self.also
        return Label(integrity, audiences)

    def _audiences(self, readers: Readers) -> frozenset[Audience]:
        if readers == "anyone":
            return frozenset()
        if readers == "company":
            return frozenset({_COMPANY})
        if readers == "caller":
            return frozenset({Audience(frozenset({self.caller}))})
        return frozenset({own(self.caller)})


def reading(
    manifest: Manifest, caller: str, value: object, asked: Label, also: frozenset[Audience] = frozenset()
) -> Reading:
    """Return a result of a tool as labelled by its manifest; it has been checked against its schema."""
    return Reading(manifest.name, manifest.digest, caller, value, manifest.labels, asked, also)
