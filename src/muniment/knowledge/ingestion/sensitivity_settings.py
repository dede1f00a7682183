"""What an operator may set about the sensitivity of what is taken in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from muniment.governance.privacy.kinds import LABELLED, Kind
from muniment.knowledge.ingestion.expressions import problem


class SensitivityRule(BaseModel):
    """`[[ingestion.sensitivity]]`: what meets every condition that is stated is at least this sensitive."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=80)
    """What readers and the log are told; each once."""
    label: Literal["public", "internal", "confidential", "restricted"]
    """The least sensitivity of what meets the conditions."""
    sources: tuple[str, ...] = ()
    """Names of sources; the document comes from one of them."""
    paths: tuple[str, ...] = ()
    """Such as `hr/**` or `*.key`: `*` stays within a folder, `**` does not; without a `/`, of the name alone."""
    patterns: tuple[str, ...] = ()
    """Regular expressions, without look-around and back-references; one is found in the text."""
    where: Literal["text", "first_page"] = "text"
    """Where patterns are looked for; the first page with headers and footers, or the first 3,000 characters."""
    kinds: tuple[Kind, ...] = ()
    """Classes of sensitive values, as in `[sensitive]`; `person` and `place` need `ingestion.labels`."""
    at_least: int = Field(1, ge=1, le=1_000_000)
    """How many values of these classes the text holds, counted together."""
    file_labels: tuple[str, ...] = ()
    """Labels that the file itself states, such as `Highly *`; upper and lower case are one."""

    @field_validator("patterns")
    @classmethod
    def _sound(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for one in patterns:
            if wrong := problem(one):
                raise ValueError(f"{one!r} {wrong}")
        return patterns

    @model_validator(mode="after")
    def _stated(self) -> SensitivityRule:
        if not (self.sources or self.paths or self.patterns or self.kinds or self.file_labels):
            raise ValueError("states no condition: write sources, paths, patterns, kinds or file_labels")
        if "" in (*self.sources, *self.paths, *self.patterns, *self.file_labels):
            raise ValueError("states an empty condition")
        return self

    @property
    def needs_names(self) -> bool:
        """Return whether it asks for what only labelling finds."""
        return not LABELLED.isdisjoint(self.kinds)


def rules_problem(rules: Sequence[SensitivityRule], labels: bool) -> str | None:
    """Return what is wrong with the rules together, where `labels` says whether names are labelled."""
    seen: set[str] = set()
    for rule in rules:
        if rule.name in seen:
            return f"two rules are named {rule.name!r}"
        seen.add(rule.name)
        if rule.needs_names and not labels:
            return (
                f"the rule {rule.name!r} asks for names, which are found only where ingestion.labels = true "
                "labels them"
            )
    return None
