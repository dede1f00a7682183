"""JSON, JSON lines and XML: every value stands on a line of its own behind the path that leads to it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING
from xml.parsers.expat import ExpatError

from muniment.knowledge.formats import MEDIA_TYPES
from muniment.knowledge.ingestion.parse.decode import decode
from muniment.knowledge.ingestion.parse.normal import Composer, one_line
from muniment.knowledge.ingestion.parse.title import from_file_name, title
from muniment.knowledge.ingestion.parsed import Parsed, ParseFailed

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element  # noqa: TID251 - the type alone

_MOST_DEPTH = 200
_LONGEST_PATH = 1_000
_TITLES = ("title", "name", "$id")


class Pairs(tuple[tuple[str, object], ...]):
    """The members of a JSON object in order, those of the same name included."""

    __slots__ = ()

    def value(self, name: str) -> object:
        """Return the first value of that name, or None."""
        return next((value for key, value in self if key == name), None)


def from_json_text(text: str) -> object:
    """Return the value of a JSON text, objects as `Pairs` and numbers as written.

    Raises ParseFailed where it is nested too deep, ValueError where it is no JSON.
    """
    try:
        return json.loads(text, object_pairs_hook=Pairs, parse_int=str, parse_float=str, parse_constant=str)
    except RecursionError as error:
        raise _too_deep() from error


def read_json(name: str, content: bytes) -> Parsed:
    """Read a JSON file; one that is no strict JSON stands as it is."""
    out = Composer()
    text = decode(content, out)
    try:
        value = from_json_text(text)
    except ValueError as error:
        if isinstance(error, ParseFailed):
            raise
        out.note("not strict JSON: read as text")
        out.block(text.strip("\n"), keep_layout=True)
        return out.parsed(from_file_name(name), MEDIA_TYPES["json"])
    for path, member in _members(value):
        out.block("\n".join(_lines(path, member)))
    return out.parsed(_title(name, value), MEDIA_TYPES["json"])


def read_json_lines(name: str, content: bytes) -> Parsed:
    """Read JSON lines: a line per record. Lines that are no JSON stand as they are."""
    out = Composer()
    broken = 0
    for line in decode(content, out).splitlines():
        if not line.strip():
            continue
        try:
            out.block(" | ".join(_lines("", from_json_text(line))), tight=True)
        except ValueError as error:
            if isinstance(error, ParseFailed):
                raise
            broken += 1
            out.block(line, tight=True)
    if broken:
        out.note(f"{broken} lines were no JSON and stand as they are")
    return out.parsed(from_file_name(name), MEDIA_TYPES["jsonl"])


def _title(name: str, value: object) -> str:
    named = [value.value(key) for key in _TITLES] if isinstance(value, Pairs) else []
    return title(name, *(one for one in named if isinstance(one, str)))


def _members(value: object) -> Iterator[tuple[str, object]]:
    """Yield what stands directly in a value: each is a paragraph."""
    if isinstance(value, Pairs):
        yield from value
    elif isinstance(value, list):
        yield from ((f"[{number}]", member) for number, member in enumerate(value, 1))
    else:
        yield "", value


def _lines(path: str, value: object) -> Iterator[str]:
    waiting: list[tuple[str, object, int]] = [(path, value, 0)]
    while waiting:
        path, value, depth = waiting.pop()
        if depth > _MOST_DEPTH or len(path) > _LONGEST_PATH:
            raise _too_deep()
        if isinstance(value, Pairs):
            inner = [(f"{path}.{key}" if path else key, member, depth + 1) for key, member in value]
            waiting.extend(reversed(inner))
        elif isinstance(value, list):
            inner = [(f"{path}[{n}]", member, depth + 1) for n, member in enumerate(value, 1)]
            waiting.extend(reversed(inner))
        elif text := _shown(value):
            yield f"{one_line(path)}: {text}" if path else text


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).strip()


def read_xml(name: str, content: bytes) -> Parsed:
    """Read an XML file. Raises ParseFailed where it declares entities or is not well formed."""
    out = Composer()
    root = xml_tree(content)
    below = list(root)
    if not below or _is_mixed(root):
        out.block("\n".join(_xml_lines("", root)))
    else:
        out.block("\n".join(_attributes(_local(root.tag), root)))
        for path, child in _numbered(_local(root.tag), root):
            out.block("\n".join(_xml_lines(path, child)))
    named = next((child.text for child in below if _local(child.tag).lower() in _TITLES), None)
    return out.parsed(title(name, named), MEDIA_TYPES["xml"])


def xml_tree(content: bytes) -> Element:
    """Return the root of an XML text. Raises ParseFailed where it declares entities or is not well formed."""
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        return fromstring(content, forbid_dtd=False, forbid_entities=True, forbid_external=True)
    except DefusedXmlException as error:
        raise ParseFailed(
            "declares XML entities, which are never expanded.",
            fix="Write out what they stand for; do not open it if you do not know where it comes from.",
        ) from error
    except (ParseError, ExpatError, ValueError, LookupError) as error:
        line = getattr(error, "position", (0, 0))[0]
        where = f" (line {line})" if line else ""
        raise ParseFailed(
            f"is damaged: it is not well-formed XML{where}.", fix="Save or export it again."
        ) from error


def _xml_lines(path: str, element: Element) -> Iterator[str]:
    """Yield the lines of an element; one whose text goes on between its children is one line."""
    waiting: list[tuple[str, Element, int]] = [(path or _local(element.tag), element, 0)]
    while waiting:
        path, element, depth = waiting.pop()
        if depth > _MOST_DEPTH or len(path) > _LONGEST_PATH:
            raise _too_deep()
        yield from _attributes(path, element)
        mixed = _is_mixed(element)
        text = one_line("".join(element.itertext()) if mixed else element.text or "")
        if text:
            yield f"{path}: {text}"
        if mixed:
            for inner in element.iter():
                if inner.attrib and inner is not element:
                    yield from _attributes(f"{path}/{_local(inner.tag)}", inner)
        elif len(element):
            waiting.extend(reversed([(name, child, depth + 1) for name, child in _numbered(path, element)]))


def _numbered(path: str, element: Element) -> Iterator[tuple[str, Element]]:
    """Yield the children that say something, with their paths; those of one name are numbered."""
    total = Counter(child.tag for child in element)
    seen = Counter[str]()
    for child in element:
        seen[child.tag] += 1
        if child.attrib or len(child) or (child.text and not child.text.isspace()):
            number = f"[{seen[child.tag]}]" if total[child.tag] > 1 else ""
            yield f"{path}/{_local(child.tag)}{number}", child


def _attributes(path: str, element: Element) -> Iterator[str]:
    for name, value in element.attrib.items():
        if value.strip():
            yield f"{path}/@{_local(name)}: {one_line(value)}"


def _is_mixed(element: Element) -> bool:
    if not len(element):
        return False
    return bool((element.text or "").strip()) or any((child.tail or "").strip() for child in element)


def _local(tag: object) -> str:
    return str(tag).rpartition("}")[2]


def _too_deep() -> ParseFailed:
    return ParseFailed("is nested too deep to be read.", fix="Export it more simply.")
