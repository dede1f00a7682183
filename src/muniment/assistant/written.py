"""An answer written down as Markdown, with its evidence; what it quotes stays text."""

from __future__ import annotations

import json

from muniment.assistant.conversation import evidence_lines, plain
from muniment.assistant.lineage import Explanation


def markdown(found: Explanation) -> str:
    """Return a stored answer as its reader may read it now."""
    lines = [f"# {plain(found.question)}", "", f"{found.id}, asked {found.at}", ""]
    if found.result is None:
        lines.append(plain(found.answer))
    else:
        # Each line is indented, which no text inside can end.
        stated = json.dumps(found.result, ensure_ascii=False, indent=2)
        lines += [f"    {line}" for line in stated.splitlines()]
    lines += ["", *evidence_lines(found.citations)] if found.citations else []
    lines += ["", *(f"- {plain(note)}" for note in found.notes)] if found.notes else []
    return "\n".join(lines) + "\n"
