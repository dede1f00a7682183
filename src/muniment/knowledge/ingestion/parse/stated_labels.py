"""What a file says of its own sensitivity: properties of Office files and PDFs, and the margins of Word pages.

Invariant: a label that is there and cannot be read is named as one, never left out.
"""

from __future__ import annotations

import html
import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from muniment.knowledge.ingestion.parse.normal import normal, one_line
from muniment.knowledge.stated import UNREADABLE, Stated

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element  # noqa: TID251  # the type of what defusedxml returns

LONGEST = 100
"""Characters of a label; of a longer one, the beginning."""
MOST = 20
"""Labels of one file."""
MOST_MARGINS = 4_000
"""Characters of headers and footers."""
_NAMES = frozenset({"classification", "sensitivity", "sensitivitylabel", "documentclassification"})
_MSIP = re.compile(r"MSIP_Label_([0-9A-Za-z-]{1,64})_(Name|Enabled)", re.IGNORECASE)
_KEYWORD = re.compile(r"(?:classification|sensitivity)\s*[:=]\s*([^,;|\r\n]{1,200})", re.IGNORECASE)
_OFF = frozenset({"false", "0", ""})
_BEGIN, _END = b"<x:xmpmeta", b"</x:xmpmeta>"
_MOST_PACKETS = 8
_IN_PACKET = re.compile(
    r"""(?<=[<\s])(?:[\w.-]{1,40}:)?(MSIP_Label_[\w-]{1,80}|Classification|Sensitivity|Keywords)(?:="([^"<]{0,1000})"|>([^<]{0,1000})<)""",
    re.IGNORECASE,
)
_IN_INFO = re.compile(
    rb"/(MSIP_Label_[0-9A-Za-z_-]{1,80}_(?:Name|Enabled))\s{0,10}(\((?:\\.|[^\\()]){0,400}\)|<[0-9A-Fa-f\s]{0,1600}>)"
)
_INFO = ("Classification", "Sensitivity", "Keywords")
_MARGIN = re.compile(r"word/(?:header|footer)\d{0,4}\.xml")
_TEXT = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}t"
_PARAGRAPH = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}p"


def stated(kind: str, content: bytes) -> Stated:
    """Return what a file of this kind, which its reader has read, says of its own sensitivity."""
    try:
        if kind == "pdf":
            return Stated(_labels(list(_of_pdf(content))))
        if kind in ("docx", "pptx", "xlsx"):
            return _of_office(content)
    except Exception:
        # Whatever is wrong with them, labels that cannot be read hold the file back.
        return Stated((UNREADABLE,))
    return Stated()


def _of_office(content: bytes) -> Stated:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = frozenset(archive.namelist())
        found = list(_properties(archive, names))
        named = {key[1] for name, _ in found if (key := _msip(name)) and key[2] == "name"}
        for label in _elements(archive, names, "docMetadata/LabelInfo.xml", "label"):
            identity = (label.get("id") or "").strip("{}").lower()
            on = (label.get("enabled") or "1").lower() not in _OFF
            gone = (label.get("removed") or "0").lower() not in _OFF
            if on and not gone and identity not in named:
                found.append(("classification", identity or UNREADABLE))
        margins: list[str] = []
        for name in sorted(one for one in names if _MARGIN.fullmatch(one)):
            for paragraph in _parsed(archive, name).iter(_PARAGRAPH):
                line = "".join(one.text or "" for one in paragraph.iter(_TEXT))
                margins.append(one_line(normal(line)[0]))
    lines = "\n".join(dict.fromkeys(line for line in margins if line))
    return Stated(_labels(found), lines[:MOST_MARGINS])


def _properties(archive: zipfile.ZipFile, names: frozenset[str]) -> Iterator[tuple[str, str]]:
    for one in _elements(archive, names, "docProps/custom.xml", "property"):
        yield one.get("name") or "", "".join(one.itertext())
    for one in _elements(archive, names, "docProps/core.xml", "keywords"):
        yield "Keywords", "".join(one.itertext())


def _elements(archive: zipfile.ZipFile, names: frozenset[str], part: str, tag: str) -> Iterator[Element]:
    if part in names:
        yield from (one for one in _parsed(archive, part).iter() if one.tag.rpartition("}")[2] == tag)


def _parsed(archive: zipfile.ZipFile, part: str) -> Element:
    from defusedxml.ElementTree import fromstring

    return fromstring(archive.read(part))


def _of_pdf(content: bytes) -> Iterator[tuple[str, str]]:
    import pypdfium2

    document = pypdfium2.PdfDocument(content)
    for name in _INFO:
        yield name, document.get_metadata_value(name) or ""
    # The library names no keys of its own making, so those that stand in clear are looked for.
    for found in _IN_INFO.finditer(content):
        yield found[1].decode("ascii"), _pdf_text(found[2])
    for packet in _packets(content):
        for found in _IN_PACKET.finditer(packet.decode("utf-8", "replace")):
            yield found[1], html.unescape(found[2] or found[3] or "")


def _packets(content: bytes) -> Iterator[bytes]:
    """Yield the XMP packets of a PDF, which its writers leave unpacked; those of its images come after its own."""
    at = 0
    for _ in range(_MOST_PACKETS):
        start = content.find(_BEGIN, at)
        end = content.find(_END, start)
        if start < 0 or end < 0:
            return
        yield content[start:end]
        at = end


def _pdf_text(token: bytes) -> str:
    raw = (
        bytes.fromhex(token[1:-1].decode("ascii"))
        if token[:1] == b"<"
        else re.sub(rb"\\(.)", rb"\1", token[1:-1])
    )
    return raw.decode("utf-16") if raw[:2] in (b"\xfe\xff", b"\xff\xfe") else raw.decode("latin-1")


def _labels(found: list[tuple[str, str]]) -> tuple[str, ...]:
    """Return the labels that properties state, each once; a label that is switched off states nothing."""
    off = {
        key[1]
        for name, value in found
        if (key := _msip(name)) and key[2] == "enabled" and value.strip().lower() in _OFF
    }
    labels: list[str] = []
    for name, value in found:
        key = _msip(name)
        if key and key[2] == "name" and key[1] not in off:
            labels.append(value.strip() or UNREADABLE)
        elif name.lower().replace(" ", "").replace("_", "") in _NAMES:
            labels.append(value)
        elif name.lower() == "keywords":
            labels += [one[1] for one in _KEYWORD.finditer(value)]
    lines = [one_line(normal(label)[0])[:LONGEST].strip() for label in labels]
    unique = tuple(dict.fromkeys(line for line in lines if line))
    return unique if len(unique) <= MOST else (*unique[:MOST], UNREADABLE)


def _msip(name: str) -> Mapping[int, str] | None:
    found = _MSIP.fullmatch(name.strip())
    return {1: found[1].lower(), 2: found[2].lower()} if found else None
