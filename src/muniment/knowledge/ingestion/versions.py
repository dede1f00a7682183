"""A file's bytes as a version of a document: parsed, cut into chunks, ready to be stored."""

from __future__ import annotations

import hashlib

from muniment.knowledge import originals
from muniment.knowledge.ingestion.chunk import chunks, rules
from muniment.knowledge.ingestion.parser import Parser
from muniment.knowledge.library import ChunkText, NewVersion


def version_of(
    parser: Parser,
    name: str,
    content: bytes,
    chunk_characters: int,
    modified_at: str,
    title: str = "",
    author: str = "",
) -> NewVersion:
    """Return the version that a file holds; `title` and `author` go before its own. Raises ParseFailed."""
    parsed = parser.parse(name, content)
    text = parsed.text
    return NewVersion(
        title=title or parsed.title,
        media_type=parsed.media_type,
        content_hash=hashlib.sha256(content).hexdigest(),
        modified_at=modified_at,
        units=[
            {"kind": u.kind, "label": u.label, "number": u.number, "start": u.start, "end": u.end}
            for u in parsed.units
        ],
        notes=parsed.notes,
        author=author or parsed.author,
        language=parsed.language,
        text=text,
        chunks=[
            ChunkText(c.ordinal, c.start, c.end, c.page, c.heading, text[c.start : c.end])
            for c in chunks(parsed, chunk_characters)
        ],
        chunking=rules(chunk_characters),
        stated=parsed.stated,
        original=originals.to_keep(parsed.media_type, content),
    )
