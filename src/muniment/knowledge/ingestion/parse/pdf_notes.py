"""What is written on a PDF page beside its text: notes of readers, and what is filled into a form."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from muniment.knowledge.ingestion.parse.normal import one_line

if TYPE_CHECKING:
    from pypdfium2 import PdfPage

_MOST = 2_000
"""Notes and fields of a page that are looked at."""
_LONGEST = 20_000
"""Characters of one of them."""
_UNSEEN = 0x02 | 0x20
"""Flags of what no reader sees: hidden, and not viewed."""
_PASSWORD = 1 << 13
"""Flag of a field whose value is not shown."""


def page_notes(page: PdfPage) -> list[str]:
    """Return the notes and the filled fields of a page, in its order, each as a line that says what it is."""
    import pypdfium2.raw as pdfium

    found: dict[str, None] = {}
    for number in range(min(pdfium.FPDFPage_GetAnnotCount(page), _MOST)):
        with _annotation(page, number) as one:
            if one and not pdfium.FPDFAnnot_GetFlags(one) & _UNSEEN:
                kind = pdfium.FPDFAnnot_GetSubtype(one)
                line = _field(page, one) if kind == pdfium.FPDF_ANNOT_WIDGET else _note(one, kind)
                if line:
                    found[line] = None
    return list(found)


@contextmanager
def _annotation(page: PdfPage, number: int) -> Generator[object]:
    import pypdfium2.raw as pdfium

    one = pdfium.FPDFPage_GetAnnot(page, number)
    try:
        yield one
    finally:
        if one:
            pdfium.FPDFPage_CloseAnnot(one)


def _note(one: object, kind: int) -> str:
    import pypdfium2.raw as pdfium

    if kind in (pdfium.FPDF_ANNOT_LINK, pdfium.FPDF_ANNOT_POPUP) or _value(one, b"StateModel"):
        return ""
    text = _value(one, b"Contents")
    author = _value(one, b"T")
    if not text:
        return ""
    return f"Note by {author}: {text}" if author else f"Note: {text}"


def _field(page: PdfPage, one: object) -> str:
    import pypdfium2.raw as pdfium

    form = page.formenv
    if form is None:
        return ""
    kind = pdfium.FPDFAnnot_GetFormFieldType(form, one)
    flags = pdfium.FPDFAnnot_GetFormFieldFlags(form, one)
    if kind in (pdfium.FPDF_FORMFIELD_PUSHBUTTON, pdfium.FPDF_FORMFIELD_SIGNATURE) or kind < 0:
        return ""
    name = _text(pdfium.FPDFAnnot_GetFormFieldAlternateName, form, one)
    name = name or _text(pdfium.FPDFAnnot_GetFormFieldName, form, one)
    if kind in (pdfium.FPDF_FORMFIELD_CHECKBOX, pdfium.FPDF_FORMFIELD_RADIOBUTTON):
        if not pdfium.FPDFAnnot_IsChecked(form, one):
            return ""
        value = _text(pdfium.FPDFAnnot_GetFormFieldExportValue, form, one) or "Yes"
    elif kind == pdfium.FPDF_FORMFIELD_TEXTFIELD and flags & _PASSWORD:
        return ""
    else:
        value = _text(pdfium.FPDFAnnot_GetFormFieldValue, form, one)
    return f"Field {name}: {value}" if value and name else f"Field: {value}" if value else ""


def _value(one: object, key: bytes) -> str:
    import pypdfium2.raw as pdfium

    return _text(pdfium.FPDFAnnot_GetStringValue, one, key)


def _text(read: Callable[..., int], *about: object) -> str:
    """Return a text that the library writes into a buffer, on one line."""
    import pypdfium2.raw as pdfium

    size = read(*about, None, 0)
    if size <= 2:
        return ""
    buffer = ctypes.create_string_buffer(size)
    read(*about, ctypes.cast(buffer, ctypes.POINTER(pdfium.FPDF_WCHAR)), size)
    text = buffer.raw[: size - 2].decode("utf-16-le", "replace")
    return one_line(text.replace("\x00", ""))[:_LONGEST]
