"""What one check of `doctor` found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found: `warn` is weaker than recommended, `fail` is unsafe or does not work."""

    name: str
    state: Literal["ok", "warn", "fail"]
    says: str
    fix: str = ""
