"""What is wrong with a suite, or may be: where, how badly, and what to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""From worst to least."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at. It holds nothing that the case's asker may not know."""

    severity: Severity
    """An error makes figures wrong; a warning weakens them."""
    what: str
    fix: str = ""
    case: str = ""
    """Id of the case; empty where it is the suite."""
    line: int = 0
    """Of the file of cases; 0 where it is none."""

    def as_json(self) -> dict[str, object]:
        """Return it as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Checked:
    """A suite that was looked through."""

    suite: str
    version: int
    digest: str
    """Empty where the suite cannot be read whole."""
    cases: int
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Return whether nothing makes its figures wrong."""
        return all(one.severity != "error" for one in self.findings)

    def as_json(self) -> dict[str, object]:
        """Return it as JSON values."""
        return {**asdict(self), "ok": self.ok}
