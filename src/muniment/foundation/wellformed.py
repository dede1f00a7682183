"""Text that every part of muniment can store, compare and hand on."""

from __future__ import annotations

from muniment.foundation.errors import BadInput


def check_text(text: str, what: str) -> None:
    """Refuse text with a NUL character, or with bytes that were no UTF-8; raises BadInput that names `what`."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadInput(f"{what} is not text: it holds bytes that are no UTF-8.", fix="Send UTF-8.") from error
    if "\x00" in text:
        raise BadInput(f"{what} holds a NUL character.", fix="Leave it out.")
