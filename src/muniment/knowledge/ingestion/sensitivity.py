"""How sensitive a document is at least: what the operator's rules say of it, and what its file says of itself.

Invariants:
- it is pure: the same rules and the same facts give the same reasons, in the same order;
- what a rule asks for and nobody knows yet counts as met;
- a file's word that no rule knows and that is none of the levels lies above every clearance.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from muniment.foundation.canonical import exact
from muniment.governance.identity.clearance import LEVELS
from muniment.governance.privacy.kinds import LABELLED, Kind
from muniment.governance.privacy.recognise import recognise
from muniment.knowledge.document_labels import DocumentLabel, Reason
from muniment.knowledge.formats import MEDIA_TYPES
from muniment.knowledge.ingestion.expressions import found, glob, word
from muniment.knowledge.ingestion.sensitivity_settings import SensitivityRule
from muniment.knowledge.library import NewDocument
from muniment.knowledge.stated import UNREADABLE, Stated

LABELS_IN = frozenset(
    MEDIA_TYPES[kind] for kind in ("pdf", "docx", "pptx", "xlsx", "eml", "msg", "zip", "tar")
)
"""Media types of files that say something of their own sensitivity, or hold others that do."""
FIRST_PAGE = 3_000
"""Characters that count as the first page where a format has none."""
_JUDGEMENT = 1
"""Changes when the same rules would say something else of the same document."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What rules ask about one version."""

    source: str
    path: str
    media_type: str
    text: str
    units: Sequence[Mapping[str, object]]
    stated: Stated | None
    """None where nobody read what the file says of itself."""
    names: Mapping[Kind, int] | None = None
    """How many names stand in it; None while some of it is not labelled."""

    @property
    def words(self) -> tuple[str, ...] | None:
        """The labels that the file states; None where they are not known."""
        if self.stated is None:
            return None if self.media_type in LABELS_IN else ()
        return self.stated.labels

    @property
    def first_page(self) -> str:
        """The first page with headers and footers."""
        end = self.units[0].get("end") if self.units else None
        page = self.text[: end if isinstance(end, int) else FIRST_PAGE]
        return page if self.stated is None else f"{self.stated.margins}\n{page}"


class Sensitivity:
    """The rules of one workspace."""

    def __init__(self, rules: Sequence[SensitivityRule] = ()) -> None:
        self._rules = tuple(rules)
        said = [one.model_dump(mode="json") for one in self._rules]
        self.digest = "sha256:" + hashlib.sha256(exact([_JUDGEMENT, said])).hexdigest()
        """Of the rules, in their order."""

    @property
    def asks_for_names(self) -> bool:
        """Return whether some rule asks for what only labelling finds."""
        return any(one.needs_names for one in self._rules)

    def counts_names(self, reason: Reason) -> bool:
        """Return whether a reason, which is sure, is that of a rule of today that asks for names."""
        return not reason.open and any(
            one.needs_names and ("rule", one.name, one.label) == (reason.origin, reason.name, reason.label)
            for one in self._rules
        )

    def of_new(self, source: str, document: NewDocument) -> DocumentLabel:
        """Return what raises a document that was just read, whose names nobody has labelled."""
        version = document.version
        facts = Facts(source, document.path, version.media_type, version.text, version.units, version.stated)
        return self.of(facts)

    def of(self, facts: Facts) -> DocumentLabel:
        """Return what raises a document."""
        reasons: list[Reason] = []
        known: set[str] = set()
        counted: dict[frozenset[Kind], int] = {}
        for rule in self._rules:
            held = self._held(rule, facts, counted)
            if held is not None:
                reasons.append(Reason("rule", rule.name, rule.label, open=not held))
                known |= {one for one in facts.words or () if _names(rule, one)}
        for one in facts.words or ():
            level = one.casefold()
            if level in LEVELS:
                reasons.append(Reason("file", one, level))
            elif one not in known:
                reasons.append(Reason("file", one, one))
        return DocumentLabel(tuple(reasons), self.digest)

    def _held(self, rule: SensitivityRule, facts: Facts, counted: dict[frozenset[Kind], int]) -> bool | None:
        """Return True where a rule holds, None where it does not, False where that is not known yet."""
        if rule.sources and facts.source not in rule.sources:
            return None
        if rule.paths and not any(glob(one, facts.path) for one in rule.paths):
            return None
        certain = True
        if rule.file_labels:
            if facts.words is None:
                certain = False
            elif not any(_names(rule, one) for one in facts.words):
                return None
        if rule.patterns:
            text = facts.text if rule.where == "text" else facts.first_page
            if not any(found(one, text) for one in rule.patterns):
                return None
        if rule.kinds:
            enough = _enough(rule, facts, counted)
            if enough is None:
                return None
            certain = certain and enough
        return certain


def _enough(rule: SensitivityRule, facts: Facts, counted: dict[frozenset[Kind], int]) -> bool | None:
    patterned = frozenset(rule.kinds) - LABELLED
    if patterned not in counted:
        counted[patterned] = len(recognise(facts.text, patterned))
    count = counted[patterned]
    if count >= rule.at_least:
        return True
    if not rule.needs_names:
        return None
    if facts.names is None:
        return False
    count += sum(facts.names.get(one, 0) for one in rule.kinds if one in LABELLED)
    return True if count >= rule.at_least else None


def _names(rule: SensitivityRule, label: str) -> bool:
    """Return whether a rule names a label of a file; what cannot be read is named by none."""
    return label != UNREADABLE and any(word(one, label) for one in rule.file_labels)
