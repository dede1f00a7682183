"""Bytes of a text file to text."""

from __future__ import annotations

import codecs
import re

from muniment.knowledge.ingestion.parse.normal import Composer

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SEQUENCE = re.compile(rb"[\xc3-\xf4][\x80-\xbf]{1,3}")
_TEXT_CODECS = re.compile(
    r"(us-?ascii|utf[-_]?(8|16|16[-_]?[lb]e|32)|iso[-_]?8859[-_]?\d+|latin[-_]?\d+|windows[-_]?\d+|cp\d+|"
    r"koi8[-_][ru]|"
    r"mac[-_]?roman|gb2312|gbk|gb18030|big5(hkscs)?|euc[-_](jp|kr)|shift[-_]?jis|iso[-_]2022[-_](jp|kr))",
    re.IGNORECASE,
)


def decode(content: bytes, out: Composer, declared: str | None = None) -> str:
    """Return the text; says in a note which encoding was assumed, or how many bytes could not be read."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return _read(content[len(mark) :], encoding, out)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        pass
    if content[:64:2].count(0) > 24:
        return _read(content, "utf-16-be", out)
    if content[1:64:2].count(0) > 24:
        return _read(content, "utf-16-le", out)
    if declared and _TEXT_CODECS.fullmatch(declared) and codecs.lookup(declared).name != "utf-8":
        return _read(content, declared, out)
    valid = sum(len(match.group()) for match in _SEQUENCE.finditer(content))
    high = sum(1 for byte in content[: 1 << 20] if byte >= 0x80)
    if valid * 2 > high:
        return _read(content, "utf-8", out)
    out.note("not UTF-8: read as Windows-1252")
    return _read(content, "cp1252", out)


def _read(content: bytes, encoding: str, out: Composer) -> str:
    text = content.decode(encoding, "replace")
    broken = text.count("\ufffd") - content.count(b"\xef\xbf\xbd") * (encoding == "utf-8")
    if broken > 0:
        out.note(f"{broken} places were not valid {encoding} and show as \ufffd")
    return text
