"""What can be said about a version from itself alone."""

from __future__ import annotations

from dataclasses import dataclass

from muniment.knowledge.flags import Flag, Severity
from muniment.knowledge.ingestion.quality.injection import orders, severity_of, weight_of
from muniment.knowledge.ingestion.quality.lines import Line, edge_lines, repeated
from muniment.knowledge.ingestion.quality.sketch import digest, signature
from muniment.knowledge.ingestion.unseen import Unseen, unseen_in
from muniment.knowledge.library import NewVersion

RULES = 1
"""Number of these rules; the next ingest looks again at what others looked at."""
MOST_SPANS = 50
_COMMANDS = 0.6
"""From this weight on, what was hidden commands a model, for which there is no innocent reason."""
_SPELT = 4
"""Tag characters in a row of which words can be made."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """A version's flags, and by what its text and lines are known again."""

    flags: tuple[Flag, ...]
    digest: str
    signature: bytes | None
    lines: tuple[Line, ...]

    def flag(self, kind: str) -> Flag | None:
        """Return the flag of a kind, or None."""
        return next((one for one in self.flags if one.kind == kind), None)


def assess(version: NewVersion) -> Assessment:
    """Look at a version; the time is linear in its length."""
    found = [_injection(version), _invisible(unseen_in(version.notes)), _boilerplate(version)]
    return Assessment(
        tuple(flag for flag in found if flag is not None),
        digest(version.text),
        signature(version.text),
        edge_lines(version.text),
    )


def _injection(version: NewVersion) -> Flag | None:
    said = orders(version.text)
    beside = orders(f"{version.title}\n{version.author}")
    if not said.patterns and not beside.patterns:
        return None
    # A word of the text is often in the title too, and counts once.
    patterns = tuple(dict.fromkeys((*said.patterns, *beside.patterns)))
    return Flag("injection", severity_of(weight_of(patterns)), said.spans, patterns)


def _invisible(unseen: Unseen) -> Flag | None:
    found = {
        "hidden by markup": unseen.hidden,
        "characters without a shape": unseen.invisible - unseen.tags - unseen.turns,
        "tag characters": unseen.tags,
        "turned text": unseen.turns,
    }
    names = [name for name, count in found.items() if count > 0]
    if not names:
        return None
    severity: Severity = "low"
    if unseen.orders or unseen.turns or unseen.tags:
        severity = "medium"
    if unseen.tags >= _SPELT or weight_of(unseen.orders) >= _COMMANDS:
        severity = "high"
    count = unseen.hidden + unseen.invisible
    return Flag("invisible", severity, (), (*names, *unseen.orders), count=count)


def _boilerplate(version: NewVersion) -> Flag | None:
    spans = repeated(version.text, version.units)
    if not spans:
        return None
    return Flag("boilerplate", "low", tuple(spans[:MOST_SPANS]), count=len(spans))
