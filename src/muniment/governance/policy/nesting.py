"""How deep the rules of a text reach, found before the engine reads them: it recurses, and would end the process."""

from __future__ import annotations

import re

DEEPEST = 24
"""Brackets within each other."""
MOST = 150
"""Operators, brackets and conditions of one rule: a chain of them is as deep as it is long."""
LONGEST_PATH = 12
"""Attributes of attributes, one after the other."""
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|//[^\n]*+|[A-Za-z_]\w*+|&&|\|\||\S|\n', re.DOTALL)
"""Gives nothing back, so that no text makes it slow."""
_OPENS, _CLOSES = frozenset("([{"), frozenset(")]}")
_CHAINS = frozenset({"&&", "||", "+", "-", "*", "!", ".", "if", *_OPENS})


def too_deep(policies: str) -> int | None:
    """Return the line, from 1, at which a text reaches deeper than rules do; None where it does not."""
    line, depth, chain, path = 1, 0, 0, 0
    for part in _TOKEN.findall(policies):
        line += part.count("\n")
        if part == ";":
            chain = 0
        elif part in _CHAINS:
            chain += 1
        if part in _OPENS:
            depth += 1
        elif part in _CLOSES:
            depth = max(0, depth - 1)
        if part == ".":
            path += 1
        elif not (part.isspace() or part.startswith("//") or part.isidentifier()):
            path = 0
        if depth > DEEPEST or chain > MOST or path > LONGEST_PATH:
            return line
    return None
