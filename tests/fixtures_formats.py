"""Small files of the formats that no library here writes, made by hand."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
from collections.abc import Mapping
from itertools import pairwise

from muniment.knowledge.formats import MEDIA_TYPES

_SPACES = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in (
        ("office", "office"), ("style", "style"), ("text", "text"), ("table", "table"), ("draw", "drawing"),
        ("presentation", "presentation"), ("fo", "xsl-fo-compatible"), ("meta", "meta"),
    )
)  # fmt: skip


def zipped(entries: Mapping[str, bytes | str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            packing = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(name, content, packing)
    return made.getvalue()


def open_document(kind: str, body: str, styles: str = "", **parts: bytes | str) -> bytes:
    """Return an OpenDocument file of the kind `text`, `spreadsheet` or `presentation`."""
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {_SPACES}><office:automatic-styles>'
        f"{styles}</office:automatic-styles><office:body><office:{kind}>{body}</office:{kind}></office:body>"
        "</office:document-content>"
    )
    meta = (
        f'<office:document-meta {_SPACES} xmlns:dc="http://purl.org/dc/elements/1.1/"><office:meta>'
        "<meta:initial-creator>Ada Byron</meta:initial-creator></office:meta></office:document-meta>"
    )
    entries: dict[str, bytes | str] = {
        "mimetype": f"application/vnd.oasis.opendocument.{kind}",
        "content.xml": content,
        "meta.xml": meta,
        "META-INF/manifest.xml": "<manifest/>",
    }
    return zipped(entries | {name.replace("_", "."): part for name, part in parts.items()})


def open_text(body: str = "") -> bytes:
    return open_document(
        "text",
        body
        or '<text:h text:outline-level="1">Leave policy</text:h><text:p>Everyone<text:s text:c="2"/>takes\n leave.'
        "<text:note><text:note-body><text:p>Since 2019.</text:p></text:note-body></text:note></text:p>"
        '<text:tracked-changes><text:p>deleted words</text:p></text:tracked-changes><text:h text:outline-level="2">'
        "Parental leave</text:h><text:list><text:list-item><text:p>First item</text:p></text:list-item></text:list>"
        "<table:table><table:table-row><table:table-cell><text:p>Grade</text:p></table:table-cell><table:table-cell>"
        "<text:p>Days</text:p></table:table-cell></table:table-row><table:table-row><table:table-cell><text:p>L5"
        "</text:p></table:table-cell><table:table-cell><text:p>25</text:p></table:table-cell></table:table-row>"
        '</table:table><text:p>Seen<text:span text:style-name="T1">canary</text:span></text:p>',
        '<style:style style:name="T0"><style:text-properties text:display="none"/></style:style>'
        '<style:style style:name="T1" style:parent-style-name="T0"/>',
    )


def open_sheet(rows: str = "") -> bytes:
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    head = "".join(cell.format(name) for name in ("Name", "Salary"))
    one = cell.format("Ada") + '<table:table-cell office:value-type="float" office:value="50000"/>'
    return open_document(
        "spreadsheet",
        f'<table:table table:name="Pay">{rows}<table:table-row>{head}</table:table-row><table:table-row>{one}'
        '<table:table-cell table:number-columns-repeated="16000"/></table:table-row>'
        '<table:table-row table:number-rows-repeated="1048000"/></table:table>'
        '<table:table table:name="Hidden" table:style-name="ta1"><table:table-row>'
        f"{cell.format('canary')}</table:table-row></table:table>",
        '<style:style style:name="ta1"><style:table-properties table:display="false"/></style:style>',
    )


def open_slides() -> bytes:
    def page(number: int, style: str) -> str:
        return (
            f'<draw:page draw:style-name="{style}"><draw:frame presentation:class="title"><draw:text-box><text:p>'
            f"Topic {number}</text:p></draw:text-box></draw:frame><draw:frame><draw:text-box>"
            f"<text:list><text:list-item><text:p>Point {number}</text:p></text:list-item></text:list>"
            "</draw:text-box></draw:frame>"
            '<presentation:notes><draw:frame presentation:class="notes"><draw:text-box><text:p>Spoken'
            "</text:p></draw:text-box></draw:frame></presentation:notes></draw:page>"
        )

    return open_document(
        "presentation",
        page(1, "dp1") + page(2, "dp2"),
        '<style:style style:name="dp2">'
        '<style:drawing-page-properties presentation:visibility="hidden"/></style:style>',
    )


RTF = (
    rb"{\rtf1\ansi\ansicpg1252\uc1{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset204 Arial Cyr;}}"
    rb"{\stylesheet{\s1\outlinelevel0 Big;}{\s2 heading 2;}}{\info{\title Leave policy}{\author Ada Byron}}"
    rb"{\*\generator canary;}{\header canary}\pard\s1 Leave policy\par\pard Everyone takes leave\'85 "
    rb"\u8364?5 {\f1\'cf\'f0\'e8} \u55357?\u56832?{\v canary}{\footnote Since 2019.}\par\pard\s2 Parental leave\par"
    rb"\pard\ls1{\listtext canary}First item\par\trowd\pard\intbl Grade\cell Days\cell\row\pard\intbl L5\cell "
    rb"25\cell\row\pard{\pict\bin4 }}}}}{\field{\*\fldinst HYPERLINK canary}{\fldrslt the page}}\par}"
)


def book(chapters: Mapping[str, str], **parts: bytes | str) -> bytes:
    """Return an EPUB with these pages, each named in its table of contents as its file is."""
    items = "".join(
        f'<item id="{name}" href="{name}.xhtml" media-type="application/xhtml+xml"/>' for name in chapters
    )
    links = "".join(f'<li><a href="{name}.xhtml#top">Part {name}</a></li>' for name in chapters)
    spine = "".join(f'<itemref idref="{name}"/>' for name in reversed(chapters))
    entries: dict[str, bytes | str] = {
        "mimetype": MEDIA_TYPES["epub"],
        "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="OEBPS/package.opf"/></rootfiles></container>',
        "OEBPS/package.opf": '<package xmlns="http://www.idpf.org/2007/opf"><metadata '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>The handbook</dc:title><dc:creator>Ada Byron'
        f'</dc:creator></metadata><manifest>{items}<item id="nav" href="nav.xhtml" properties="nav" '
        'media-type="application/xhtml+xml"/><item id="css" href="s.css" media-type="text/css"/></manifest>'
        f"<spine>{spine}</spine></package>",
        "OEBPS/nav.xhtml": '<!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml"><body><nav><ol>'
        f"{links}</ol></nav></body></html>",
        "OEBPS/s.css": ".gone { display: none }",
    }
    entries |= {
        f"OEBPS/{name}.xhtml": f"<!DOCTYPE html><html><body>{page}</body></html>"
        for name, page in chapters.items()
    }
    return zipped(entries | {name.replace("__", "/").replace("_", "."): part for name, part in parts.items()})


def tarred(files: Mapping[str, bytes], mode: str = "w", **attributes: object) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            for key, value in attributes.items():
                setattr(member, key, value)
            archive.addfile(member, io.BytesIO(content))
    return made.getvalue()


def outlook(
    subject: str = "Plan", *, body: str = "We meet at noon.", files: Mapping[str, bytes] = {}, **more: bytes
) -> bytes:
    """Return an Outlook message; `more` names further streams by property, as `p10090102`."""
    streams = {
        "__properties_version1.0": bytes(32) + struct.pack("<HHIQ", 0x40, 0x39, 0, 134_000_000_000_000_000),
        **_texts({0x0037: subject, 0x0C1A: "Ada", 0x5D01: "ada@example.com", 0x1000: body, 0x0E04: "Ben"}),
        **{f"__substg1.0_{name[1:].upper()}": content for name, content in more.items()},
    }
    for number, (name, content) in enumerate(files.items()):
        folder = f"__attach_version1.0_#{number:08X}/"
        inner = {
            "__properties_version1.0": bytes(8),
            "__substg1.0_37010102": content,
            **_texts({0x3707: name}),
        }
        streams |= {folder + key: value for key, value in inner.items()}
    return compound(streams)


def _texts(values: Mapping[int, str]) -> dict[str, bytes]:
    return {
        f"__substg1.0_{identifier:04X}001F": text.encode("utf-16-le")
        for identifier, text in values.items()
        if text
    }


def compound(streams: Mapping[str, bytes]) -> bytes:
    """Return an OLE compound file of these streams, at most one folder deep."""
    entries: list[list[object]] = [["Root Entry", 5, _FREE, _FREE, _FREE, _END, 0]]
    members: dict[str, list[int]] = {"": []}
    large, small = _Chains(512), _Chains(64)
    for path, content in streams.items():
        folder, _, name = path.rpartition("/")
        if folder not in members:
            members[folder] = []
            members[""].append(len(entries))
            entries.append([folder, 1, _FREE, _FREE, _FREE, 0, 0])
        members[folder].append(len(entries))
        kept = small if len(content) < 4096 else large
        entries.append([name, 2, _FREE, _FREE, _FREE, kept.add(content), len(content)])
    entries[0][5:] = [large.add(b"".join(small.blocks)), 64 * len(small.blocks)]
    for folder, inside in members.items():
        owner = next(one for one in entries if one[0] == (folder or "Root Entry"))
        owner[4] = inside[0] if inside else _FREE
        for member, following in pairwise(inside):
            entries[member][3] = following
    mini = large.add(b"".join(struct.pack("<I", one) for one in small.table), fill=b"\xff")
    directory = large.add(b"".join(_entry(*one) for one in entries))
    count = next(n for n in range(1, 109) if n * 128 >= len(large.table) + n)
    places = [len(large.table) + n for n in range(count)]
    table = [*large.table, *[0xFFFFFFFD] * count]
    table += [_FREE] * (count * 128 - len(table))
    sizes = (
        62,
        3,
        0xFFFE,
        9,
        6,
        0,
        0,
        0,
        count,
        directory,
        0,
        4096,
        mini,
        -(-len(small.table) // 128),
        _END,
        0,
    )
    header = struct.pack("<8s16s6H10I", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"", *sizes)
    header += struct.pack("<109I", *places, *[_FREE] * (109 - count))
    return header + b"".join(large.blocks) + struct.pack(f"<{len(table)}I", *table)


_END, _FREE = 0xFFFFFFFE, 0xFFFFFFFF


class _Chains:
    """Streams in blocks of one size, and the table that says which block follows which."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.blocks: list[bytes] = []
        self.table: list[int] = []

    def add(self, content: bytes, fill: bytes = b"\x00") -> int:
        """Add a stream; return its first block."""
        first = len(self.blocks)
        added = [
            content[at : at + self.size].ljust(self.size, fill) for at in range(0, len(content), self.size)
        ]
        self.blocks += added
        self.table += [*range(first + 1, first + len(added)), _END] if added else []
        return first if added else _END


def _entry(*values: object) -> bytes:
    name, kind, left, right, child, start, size = values
    text = str(name).encode("utf-16-le") + b"\x00\x00"
    return struct.pack(
        "<64sHBBIII16sIQQIQ", text, len(text), kind, 1, left, right, child, b"", 0, 0, 0, start, size
    )
