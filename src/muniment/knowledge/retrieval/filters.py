"""What a search is limited to besides words: where a document lies, what it is, whose, from when, how sensitive.

A filter narrows what may be read before anything is scored, so it never shows that something hidden matches it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import cast

from muniment.foundation.clock import timestamp
from muniment.foundation.errors import BadInput
from muniment.knowledge.formats import EXTENSIONS, MEDIA_TYPES
from muniment.knowledge.library import is_below
from muniment.knowledge.retrieval.wording import fold

MOST_VALUES = 100
LONGEST_VALUE = 1_000


@dataclass(frozen=True, slots=True)
class Filters:
    """Fields that are stated must all hold; of several values of one field, one is enough."""

    source: tuple[str, ...] = ()
    """Names of sources, byte for byte."""
    folder: tuple[str, ...] = ()
    """Folders or documents, as `PATH` or `SOURCE/PATH`; what lies below belongs to them."""
    type: tuple[str, ...] = ()
    """Media types."""
    author: tuple[str, ...] = ()
    """Names; each of their words must stand in the document's author, whatever case and accents."""
    sensitivity: tuple[str, ...] = ()
    """Labels, byte for byte."""
    after: str = ""
    """RFC 3339 time in UTC; last changed then or later."""
    before: str = ""
    """RFC 3339 time in UTC; last changed earlier."""

    def __bool__(self) -> bool:
        """Return whether anything is stated."""
        return self is not EVERYTHING and any(getattr(self, field.name) for field in fields(self))

    def stated(self) -> dict[str, str | list[str]]:
        """Return the fields that are stated."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
            if value
        }

    def admits_place(self, source: str, path: str) -> bool:
        """Return whether source and folder admit a document there."""
        if self.source and source not in self.source:
            return False
        return not self.folder or any(
            is_below(path, folder) or is_below(f"{source}/{path}", folder) for folder in self.folder
        )

    def admits_type(self, media_type: str) -> bool:
        """Return whether the type is one of those stated."""
        return not self.type or media_type in self.type

    def admits_author(self, author: str) -> bool:
        """Return whether the author is one of those stated."""
        if not self.author:
            return True
        words = _words(author)
        return any(_words(one) <= words for one in self.author)

    def admits_sensitivity(self, label: str | None) -> bool:
        """Return whether the label is one of those stated."""
        return not self.sensitivity or label in self.sensitivity

    def admits_time(self, modified_at: str) -> bool:
        """Return whether a time falls between those stated; an unknown one does not."""
        if not (self.after or self.before):
            return True
        early = bool(self.before) and modified_at >= self.before
        return bool(modified_at) and modified_at >= self.after and not early


EVERYTHING = Filters()


def of(stated: Mapping[str, object]) -> Filters:
    """Return the filters stated; raises BadInput for an unknown field or a value that it cannot have."""
    values: dict[str, object] = {}
    for name, value in stated.items():
        read = _READERS.get(name)
        if read is None:
            raise BadInput(f"No filter named {name!r}.", fix=f"Filter by {', '.join(sorted(_READERS))}.")
        if value is None or value == () or value == []:
            continue
        values[name] = read(name, value)
    found = Filters(**cast("dict[str, tuple[str, ...]]", values))  # pyright: ignore[reportArgumentType]
    if found.after and found.before and found.after >= found.before:
        raise BadInput(
            f"The filter after ({found.after}) is not earlier than before ({found.before}).",
            fix="Exchange them, or leave one out.",
        )
    return found


def _texts(name: str, value: object) -> tuple[str, ...]:
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, Sequence) or not all(isinstance(one, str) for one in given):
        raise BadInput(f"The filter {name} is not text.", fix=f"Give {name} one text or a list of texts.")
    texts = cast("Sequence[str]", given)
    if len(texts) > MOST_VALUES:
        raise BadInput(f"The filter {name} has {len(texts)} values.", fix=f"Give at most {MOST_VALUES}.")
    for text in texts:
        if not text.strip() or len(text) > LONGEST_VALUE:
            raise BadInput(
                f"The filter {name} has a value that is empty or too long.",
                fix=f"Give 1 to {LONGEST_VALUE} characters, or leave the filter out.",
            )
    return tuple(dict.fromkeys(texts))


def _folders(name: str, value: object) -> tuple[str, ...]:
    folders = tuple(text.strip("/") for text in _texts(name, value))
    if not all(folders):
        raise BadInput("The filter folder names no folder.", fix="Leave it out to search everything.")
    return folders


def _names(name: str, value: object) -> tuple[str, ...]:
    names = _texts(name, value)
    if not all(map(_words, names)):
        raise BadInput(f"The filter {name} names nobody.", fix="Give a name, or a part of one.")
    return names


def _types(name: str, value: object) -> tuple[str, ...]:
    found: list[str] = []
    for text in _texts(name, value):
        kind = EXTENSIONS.get(text.lower().lstrip("."), _WORDS.get(text.lower()))
        if kind is None and text.lower() not in MEDIA_TYPES.values():
            raise BadInput(
                f"The filter type knows no {text!r}.",
                fix=f"Use one of {', '.join(sorted({*MEDIA_TYPES, *_WORDS}))}, or a media type.",
            )
        found.append(text.lower() if kind is None else MEDIA_TYPES[kind])
    return tuple(dict.fromkeys(found))


def _moment(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise BadInput(f"The filter {name} is not a date.", fix=_DATE)
    try:
        at = datetime.fromisoformat(value.strip())
        return timestamp(at if at.tzinfo else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError) as error:
        raise BadInput(f"The filter {name} is {value!r}, which is no date.", fix=_DATE) from error


def _words(text: str) -> frozenset[str]:
    return frozenset("".join(c if c.isalnum() else " " for c in fold(text)).split())


_DATE = "Write it as 2026-01-31, or with a time as 2026-01-31T09:00:00+01:00; a date begins at 0:00 UTC."
_WORDS = {"markdown": "md", "text": "txt", "email": "eml", "mail": "eml", "word": "docx", "powerpoint": "pptx",
          "slides": "pptx", "excel": "xlsx", "spreadsheet": "xlsx", "outlook": "msg", "book": "epub",
          "notebook": "ipynb", "code": "source"}  # fmt: skip
_READERS: Mapping[str, Callable[[str, object], object]] = {
    "source": _texts,
    "folder": _folders,
    "type": _types,
    "author": _names,
    "sensitivity": _texts,
    "after": _moment,
    "before": _moment,
}
