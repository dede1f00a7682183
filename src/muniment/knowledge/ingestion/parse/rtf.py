"""RTF documents: their text, tables and headings, and nothing that is hidden or only describes them."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field, replace

from muniment.knowledge.formats import MEDIA_TYPES
from muniment.knowledge.ingestion.parse.normal import Composer, one_line
from muniment.knowledge.ingestion.parse.title import title
from muniment.knowledge.ingestion.parsed import Parsed, ParseFailed

_MOST_DEPTH = 2_000
_TOKEN = re.compile(
    r"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\(.)|([{}])|[\r\n]+|([^\\{}\r\n]+)", re.DOTALL
)
_APART = frozenset(
    {
        "colortbl", "pict", "object", "fldinst", "header", "headerl", "headerr", "headerf", "footer", "footerl",
        "footerr", "footerf", "annotation", "atnid", "atnauthor", "atndate", "atnref", "atrfstart", "atrfend",
        "bkmkstart", "bkmkend", "listtable", "listoverridetable", "revtbl", "rsidtbl", "generator", "themedata",
        "colorschememapping", "datastore", "latentstyles", "xmlnstbl", "filetbl", "tc", "xe", "pntext", "pn",
        "operator", "company", "manager", "keywords", "comment", "doccomm", "category", "hlinkbase", "subject",
        "creatim", "revtim", "printim", "buptim", "sp", "sn", "sv", "shpinst", "nonshppict", "private", "listtext",
        "mmath", "defchp", "defpap", "pgdsctbl", "formfield", "datafield", "objdata", "objclass", "blipuid",
    }
)  # fmt: skip
_SHOWN_THOUGH_STARRED = frozenset({"shptxt"})
_SPECIAL = {
    "par": "\n", "sect": "\n", "page": "\n", "line": "\n", "tab": "\t", "emdash": "\u2014", "endash": "\u2013",
    "bullet": "\u2022", "lquote": "\u2018", "rquote": "\u2019", "ldblquote": "\u201c", "rdblquote": "\u201d",
    "emspace": " ", "enspace": " ", "qmspace": " ",
}  # fmt: skip
_ENDS = frozenset({"par", "sect", "page"})
_OLD_PAGES = {"mac": "mac_roman", "pc": "cp437", "pca": "cp850"}
_SYMBOLS = {"~": "\u00a0", "_": "\u2011", "\\": "\\", "{": "{", "}": "}", "\t": "\t"}
_CHARSETS = {
    77: "mac_roman", 128: "cp932", 129: "cp949", 134: "gbk", 136: "big5", 161: "cp1253", 162: "cp1254",
    163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250",
}  # fmt: skip
_HEADING = re.compile(r"(?:heading|berschrift|titre|t\u00edtulo|kop) ?([1-9])", re.IGNORECASE)


@dataclass(slots=True)
class _State:
    """What a group inherits, and gives back at its end."""

    into: str = "text"
    """Where text goes: `text`, `note`, `fonts`, `styles`, `title`, `author`, or nowhere."""
    skip: int = 1
    """Characters that stand in for one given by its number."""
    codec: str = ""
    hidden: bool = False


@dataclass(slots=True)
class _Paragraph:
    level: int = 0
    in_table: bool = False
    listed: bool = False


@dataclass(slots=True)
class _Read:
    """What has been gathered and not yet written."""

    text: list[str] = field(default_factory=list)
    note: list[str] = field(default_factory=list)
    title: list[str] = field(default_factory=list)
    author: list[str] = field(default_factory=list)
    name: list[str] = field(default_factory=list)
    """Of the style whose definition is being read."""
    cells: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)


def read_rtf(name: str, content: bytes) -> Parsed:
    """Read an RTF document. Raises ParseFailed where it holds no text or is nested without end."""
    out = Composer()
    named = write_rtf(content, out)
    return out.parsed(title(name, named, out.first_heading), MEDIA_TYPES["rtf"])


def write_rtf(content: bytes, out: Composer) -> str:
    """Append the text of an RTF document to `out`; return the document's title."""
    reader = _Reader(out)
    reader.read(content.decode("latin-1"))
    out.author = out.author or one_line("".join(reader.gathered.author))
    return one_line("".join(reader.gathered.title))


