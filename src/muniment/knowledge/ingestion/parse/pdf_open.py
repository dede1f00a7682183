"""How a PDF is opened: without a password, else with the first of the operator's that fits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from muniment.foundation.secret import Secret
from muniment.knowledge.ingestion.parsed import ParseFailed

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

Passwords = Callable[[], Sequence[Secret]]
"""Reads the operator's passwords; raises BadInput for a reference that leads nowhere."""
_ENCRYPTED = b"/Encrypt"


def may_be_locked(content: bytes) -> bool:
    """Return whether a file may need a password; passwords are given to the readers of no other."""
    return _ENCRYPTED in content


def no_passwords() -> Sequence[Secret]:
    """Return none."""
    return ()


def open_pdf(content: bytes, passwords: Sequence[str] = ()) -> PdfDocument:
    """Return the document. Raises ParseFailed where it is damaged, or none of the passwords opens it."""
    import pypdfium2

    for password in (None, *passwords):
        try:
            document = pypdfium2.PdfDocument(content, password=password)
            len(document)
        except pypdfium2.PdfiumError as error:
            if "assword" not in str(error):
                raise ParseFailed(
                    "is damaged: it cannot be read as a PDF.", fix="Export or copy it again."
                ) from error
        else:
            if document.get_formtype():
                document.init_forms()
            return document
    known = "none of ingestion.pdf_passwords opens it" if passwords else "ingestion.pdf_passwords has none"
    raise ParseFailed(
        f"is protected by a password, and {known}.",
        fix="Name its password in ingestion.pdf_passwords, or save a copy without it.",
    )
