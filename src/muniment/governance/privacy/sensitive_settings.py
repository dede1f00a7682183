"""What an operator may set about sensitive values."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from muniment.governance.privacy.handling import ANSWERS, PROMPTS, Action, Handling
from muniment.governance.privacy.kinds import LABELLED


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PromptSettings(_Section):
    """`[sensitive.prompts]`: what goes to a language model in questions, passages and titles."""

    card: Action = PROMPTS.card
    """Payment card numbers."""
    iban: Action = PROMPTS.iban
    """International bank account numbers."""
    national_id: Action = PROMPTS.national_id
    """National identifiers of persons."""
    secret: Action = PROMPTS.secret
    """Keys, tokens and passwords."""
    email: Action = PROMPTS.email
    """E-mail addresses."""
    phone: Action = PROMPTS.phone
    """Telephone numbers."""
    person: Action = PROMPTS.person
    """Names of persons, as labelled when documents are taken in."""
    place: Action = PROMPTS.place
    """Names of places, likewise."""


class ShownSettings(_Section):
    """`[sensitive.answers]`: what an answer shows in its words, quotes and titles."""

    card: Action = ANSWERS.card
    """Payment card numbers."""
    iban: Action = ANSWERS.iban
    """International bank account numbers."""
    national_id: Action = ANSWERS.national_id
    """National identifiers of persons."""
    secret: Action = ANSWERS.secret
    """Keys, tokens and passwords."""
    email: Action = ANSWERS.email
    """E-mail addresses."""
    phone: Action = ANSWERS.phone
    """Telephone numbers."""
    person: Action = ANSWERS.person
    """Names of persons, as labelled when documents are taken in."""
    place: Action = ANSWERS.place
    """Names of places, likewise."""


class EndpointSettings(_Section):
    """`[models.NAME.sensitive]`: for one endpoint, instead of `[sensitive.prompts]`; None leaves that."""

    card: Action | None = None
    """Payment card numbers."""
    iban: Action | None = None
    """International bank account numbers."""
    national_id: Action | None = None
    """National identifiers of persons."""
    secret: Action | None = None
    """Keys, tokens and passwords."""
    email: Action | None = None
    """E-mail addresses."""
    phone: Action | None = None
    """Telephone numbers."""
    person: Action | None = None
    """Names of persons, as labelled when documents are taken in."""
    place: Action | None = None
    """Names of places, likewise."""


class SensitiveSettings(_Section):
    """`[sensitive]`"""

    prompts: PromptSettings = PromptSettings()
    answers: ShownSettings = ShownSettings()
    not_names: tuple[str, ...] = ()
    """Words that are labelled as names and are none, such as those of products; each whole, as it is written."""

    def to_model(self, endpoint: EndpointSettings) -> Handling:
        """Return what is done on the way to an endpoint."""
        own = endpoint.model_dump(exclude_none=True)
        return Handling(**{**self.prompts.model_dump(), **own})

    def to_reader(self) -> Handling:
        """Return what is done on the way to a reader."""
        return Handling(**self.answers.model_dump())


def unlabelled_problem(sensitive: SensitiveSettings, endpoints: Mapping[str, EndpointSettings]) -> str | None:
    """Return the first setting that does something about names, which it cannot where nothing is labelled."""
    sections: dict[str, BaseModel] = {
        "sensitive.prompts": sensitive.prompts,
        "sensitive.answers": sensitive.answers,
        **{f"models.{name}.sensitive": one for name, one in endpoints.items()},
    }
    for section, one in sections.items():
        for kind in sorted(LABELLED):
            action = getattr(one, kind)
            if action not in (None, "allow"):
                return (
                    f"{section}.{kind} is {action!r}, and names are found only where ingestion.labels = true "
                    "labels them"
                )
    return None