class _Reader:
    def __init__(self, out: Composer) -> None:
        self._out = out
        self.gathered = _Read()
        self._state = _State()
        self._above: list[_State] = []
        self._paragraph = _Paragraph()
        self._codec = "cp1252"
        self._fonts: dict[int, str] = {}
        self._font = 0
        self._levels: dict[int, int] = {}
        self._style = 0
        self._bytes = bytearray()
        self._pending = 0
        self._high = 0
        self._starred = False
        self._html = False

    def read(self, source: str) -> None:
        at = 0
        while token := _TOKEN.match(source, at):
            at = token.end()
            word, number, byte, symbol, brace, text = token.groups()
            if word == "bin" and number:
                at += max(0, int(number))
            elif byte:
                self._byte(int(byte, 16))
            elif text:
                self._plain(text)
            else:
                self._flush_bytes()
                if word:
                    self._control(word, int(number) if number else None)
                elif brace:
                    self._brace(brace)
                elif symbol:
                    self._symbol(symbol)
        self._flush_bytes()
        self._end_paragraph()
        self._end_table()

    def _brace(self, brace: str) -> None:
        self._pending = 0
        self._starred = False
        if brace == "{":
            if len(self._above) >= _MOST_DEPTH:
                raise ParseFailed("is nested too deep to be read.", fix="Save it again.")
            self._above.append(self._state)
            self._state = replace(self._state)
        elif self._above:
            left, self._state = self._state, self._above.pop()
            if left.into == "note" != self._state.into:
                self._end_note()

    def _control(self, word: str, number: int | None) -> None:
        starred, self._starred = self._starred, False
        if word == "u" and number is not None:
            self._unicode(number % 0x10000)
        elif word in _APART or (starred and word not in _SHOWN_THOUGH_STARRED):
            self._state.into = ""
        elif not (self._aims(word) or self._letters(word, number) or self._fonts_and_styles(word, number)):
            self._layout(word)

    def _aims(self, word: str) -> bool:
        """Turn to another destination, if that is what the word does."""
        state = self._state
        if word in ("fonttbl", "stylesheet"):
            state.into = "fonts" if word == "fonttbl" else "styles"
            self._style = 0
        elif word == "info" or (word in ("title", "author") and state.into == "info"):
            state.into = word
        elif word in ("footnote", "shptxt"):
            shown = "note" if word == "footnote" else "text"
            state.into = shown if state.into in ("text", "note") else ""
        else:
            return False
        return True

    def _letters(self, word: str, number: int | None) -> bool:
        """Change how letters are read or whether they are seen, if that is what the word does."""
        if word == "uc":
            self._state.skip = min(max(number or 0, 0), 10)
        elif word in ("v", "deleted", "plain"):
            self._state.hidden = number != 0 and word != "plain"
        elif word == "htmlrtf":
            self._html = number != 0
        else:
            return False
        return True

    def _fonts_and_styles(self, word: str, number: int | None) -> bool:
        """Note a code page, a font or a style, if that is what the word names."""
        state = self._state
        if word == "ansicpg" or word in _OLD_PAGES:
            self._codec = _known(f"cp{number}", _OLD_PAGES.get(word, ""))
        elif word == "f":
            self._font = number or 0
            state.codec = self._fonts.get(self._font, "") if state.into != "fonts" else ""
        elif word == "fcharset" and state.into == "fonts":
            self._fonts[self._font] = _known(_CHARSETS.get(number or 0, ""), "") if number else ""
        elif word == "s" and number is not None:
            self._set_style(number)
        elif word == "outlinelevel":
            self._set_level((number or 0) + 1)
        else:
            return False
        return True

    def _set_style(self, number: int) -> None:
        self._style = number
        if self._state.into != "styles":
            self._paragraph.level = self._levels.get(number, 0)

    def _set_level(self, level: int) -> None:
        level = level if 1 <= level <= 9 else 0
        if self._state.into == "styles":
            self._levels[self._style] = level
        else:
            self._paragraph.level = level

    def _layout(self, word: str) -> None:
        if self._state.into not in ("text", "note"):
            return
        if word == "pard":
            self._paragraph = _Paragraph()
        elif word == "intbl":
            self._paragraph.in_table = True
        elif word in ("ls", "pnlvlblt", "pnlvlbody"):
            self._paragraph.listed = True
        elif word in ("cell", "nestcell"):
            self.gathered.cells.append(one_line("".join(self.gathered.text)))
            self.gathered.text.clear()
        elif word in ("row", "nestrow"):
            self._end_row()
        elif word in _ENDS and self._state.into == "text" and not self._paragraph.in_table:
            self._end_paragraph()
        elif word in _SPECIAL:
            self._write(_SPECIAL[word])

    def _symbol(self, symbol: str) -> None:
        if symbol == "*":
            self._starred = True
        elif symbol in "\r\n":
            self._control("par", None)
        elif symbol in _SYMBOLS:
            self._plain(_SYMBOLS[symbol])

    def _unicode(self, code: int) -> None:
        self._pending = self._state.skip
        if 0xD800 <= code < 0xDC00:
            self._high = code
            return
        if 0xDC00 <= code < 0xE000 and self._high:
            code = 0x10000 + ((self._high - 0xD800) << 10) + code - 0xDC00
        self._high = 0
        self._write(chr(code))

    def _byte(self, byte: int) -> None:
        if self._pending:
            self._pending -= 1
        else:
            self._bytes.append(byte)

    def _plain(self, text: str) -> None:
        self._flush_bytes()
        self._starred = False
        if self._pending:
            skipped = min(self._pending, len(text))
            self._pending -= skipped
            text = text[skipped:]
        if not text:
            return
        if not text.isascii():
            self._bytes += text.encode("latin-1", "replace")
            self._flush_bytes()
        else:
            self._write(text)

    def _flush_bytes(self) -> None:
        if self._bytes:
            self._write(self._bytes.decode(self._state.codec or self._codec, "replace"))
            self._bytes.clear()

    def _write(self, text: str) -> None:
        into = self._state.into
        if into == "styles":
            self._name_style(text)
        elif into in ("title", "author"):
            (self.gathered.title if into == "title" else self.gathered.author).append(text)
        elif into in ("text", "note") and not self._html:
            if self._state.hidden:
                self._out.hide(text)
            else:
                (self.gathered.text if into == "text" else self.gathered.note).append(text)

    def _name_style(self, text: str) -> None:
        self.gathered.name.append(text)
        if ";" in text:
            name = "".join(self.gathered.name).strip(" ;")
            found = _HEADING.search(name)
            if self._style not in self._levels and (found or name.lower() in ("title", "titel")):
                self._levels[self._style] = int(found.group(1)) if found else 1
            self.gathered.name.clear()
            self._style = 0

    def _end_paragraph(self) -> None:
        self._end_table()
        text = "".join(self.gathered.text)
        self.gathered.text.clear()
        paragraph = self._paragraph
        if paragraph.level and len(text) <= 300:
            self._out.heading(paragraph.level, text)
        elif paragraph.listed and text.strip():
            self._out.block(f"- {text.strip()}", tight=True)
        else:
            self._out.block(text)

    def _end_row(self) -> None:
        if self.gathered.cells:
            self.gathered.rows.append(self.gathered.cells)
            self.gathered.cells = []

    def _end_table(self) -> None:
        self._end_row()
        if self.gathered.rows:
            self._out.rows(self.gathered.rows)
            self.gathered.rows = []

    def _end_note(self) -> None:
        note = one_line("".join(self.gathered.note))
        self.gathered.note.clear()
        if note:
            self.gathered.text.append(f" (Footnote: {note})")


def _known(codec: str, otherwise: str) -> str:
    """Return `codec` where it is one for text, else `otherwise` or the usual one."""
    if re.fullmatch(r"cp\d{3,5}|mac_roman|gbk|big5", codec):
        name = {"cp936": "gbk", "cp950": "big5", "cp10000": "mac_roman", "cp65001": "utf-8"}.get(codec, codec)
        try:
            return codecs.lookup(name).name
        except LookupError:
            pass
    return otherwise or "cp1252"
