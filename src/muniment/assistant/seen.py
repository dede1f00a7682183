"""What a model sees of a result: trusted values, and a mark in the place of every text that anybody may have written.

The label of what is seen is that of the values alone, so a run stays trusted until its model looks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from muniment.actions.labels import Label, join
from muniment.actions.paths import under
from muniment.actions.reading import Reading

HIDDEN = "(hidden: text of others)"
OTHERS = "(other fields)"
LONGEST = 12_000
"""Characters of one result that a model is shown."""
CUT = "\n(cut: it is longer)"


@dataclass(frozen=True, slots=True)
class Seen:
    """The text of a result as a model reads it, and the label of what that says."""

    text: str
    label: Label


def trusted_part(found: Reading) -> Seen:
    """Return a result with everything hidden that anybody may have written."""
    labels: list[Label] = []
    value = _masked(found, found.value, "", labels)
    return Seen(_text(value), join(labels))


def whole(found: Reading) -> Seen:
    """Return all of a result."""
    return Seen(_text(found.value), found.label)


def _masked(found: Reading, value: object, place: str, labels: list[Label]) -> object:
    if isinstance(value, Mapping):
        return _masked_object(found, cast("Mapping[str, object]", value), place, labels)
    if isinstance(value, Sequence) and not isinstance(value, str):
        rows = found.rows(place)
        if not rows.trusted:
            return HIDDEN
        labels.append(rows)
        return [_masked(found, one, f"{place}[]", labels) for one in cast("Sequence[object]", value)]
    label = found.of(value, place)
    if not label.trusted:
        return HIDDEN
    labels.append(label)
    return value


def _masked_object(
    found: Reading, fields: Mapping[str, object], place: str, labels: list[Label]
) -> dict[str, object]:
    """Show the fields that the manifest names; a name of another one could be anybody's text."""
    shown: dict[str, object] = {}
    for name, one in fields.items():
        here = under(place, name)
        if any(known == here or known.startswith((f"{here}.", f"{here}[]")) for known in found.labels):
            shown[name] = _masked(found, one, here, labels)
    return shown if len(shown) == len(fields) else {**shown, OTHERS: HIDDEN}


def _text(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, indent=1)
    return text if len(text) <= LONGEST else text[:LONGEST] + CUT
