"""What an operator wants done about each class. It limits where values go; who may read them is policy's alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from muniment.governance.privacy.kinds import KINDS, LABELLED, Kind

Action = Literal["allow", "redact", "block"]


@dataclass(frozen=True, slots=True)
class Handling:
    """One action for each class."""

    card: Action = "allow"
    iban: Action = "allow"
    national_id: Action = "allow"
    secret: Action = "allow"  # noqa: S105
    email: Action = "allow"
    phone: Action = "allow"
    person: Action = "allow"
    place: Action = "allow"

    def action(self, kind: Kind) -> Action:
        """Return what is done about a value of this class."""
        found: Action = getattr(self, kind)
        return found

    def kinds(self, *actions: Action) -> frozenset[Kind]:
        """Return the classes that one of these actions is taken on."""
        return frozenset(kind for kind in KINDS if self.action(kind) in actions)

    @property
    def handles_names(self) -> bool:
        """Whether anything is done about names of persons or places, so that their labels are needed."""
        return not LABELLED.isdisjoint(self.kinds("redact", "block"))


ALLOWED = Handling()
PROMPTS = Handling(card="redact", iban="redact", national_id="redact", secret="redact")  # noqa: S106
"""To a model, unless settings say otherwise."""
ANSWERS = Handling(secret="redact")  # noqa: S106
"""To a reader, unless settings say otherwise."""
