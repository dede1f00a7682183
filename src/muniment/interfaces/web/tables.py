"""Puts the name of its column on every cell of a table, so that a narrow page can show rows as lines."""

from __future__ import annotations

import re

from markupsafe import Markup

_ROW = re.compile(r"<tr\b.*?</tr>", re.DOTALL)
_HEADING = re.compile(r"<th\b[^>]*>(.*?)</th>", re.DOTALL)
_CELL = re.compile(r"<(td|th)\b([^>]*)>")
_TAG = re.compile(r"<[^>]*>")
_SPAN = re.compile(r'\bcolspan="(\d+)"')
_UNSEEN = 'class="visually-hidden"'


def labelled(table: Markup) -> Markup:
    """Return a table of a template with `data-label` on its cells; what is no table with a head comes back as it is.

    Cells that name their row, that span several columns, or whose column has no name to see, get none.
    """
    head, closed, body = str(table).partition("</thead>")
    if not closed:
        return table
    # Texts of headings were escaped when the template was filled in, for attributes too.
    names = ["" if _UNSEEN in one else _TAG.sub("", one).strip() for one in _HEADING.findall(head)]
    return Markup(head + closed + _ROW.sub(lambda row: _cells(row.group(), names), body))  # noqa: S704


def _cells(row: str, names: list[str]) -> str:
    left = iter(names)

    def one(cell: re.Match[str]) -> str:
        kind, attributes = cell.groups()
        span = _SPAN.search(attributes)
        over = [next(left, "") for _ in range(int(span.group(1)) if span else 1)]
        if kind == "th" or len(over) > 1 or not over[0]:
            return cell.group()
        return f'<td data-label="{over[0]}"{attributes}>'

    return _CELL.sub(one, row)
