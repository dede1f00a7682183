"""From a model's stream to single claims with their marks, as soon as each is whole.

A sentence without a mark of its own is dropped: it cannot be checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from muniment.inference.messages import Chunk, Draft, Mark, Usage

MAX_PENDING = 20_000
"""Characters without a whole claim after which a stream is not an answer."""

_AFTER = "\n\n\x00"
"""Stands for whatever would follow the last claim."""
_OPENING = "\"“„«'‘"
_MARK = re.compile(rf"\[\s*(\d{{1,3}})\s*[:,]?\s*[{_OPENING}](.*?)[\"”“»'’]\s*\]", re.DOTALL)
_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|\n\s*\n|\n(?=\s*(?:[-*•]|\d+[.)])\s)")
_LEAD = re.compile(r"^[\s.,;:!?)]*(?:[-*•]\s+|\d+[.)]\s+)?")


def drafts(chunks: Iterable[Chunk], on_usage: list[Usage]) -> Iterator[Draft]:
    """Yield each claim once it is whole; append the stream's usage to `on_usage`."""
    pending = ""
    for chunk in chunks:
        if isinstance(chunk, Usage):
            on_usage.append(chunk)
        elif isinstance(chunk, Draft):
            yield chunk
        else:
            pending += chunk.text
            found, pending = _whole(pending)
            yield from found
            pending = pending[-MAX_PENDING:]
    found, _ = _whole(pending + _AFTER)
    yield from found


def _whole(text: str) -> tuple[list[Draft], str]:
    """Claims after whose marks something else has begun, and the rest."""
    found: list[Draft] = []
    while True:
        first = _MARK.search(text)
        if first is None:
            return found, text
        marks, end = [Mark(int(first[1]), first[2])], first.end()
        while True:
            following = _MARK.match(text, end + len(text[end:]) - len(text[end:].lstrip(" \t\n,;.")))
            if following is None:
                break
            marks.append(Mark(int(following[1]), following[2]))
            end = following.end()
        rest = text[end:].lstrip(" \t\n.,;:!?)")
        if not rest or (rest.startswith("[") and len(rest) < 400 and "]" not in rest):
            return found, text
        claim = _last_sentence(text[: first.start()])
        if claim:
            found.append(Draft(claim, tuple(marks)))
        text = text[end:]


def _last_sentence(text: str) -> str:
    """The sentence that a mark stands behind: earlier ones had none."""
    text = _LEAD.sub("", text.rstrip())
    last = _LEAD.sub("", _END.split(text)[-1]).strip()
    if not last:
        return ""
    return last if last[-1] in ".!?…" else last + "."
