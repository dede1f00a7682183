"""Normal form of text, and the writer with which every reader composes a document.

Invariant: what `Composer` writes is already in normal form and only ever appended, so an offset once taken
stays exact.
"""

from __future__ import annotations

import re
import unicodedata

from muniment.knowledge.ingestion.parsed import Heading, Parsed, ParseFailed, Unit, UnitKind
from muniment.knowledge.ingestion.quality.injection import orders_in
from muniment.knowledge.ingestion.unseen import Unseen

MOST_CHARACTERS = 6_000_000
_MOST_HIDDEN = 200_000
"""Characters of hidden text that are looked into."""

_JOINERS_IN_USE = re.compile("(?<=[\u0600-\u109f])[\u200c\u200d](?=[\u0600-\u109f])")
"""Zero-width joiners that Arabic and Indic spelling needs."""
_INVISIBLE = re.compile(
    "[\u200b-\u200f\u2060-\u2064\u202a-\u202e\u2066-\u206f"
    "\u061c\u180e\ufeff\U000e0000-\U000e0fff\ufe00-\ufe0e]"
)
_TAGS = re.compile("(?<!\U0001f3f4)(?<![\U000e0020-\U000e007f])[\U000e0020-\U000e007e]+")
"""Tag characters, but those that make a flag of a region."""
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_QUIET = re.compile("[\u00ad\ufe0f\x00-\x08\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ufff9-\ufffb\ufffe\uffff]")
_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_SPACES = re.compile("[\u00a0\u2007\u202f]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_TRAILING = re.compile(r"[ \t]+(?=\n|$)")
_DEEPEST = 20
_MANY_LINES = re.compile(r"\n{3,}")


def normal(text: str) -> tuple[str, int]:
    """Return `text` in normal form, and how many invisible characters were dropped."""
    if text.isascii() and text.isprintable():
        return text, 0
    text = _LINE_ENDS.sub("\n", text)
    text = _SURROGATES.sub("\ufffd", _SPACES.sub(" ", text))
    dropped = 0
    if not text.isascii():
        kept = {match.start() for match in _JOINERS_IN_USE.finditer(text)}
        found = [match.start() for match in _INVISIBLE.finditer(text) if match.start() not in kept]
        if found:
            dropped = len(found) - (found[0] == 0 and text[0] == "\ufeff")
            text = _without(text, found)
    return unicodedata.normalize("NFC", _QUIET.sub("", text)), dropped


def may_vanish(character: str) -> bool:
    """Return whether normal form leaves a character out, at least in some places."""
    return bool(_INVISIBLE.match(character) or _QUIET.match(character))


def _without(text: str, places: list[int]) -> str:
    pieces: list[str] = []
    at = 0
    for place in places:
        pieces.append(text[at:place])
        at = place + 1
    pieces.append(text[at:])
    return "".join(pieces)


def one_line(text: str) -> str:
    """Return `text` with every run of space as one space."""
    return " ".join(text.split())


class Composer:
    """Writes a document block by block."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._units: list[Unit] = []
        self._open: tuple[UnitKind, str, int, int] | None = None
        self._headings: list[Heading] = []
        self._notes: list[str] = []
        self._invisible = self._tags = self._turns = 0
        self._hidden: list[str] = []
        self._room = _MOST_HIDDEN
        self.hidden_characters = 0
        """Characters that a reader of the document would not see, and that were left out; `hide` counts them."""
        self.author = ""
        """As the file names its author or sender."""

    @property
    def first_heading(self) -> str:
        """Text of the first heading, or nothing."""
        return self._headings[0].text if self._headings else ""

    @property
    def length(self) -> int:
        """Characters written so far."""
        return self._length

    @property
    def notes(self) -> int:
        """How many notes there are."""
        return len(self._notes)

    def clean(self, text: str) -> str:
        """Return `text` in normal form, counting what was dropped."""
        given = text
        text, dropped = normal(text)
        if dropped:
            self._invisible += dropped
            tags = _TAGS.findall(given)
            self._tags += sum(map(len, tags))
            self._turns += len(_TURNS.findall(given))
            self._look_into(*("".join(chr(ord(one) - 0xE0000) for one in run) for run in tags))
        return text

    def hide(self, text: str) -> None:
        """Leave out what a reader of the document would not see; what it says is looked into, and not kept."""
        text = text.strip()
        self.hidden_characters += len(text)
        self._look_into(text)

    def hide_what(self, inner: Composer) -> None:
        """Leave out what another one of the same document left out."""
        self.hidden_characters += inner.hidden_characters
        self._look_into(*inner._hidden)

    def _look_into(self, *texts: str) -> None:
        for text in texts:
            if text and self._room > 0:
                self._hidden.append(text[: self._room])
                self._room -= len(text)

    def block(self, text: str, *, tight: bool = False, keep_layout: bool = False) -> int | None:
        """Append a paragraph; return where it starts, None if it is empty.

        `tight` sets it on the next line rather than apart; `keep_layout` keeps leading space and blank lines.
        """
        text = self.clean(text)
        if not keep_layout:
            text = _MANY_LINES.sub("\n\n", _TRAILING.sub("", text)).strip()
        if not text or text.isspace():
            return None
        if self._length:
            self._append("\n" if tight else "\n\n")
        start = self._length
        if self._open and self._open[3] < 0:
            self._open = (*self._open[:3], start)
        self._append(text)
        return start

    def item(self, text: str, depth: int = 0, mark: str = "-") -> None:
        """Append an item of a list on the next line, set in by its depth from 0."""
        text = _MANY_LINES.sub("\n\n", _TRAILING.sub("", self.clean(text))).strip()
        if text:
            self.block(f"{'  ' * min(depth, _DEEPEST)}{mark} {text}", tight=True, keep_layout=True)

    def verbatim(self, text: str, *, tight: bool = False) -> None:
        """Append lines whose layout says something, such as those of a program."""
        self.block(text.rstrip().lstrip("\r\n"), tight=tight, keep_layout=True)

    def heading(self, level: int, text: str) -> None:
        """Append a heading on a line of its own."""
        text = one_line(self.clean(text))
        start = self.block(text)
        if start is not None:
            self._headings.append(Heading(max(1, level), text, start))

    def mark_heading(self, level: int, text: str, start: int) -> None:
        """Note a heading that stands already in the text; in order of `start`."""
        self._headings.append(Heading(max(1, level), one_line(self.clean(text)), start))

    def rows(self, rows: list[list[str]]) -> None:
        """Append a table, a line per row."""
        cells = [[cell_text(cell) for cell in row] for row in rows]
        lines = list(table_lines([row for row in cells if any(row)]))
        if lines:
            self.block("\n".join(lines))

    def inset(self, parsed: Parsed, below: int) -> None:
        """Append a document that was read by itself; its headings stand `below` so many levels."""
        if self._length:
            self._append("\n\n")
        start = self._length
        if self._open and self._open[3] < 0:
            self._open = (*self._open[:3], start)
        self._append(parsed.text)
        self._headings += [
            Heading(heading.level + below, heading.text, start + heading.start) for heading in parsed.headings
        ]

    def begin(self, kind: UnitKind, label: str, number: int) -> None:
        """Begin a unit; whatever follows belongs to it."""
        self.end()
        self._open = (kind, one_line(self.clean(label)), number, -1)

    def end(self) -> None:
        """End the open unit; one without text is not listed."""
        if self._open and self._open[3] >= 0:
            kind, label, number, start = self._open
            self._units.append(Unit(kind, label, number, start, self._length))
        self._open = None

    def note(self, text: str) -> None:
        """Add a note for the operator, once."""
        if text not in self._notes:
            self._notes.append(text)

    def parsed(self, title: str, media_type: str) -> Parsed:
        """Return the document. Raises ParseFailed where it has no text."""
        self.end()
        text = "".join(self._pieces)
        if not text or text.isspace():
            raise ParseFailed("holds no text.", fix="Add text, or leave the file out.")
        said = orders_in(normal("\n".join(self._hidden))[0]) if self._hidden else ()
        unseen = Unseen(self.hidden_characters, self._invisible, self._tags, self._turns, said)
        for note in unseen.notes():
            self.note(note)
        return Parsed(
            one_line(self.clean(title))[:300],
            text,
            tuple(self._units),
            tuple(sorted(self._headings, key=lambda heading: heading.start)),
            media_type,
            tuple(self._notes),
            one_line(self.clean(self.author))[:200],
        )

    def _append(self, text: str) -> None:
        self._pieces.append(text)
        self._length += len(text)
        if self._length > MOST_CHARACTERS:
            raise ParseFailed(
                f"holds more than {MOST_CHARACTERS:,} characters of text.", fix="Split it into smaller files."
            )


def cell_text(text: str) -> str:
    """Return a cell of a table as its line holds it."""
    return one_line(text).replace(" | ", " / ")


def column_names(rows: list[list[str]], *, always_name: bool = False) -> list[str]:
    """Return the names that `table_lines` repeats in each line, none where it repeats none."""
    if len(rows) < 2 or not _names_columns(rows[0]):
        return []
    size = sum(len(cell) + 3 for row in rows for cell in row)
    return rows[0] if always_name or len(rows) > 12 or size > 900 else []


def table_lines(rows: list[list[str]], *, always_name: bool = False) -> list[str]:
    """Return a line per row.

    A short table reads `cell | cell`; in a long one, or with `always_name`, each line names its columns
    (`header: value | header: value`), so that it makes sense alone.
    """
    names = column_names(rows, always_name=always_name)
    if not names:
        return plain_lines(rows)
    return [_piped(names), *(_named(names, row) for row in rows[1:])]


def plain_lines(rows: list[list[str]]) -> list[str]:
    """Return a line per row in which no column is named."""
    return [_piped(row) for row in rows]


def _names_columns(row: list[str]) -> bool:
    filled = [cell for cell in row if cell]
    return (
        len(filled) >= 2
        and len(filled) >= 0.6 * len(row)
        and len(set(filled)) == len(filled)
        and all(len(cell) <= 60 and not _NUMBER.fullmatch(cell) for cell in filled)
    )


_NUMBER = re.compile(r"[-+(]?[\W\d]*\d[\d.,:/ %)-]*\D?")


def _piped(row: list[str]) -> str:
    while row and not row[-1]:
        row = row[:-1]
    return " | ".join(row)


def _named(names: list[str], row: list[str]) -> str:
    pairs = [
        f"{names[place]}: {cell}" if place < len(names) and names[place] else cell
        for place, cell in enumerate(row)
        if cell
    ]
    return " | ".join(pairs)
