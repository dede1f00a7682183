"""Text that must not slip into a log, a message or a file."""

from __future__ import annotations

from muniment.foundation.errors import BadInput


class MissingSecret(BadInput):
    """A reference to a secret leads nowhere: what it names is not set, or cannot be read."""


class Secret:
    """Text that shows itself only when asked to by name."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text; for the header of a request, or the door that it opens, only."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(...)"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("A secret is not stored or sent.")
