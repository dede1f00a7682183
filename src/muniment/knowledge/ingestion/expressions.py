"""Regular expressions that operators write, matched in time that grows with the text alone.

The engine is the one that pydantic brings: it knows no backtracking, and so neither look-around nor back-references.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from pydantic_core import SchemaError, SchemaValidator, core_schema

LONGEST = 1_000
"""Characters of an expression."""
MOST_REPEATS = 1_000
"""Product of the numbers in `{...}`: the engine's work on each character grows with it."""
_REPEATED = re.compile(r"\{\s*(?:\d+\s*,)?\s*(\d{1,9})\s*,?\s*\}")


def problem(expression: str) -> str | None:
    """Return what is wrong with an expression, as the end of a sentence about it."""
    if len(expression) > LONGEST:
        return f"is longer than {LONGEST:,} characters"
    repeats = 1
    for most in _REPEATED.findall(expression):
        repeats *= max(1, int(most))
    if repeats > MOST_REPEATS:
        return f"repeats more than {MOST_REPEATS:,} times by its numbers"
    try:
        _compiled(expression)
    except SchemaError as error:
        said = " ".join(str(error).split())
        return f"cannot be used: {said.rpartition('error: ')[2] or said}"
    return None


def found(expression: str, text: str) -> bool:
    """Return whether an expression is found anywhere in a text."""
    # A lone surrogate is no text for the engine, which would find nothing in all of it.
    return _compiled(expression).isinstance_python(text.encode("utf-8", "replace").decode("utf-8"))


def glob(pattern: str, path: str) -> bool:
    """Return whether a pattern covers a path: `*` and `?` within a folder, `**` across; without `/`, the name."""
    subject = path if "/" in pattern else path.rpartition("/")[2]
    return found(_expression(pattern), unicodedata.normalize("NFC", subject))


def word(pattern: str, text: str) -> bool:
    """Return whether a pattern, in which `*` stands for anything, is a whole text but for upper and lower case."""
    parts = (_literal(part) for part in pattern.split("*"))
    return found(rf"(?is)\A{'.*'.join(parts)}\z", unicodedata.normalize("NFC", text))


@lru_cache(maxsize=256)
def _expression(pattern: str) -> str:
    made = re.sub(
        r"\*\*/|\*\*|\*|\?|[^*?]+",
        lambda part: {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}.get(
            part[0], _literal(part[0])
        ),
        pattern.lstrip("/"),
    )
    return rf"(?is)\A{made}\z"


def _literal(text: str) -> str:
    return re.escape(unicodedata.normalize("NFC", text))


@lru_cache(maxsize=512)
def _compiled(expression: str) -> SchemaValidator:
    return SchemaValidator(core_schema.str_schema(pattern=expression, regex_engine="rust-regex"))
