"""What of a case's result somebody may see: no path of a document that they may not read now.

A result names what its asker could read. Where a result lists paths, and of all that looks like one in a sentence,
what names something absent is left out in the same way as what names something forbidden, so that nobody can tell
these apart. A path that looks like plain words is found in a sentence only while its document is there.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

import sqlalchemy as sa

from muniment.assurance.evaluation.results import CaseResult
from muniment.governance.audit.entry import Json
from muniment.knowledge import library
from muniment.knowledge.retrieval.visibility import Visibility

LEFT_OUT = "[left out]"
"""Stands in a text for what may not be seen."""
COUNT = "left_out"
"""Where a result's detail says how many there are."""
_PATHS = frozenset({"ranked", "cited", "forbidden", "nearest"})
"""Of a detail: what lists paths and nothing else."""
_NO_PATHS = frozenset({"calls", "dropped", "claims", "stages", "endpoint"})
"""Of a detail: names of tools and endpoints, reasons and figures."""
_WORDS = 12
"""Most words of a path that are looked for in a sentence."""
_LONGEST = 1_000
"""Words of a text that are looked at; what comes after is left out."""
_LIKE_PATH = re.compile(r"[/\\]|\.(?=\w*[A-Za-z])\w{1,10}$")
_WORD = re.compile(r"\S+")
_AROUND = "\"'`\u201c\u201d\u2018\u2019()[]{}<>,;:.!?"


def as_readable(
    connection: sa.Connection, visibility: Visibility, results: Iterable[CaseResult]
) -> tuple[tuple[CaseResult, ...], int]:
    """Return results as a reader may see them, and how many paths were left out of them."""
    given = tuple(results)
    named = {name for one in given for name in _named(one)}
    shown = _Shown(*_judged(connection, visibility, named))
    seen = tuple(map(shown.result, given))
    return seen, shown.left_out


def texts_as_readable(
    connection: sa.Connection, visibility: Visibility, texts: Iterable[str]
) -> tuple[tuple[str, ...], int]:
    """Return texts with a mark in place of each path that may not be seen, and how many there were."""
    given = tuple(texts)
    shown = _Shown(*_judged(connection, visibility, {name for one in given for name in _names_in(one)}))
    return tuple(map(shown.text, given)), shown.left_out


def readable_of(connection: sa.Connection, visibility: Visibility, paths: Collection[str]) -> frozenset[str]:
    """Return which of these are paths of documents that may be read."""
    return _judged(connection, visibility, paths)[0]


def _judged(
    connection: sa.Connection, visibility: Visibility, names: Iterable[str]
) -> tuple[frozenset[str], frozenset[str]]:
    """Return which of these are paths of documents: those that may be read, and those that may not."""
    wanted = sorted(names)
    readable: set[str] = set()
    hidden: set[str] = set()
    for source in library.source_names(connection):
        for document in library.documents_at(connection, source, wanted):
            (readable if visibility.may_read(document) else hidden).add(document.path)
    # Which source a path is of is not told, so it shows only if every document that it may be can be read.
    return frozenset(readable - hidden), frozenset(hidden)


def _named(result: CaseResult) -> Iterator[str]:
    for text in (result.error, *_texts(result.detail)):
        yield from _names_in(text)


def _names_in(text: str) -> Iterator[str]:
    yield text
    spans = _spans(text)
    for at in range(len(spans)):
        for end in range(at + 1, min(at + _WORDS, len(spans)) + 1):
            yield text[spans[at][0] : spans[end - 1][1]]


def _texts(value: Json | Mapping[str, Json]) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, one in value.items():
            if name not in _NO_PATHS:
                yield name
                yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _spans(text: str) -> list[tuple[int, int]]:
    """Return where the words of a text begin and end, without what stands around them."""
    found: list[tuple[int, int]] = []
    for word in list(_WORD.finditer(text))[:_LONGEST]:
        start, end = word.span()
        while start < end and text[start] in _AROUND:
            start += 1
        while end > start and text[end - 1] in _AROUND:
            end -= 1
        if start < end:
            found.append((start, end))
    return found


class _Shown:
    """Takes out of results what may not be seen, and counts it."""

    def __init__(self, readable: frozenset[str], hidden: frozenset[str]) -> None:
        self._readable = readable
        self._hidden = hidden
        self.left_out = 0

    def result(self, given: CaseResult) -> CaseResult:
        before = self.left_out
        detail: dict[str, Json] = {}
        for name, value in given.detail.items():
            if name in _PATHS:
                detail[name] = self._paths(value)
            else:
                detail[name] = value if name in _NO_PATHS else self._cleared(value)
        error = self.text(given.error)
        if self.left_out > before:
            detail[COUNT] = self.left_out - before
        return replace(given, detail=detail, error=error)

    def _paths(self, value: Json) -> list[Json]:
        paths = value if isinstance(value, list) else [value]
        kept = [one for one in paths if isinstance(one, str) and one in self._readable]
        self.left_out += len(paths) - len(kept)
        return list[Json](kept)

    def _cleared(self, value: Json) -> Json:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self._cleared(one) for one in value]
        if isinstance(value, Mapping):
            return {self.text(name): self._cleared(one) for name, one in value.items()}
        return value

    def text(self, text: str) -> str:
        """Return a text with a mark in place of each path that may not be seen; longest paths count first."""
        if text in self._readable:
            return text
        spans = _spans(text)
        written, kept, at = 0, list[str](), 0
        while at < len(spans):
            start, ends = spans[at][0], min(at + _WORDS, len(spans))
            name, size = next(
                (
                    (text[start : spans[end - 1][1]], end - at)
                    for end in range(ends, at, -1)
                    if text[start : spans[end - 1][1]] in self._readable | self._hidden
                ),
                (text[start : spans[at][1]], 1),
            )
            if name in self._hidden or (name not in self._readable and _LIKE_PATH.search(name)):
                kept += [text[written:start], LEFT_OUT]
                written = start + len(name)
                self.left_out += 1
            at += size
        if len(spans) == _LONGEST:
            self.left_out += 1
            return "".join(kept) + LEFT_OUT
        return "".join(kept) + text[written:]
