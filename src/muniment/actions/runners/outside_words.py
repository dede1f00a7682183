"""Words of an outside system, made fit to show in one line: they are anybody's, and stay so."""

from __future__ import annotations

import unicodedata

LONGEST = 200
"""Characters of them that are shown."""
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories of characters that a reader does not see, or that move others about."""


def shown(words: object) -> str:
    """Return a text in one line without characters that are not seen, cut where it is long; of no text, nothing."""
    if not isinstance(words, str):
        return ""
    seen = "".join(
        " " if one in "\t\n\r" else "" if unicodedata.category(one) in _UNSEEN else one
        for one in words[: 4 * LONGEST]
    )
    line = " ".join(seen.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
