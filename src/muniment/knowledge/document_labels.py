"""What raises a document's sensitivity above what its source states, and why.

Invariants:
- a label only raises: a list that a label is laid over lets nobody read whom it did not let read before;
- a word that is none of the levels lies above every clearance;
- what raised a document goes on raising it until somebody says that labels may be lowered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

import sqlalchemy as sa

from muniment.governance.identity.clearance import LEVELS, higher
from muniment.knowledge.access import AccessList
from muniment.knowledge.stated import UNREADABLE
from muniment.knowledge.tables import document_label

Origin = Literal["rule", "file"]
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Reason:
    """What raises a document."""

    origin: Origin
    name: str
    """Of the rule, or the word that the file states."""
    label: str
    open: bool = False
    """What the rule asks for is not known yet, so it holds until that is."""
    kept: bool = False
    """It does not hold any more, and goes on until labels are lowered."""

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {name: value for name, value in asdict(self).items() if value is not False}

    def said(self) -> str:
        """Return it in words."""
        what = f"rule {self.name}" if self.origin == "rule" else f"the file says {self.name}"
        if self.open:
            return f"{what} (not known yet, so it holds)"
        return f"{what} (no more; `muniment sources relabel` lowers it)" if self.kept else what


@dataclass(frozen=True, slots=True)
class DocumentLabel:
    """What raises one document, as decided under one set of rules."""

    reasons: tuple[Reason, ...] = ()
    rules: str = ""
    """Digest of the rules."""

    @property
    def label(self) -> str:
        """The highest label of the reasons; empty where nothing raises."""
        found = ""
        for one in self.reasons:
            found = one.label if not found else higher(found, one.label) or one.label
        return found

    @property
    def level(self) -> str:
        """The label as the log names it, which holds no words of files."""
        return self.label if not self.label or self.label in LEVELS else "unknown"


NOTHING = DocumentLabel()


def raised(access: AccessList, label: str) -> AccessList:
    """Return a list with its sensitivity raised to a label; nobody's stays as it is."""
    if not label or not access.allow:
        return access
    sensitivity = higher(access.sensitivity, label)
    return access if sensitivity == access.sensitivity else replace(access, sensitivity=sensitivity)


def raised_only(before: DocumentLabel, now: DocumentLabel) -> DocumentLabel:
    """Return a new decision with what raised the document before it; what was not known then is forgotten."""
    # Of one reason that is there twice, the certain one counts.
    ordered = sorted(now.reasons, key=lambda one: not one.open)
    found = {(one.origin, one.name, one.label): one for one in ordered}
    for one in before.reasons:
        key = (one.origin, one.name, one.label)
        if one.open:
            continue
        if key not in found:
            found[key] = replace(one, kept=True)
        elif found[key].open:
            found[key] = replace(found[key], open=False)
    return replace(now, reasons=tuple(found.values()))


def labels_of(connection: sa.Connection, documents: Sequence[str]) -> dict[str, DocumentLabel]:
    """Return the labels of documents; one that was never judged is left out."""
    found: dict[str, DocumentLabel] = {}
    for start in range(0, len(documents), _AT_ONCE):
        part = documents[start : start + _AT_ONCE]
        query = sa.select(document_label).where(document_label.c.document.in_(part))
        for row in connection.execute(query):
            found[row.document] = _read(row.label, row.why, row.rules)
    return found


def store(connection: sa.Connection, labels: Mapping[str, DocumentLabel], at: str) -> None:
    """Put labels in the place of those that were there; the caller moves the documents' access classes."""
    if not labels:
        return
    drop(connection, list(labels))
    rows = [
        {
            "document": name,
            "label": one.label,
            "why": json.dumps([reason.as_json() for reason in one.reasons]),
            "rules": one.rules,
            "at": at,
        }
        for name, one in labels.items()
    ]
    connection.execute(sa.insert(document_label), rows)


def drop(connection: sa.Connection, documents: Sequence[str]) -> None:
    """Forget the labels of documents."""
    for start in range(0, len(documents), _AT_ONCE):
        part = documents[start : start + _AT_ONCE]
        connection.execute(sa.delete(document_label).where(document_label.c.document.in_(part)))


def _read(label: str, why: str, rules: str) -> DocumentLabel:
    try:
        reasons = tuple(_reason(row) for row in json.loads(why))
    except (ValueError, TypeError, KeyError, RecursionError):
        reasons = (Reason("file", UNREADABLE, UNREADABLE),)
    found = DocumentLabel(reasons, rules)
    # What was stored as the label holds, whatever the reasons beside it say.
    if label and higher(found.label or LEVELS[0], label) != (found.label or LEVELS[0]):
        found = replace(found, reasons=(*reasons, Reason("file", label, label)))
    return found


def _reason(row: Mapping[str, object]) -> Reason:
    origin, name, label = row["origin"], row["name"], row["label"]
    if origin not in ("rule", "file") or not isinstance(name, str) or not isinstance(label, str):
        raise ValueError("not a reason")
    return Reason(origin, name, label, row.get("open") is True, row.get("kept") is True)
