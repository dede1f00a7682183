"""What labels of Google Drive say of how sensitive a file is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from muniment.knowledge.sources.http_api import Object, as_object, object_in, objects_in, stated_in

LABELS = "labelInfo(labels)"
"""The field that holds them."""


def asked(labels: Mapping[str, str]) -> list[str]:
    """Return the ids of the labels that files are asked for."""
    return sorted({one.partition("/")[0] for one in labels})


def sensitivity(said: Object, labels: Mapping[str, str]) -> tuple[str | None, bool]:
    """Return what the labels of a file mean here, and whether that is plain.

    `labels` are written `LABEL`, or `LABEL/CHOICE` for one of its choices. A label without a meaning here, or two of
    different ones, are not plain.
    """
    if not labels:
        return None, True
    carried = object_in(said, "labelInfo")
    found = set[str | None]()
    for one in objects_in(carried, "labels") if "labels" in carried else []:
        name = stated_in(one, "id")
        if name in asked(labels):
            chosen = [
                labels[key] for key in (f"{name}/{choice}" for choice in _choices(one)) if key in labels
            ]
            found |= set[str | None](chosen) or {labels.get(name)}
    if not found:
        return None, True
    return (found.pop(), True) if len(found) == 1 and None not in found else (None, False)


def _choices(one: Object) -> list[str]:
    chosen = list[str]()
    for name, value in object_in(one, "fields").items():
        selection = as_object(value, name).get("selection")
        if isinstance(selection, list):
            chosen += [choice for choice in cast("list[object]", selection) if isinstance(choice, str)]
    return chosen
