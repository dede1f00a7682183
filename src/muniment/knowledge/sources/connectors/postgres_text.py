"""The document that is made of a row: its title and its columns, in Markdown."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import quote

_FIELD = re.compile(r"\{([^{}]+)\}")


def written(title: str, values: Mapping[str, str | None], types: Mapping[str, str]) -> str:
    """Return a row by its columns, without those that are null."""
    parts = [f"# {' '.join(title.split())}"] if title.strip() else []
    for name, value in values.items():
        if value is None:
            continue
        if types.get(name) in ("json", "jsonb"):
            parts.append(f"{name}:\n\n```json\n{_indented(value)}\n```")
        elif "\n" in value:
            parts.append(f"## {name}\n\n{value}")
        else:
            parts.append(f"{name}: {value}")
    return "\n\n".join(parts) + "\n"


def filled(template: str, values: Mapping[str, str | None]) -> str:
    """Return a template with columns in place of `{column}`; what a column holds is not filled again."""
    return _FIELD.sub(lambda found: values.get(found[1]) or "", template)


def linked(template: str, values: Mapping[str, str | None]) -> str:
    """Return an address with columns in place of `{column}`, so that none of them adds a part to it."""
    return _FIELD.sub(lambda found: quote(values.get(found[1]) or "", safe=""), template)


def named(template: str) -> frozenset[str]:
    """Return the columns that a template names."""
    return frozenset(_FIELD.findall(template))


def _indented(value: str) -> str:
    with suppress(ValueError, RecursionError):
        return json.dumps(json.loads(value), ensure_ascii=False, indent=2)
    return value
