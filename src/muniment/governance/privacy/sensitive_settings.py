"""What an operator may set about sensitive values."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from muniment.governance.privacy.handling import ANSWERS, PROMPTS, Action, Handling


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


class SensitiveSettings(_Section):
    """`[sensitive]`"""

    prompts: PromptSettings = PromptSettings()
    answers: ShownSettings = ShownSettings()

    def to_model(self, endpoint: EndpointSettings) -> Handling:
        """Return what is done on the way to an endpoint."""
        own = endpoint.model_dump(exclude_none=True)
        return Handling(**{**self.prompts.model_dump(), **own})

    def to_reader(self) -> Handling:
        """Return what is done on the way to a reader."""
        return Handling(**self.answers.model_dump())
