"""Rules about reading: refusals in a row, breadth, and documents that nobody has a reason to read."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from muniment.governance.audit.entry import StoredEntry
from muniment.governance.incidents.detection.detection_settings import (
    BreadthSettings,
    CanarySettings,
    DenialSettings,
)
from muniment.governance.incidents.detection.rule import Distinct, Recent, account, person
from muniment.governance.incidents.incident import Finding

_REFUSED = frozenset({"refused", "denied"})
_READ = frozenset({"retrieval.chunk", "document.read"})


class Denials:
    """Somebody is refused again and again."""

    name = "denials"

    def __init__(self, settings: DenialSettings) -> None:
        self._settings = settings
        self.minutes = settings.minutes
        self._recent = Recent[str](settings.minutes)

    def look(self, entry: StoredEntry) -> Iterator[Finding]:
        """Take an entry in, and yield what is found with it."""
        denied = entry.kind.partition(".")[2] in _REFUSED or entry.about.get("effect") == "deny"
        subject = person(entry)
        if not denied or account(subject) is None:
            return
        count = self._recent.add(subject, entry, entry.kind)
        if count >= self._settings.count and self._recent.due(subject, entry):
            held = self._recent.held(subject)
            kinds = ", ".join(sorted({kind for _, kind in held}))
            says = f"{subject} was refused {len(held)} times within {self.minutes:g} minutes ({kinds})."
            yield Finding(
                self.name,
                subject,
                self._settings.severity,
                says,
                tuple(seq for seq, _ in held),
                _who(subject),
            )


class Breadth:
    """Somebody is given passages of unusually many documents."""

    name = "breadth"

    def __init__(self, settings: BreadthSettings) -> None:
        self._settings = settings
        self.minutes = settings.minutes
        self._read = Distinct(settings.minutes)
        self._raised = Recent[None](settings.minutes)

    def look(self, entry: StoredEntry) -> Iterator[Finding]:
        """Take an entry in, and yield what is found with it."""
        document, subject = entry.about.get("document"), person(entry)
        if entry.kind not in _READ or not isinstance(document, str) or account(subject) is None:
            return
        count = self._read.add(subject, entry, document)
        if count >= self._settings.documents and self._raised.due(subject, entry):
            says = f"{subject} was given {count} documents within {self.minutes:g} minutes."
            places = tuple(self._read.places(subject))
            yield Finding(self.name, subject, self._settings.severity, says, places, _who(subject))


class Canaries:
    """Somebody is given a document that nobody has a reason to read."""

    name = "canaries"
    minutes = 0.0

    def __init__(self, settings: CanarySettings, resolve: Callable[[str], str | None]) -> None:
        """`resolve` gives the id of a document by id or SOURCE/PATH, None for none."""
        self._settings = settings
        self._resolve = resolve

    def look(self, entry: StoredEntry) -> Iterator[Finding]:
        """Take an entry in, and yield what is found with it."""
        document, subject = entry.about.get("document"), person(entry)
        if entry.kind not in _READ or not isinstance(document, str) or not self._settings.documents:
            return
        named = next((one for one in self._settings.documents if self._resolve(one) == document), None)
        if named is not None:
            says = f"{subject} was given the canary {document}."
            yield Finding(self.name, subject, self._settings.severity, says, (entry.seq,), _who(subject))


def _who(subject: str) -> tuple[tuple[str, str], ...]:
    found = account(subject)
    return () if found is None else (found,)
