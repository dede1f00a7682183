"""Jupyter notebooks: what was written, the code of the cells, and what they printed."""

from __future__ import annotations

import re

from muniment.knowledge.formats import MEDIA_TYPES
from muniment.knowledge.ingestion.parse.decode import decode
from muniment.knowledge.ingestion.parse.normal import Composer
from muniment.knowledge.ingestion.parse.plain import read_markdown
from muniment.knowledge.ingestion.parse.structured import Pairs, from_json_text
from muniment.knowledge.ingestion.parse.title import title
from muniment.knowledge.ingestion.parsed import Parsed, ParseFailed

_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_LONGEST_OUTPUT = 20_000
_NOT_ONE = "is damaged: it cannot be read as a notebook."


def read_notebook(name: str, content: bytes) -> Parsed:
    """Read the cells of a notebook in order; pictures and other media are left out."""
    out = Composer()
    try:
        notebook = from_json_text(decode(content, out))
    except ValueError as error:
        if isinstance(error, ParseFailed):
            raise
        raise ParseFailed(_NOT_ONE, fix="Save it again.") from error
    if not isinstance(notebook, Pairs):
        raise ParseFailed(_NOT_ONE, fix="Save it again.")
    language = _language(notebook)
    for cell in _cells(notebook):
        kind, source = cell.value("cell_type"), _text(cell.value("source")) or _text(cell.value("input"))
        if not source.strip():
            continue
        if kind == "markdown":
            _write_markdown(source, out)
        elif kind == "code":
            _write_fenced(source.strip("\n"), language, out)
            for output in _listed(cell.value("outputs")):
                _write_output(output, out)
        elif kind == "heading":
            level = str(cell.value("level") or "1")
            out.heading(int(level) if level in "123456" else 1, source)
        else:
            out.block(source, keep_layout=True)
    return out.parsed(title(name, out.first_heading), MEDIA_TYPES["ipynb"])


def _cells(notebook: Pairs) -> list[Pairs]:
    cells = _listed(notebook.value("cells"))
    for sheet in _listed(notebook.value("worksheets")):
        cells += _listed(sheet.value("cells"))
    return cells


def _language(notebook: Pairs) -> str:
    metadata = notebook.value("metadata")
    if not isinstance(metadata, Pairs):
        return ""
    for holder, key in (("kernelspec", "language"), ("language_info", "name")):
        held = metadata.value(holder)
        language = held.value(key) if isinstance(held, Pairs) else None
        if isinstance(language, str) and re.fullmatch(r"[\w+#-]{1,20}", language):
            return language.lower()
    return ""


def _write_markdown(source: str, out: Composer) -> None:
    try:
        parsed = read_markdown("", source.encode("utf-8", "replace"))
    except ParseFailed:  # a cell of comments or pictures alone
        return
    out.inset(parsed, 0)
    for note in parsed.notes:
        out.note(note)


def _write_fenced(text: str, language: str, out: Composer) -> None:
    fence = "```"
    while fence in text:
        fence += "`"
    out.block(f"{fence}{language}\n{text}\n{fence}", keep_layout=True)


def _write_output(output: Pairs, out: Composer) -> None:
    shown = output.value("data")
    text = _text(output.value("text"))
    if isinstance(shown, Pairs):
        text = text or _text(shown.value("text/plain"))
        if any(kind.startswith(("image/", "application/")) for kind, _ in shown):
            out.note("pictures and other media of the outputs were left out")
    if output.value("output_type") in ("error", "pyerr"):
        text = "\n".join(_strings(output.value("traceback"))) or _text(output.value("evalue"))
    text = _COLOURS.sub("", text).strip("\n")
    if len(text) > _LONGEST_OUTPUT:
        text = text[:_LONGEST_OUTPUT]
        out.note(f"outputs were cut after {_LONGEST_OUTPUT:,} characters")
    if text.strip():
        out.block(f"Output:\n{text}", keep_layout=True)


def _listed(value: object) -> list[Pairs]:
    return [one for one in value if isinstance(one, Pairs)] if isinstance(value, list) else []


def _strings(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else "".join(_strings(value))
