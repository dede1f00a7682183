"""Where in a policy text something does not fit: each problem with a line, its own or that of its rule."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from muniment.governance.policy.nesting import too_deep
from muniment.governance.policy.rules import Rules

_PART = re.compile(r'"(?:[^"\\]|\\.)*+"?|//[^\n]*|;|\S|\s+')
_NUMBERED = re.compile(r"^(?:\[policy(\d+)\] )?(?:for policy `policy\d+`, )?(.*)$", re.DOTALL)
_QUOTED = re.compile(r"`([^`]+)`")
_OF = re.compile(r"^(?:invalid policy effect: )(\w+)$")


@dataclass(frozen=True, slots=True)
class Located:
    """A problem, and the line where it lies."""

    line: int | None
    """From 1; None where it is not of one place."""
    says: str


@dataclass(frozen=True, slots=True)
class _Written:
    """A rule as it is written."""

    line: int
    text: str


def located(policies: str) -> tuple[Located, ...]:
    """Return what `Rules.problems` finds in a text, in the order of its lines."""
    problems = Rules(policies).problems()
    if not problems:
        return ()
    if (line := too_deep(policies)) is not None:
        return tuple(Located(line, problem) for problem in problems)
    written = _rules(policies)
    found = [_place(problem, written) for problem in problems]
    return tuple(sorted(set(found), key=lambda one: (one.line is None, one.line or 0, one.says)))


def _place(problem: str, written: Sequence[_Written]) -> Located:
    said = _NUMBERED.match(problem)
    assert said is not None
    number, says = said[1], said[2]
    if number is not None and int(number) < len(written):
        return Located(_within(written[int(number)], says), says)
    if says.startswith(("Two rules", "It is longer", "Templates")) or "@id" in says:
        return Located(_unnamed(says, written), says)
    broken = next((one for one in written if not _parses(one.text)), None)
    return Located(None if broken is None else _within(broken, says), says)


def _within(rule: _Written, says: str) -> int:
    """Return the line of what is quoted, where the rule holds it in one place, else that where the rule begins."""
    effect = _OF.match(says)
    quoted = [effect[1]] if effect else _QUOTED.findall(says)
    for word in quoted:
        if rule.text.count(word) == 1:
            return rule.line + rule.text[: rule.text.index(word)].count("\n")
    return rule.line


def _unnamed(says: str, written: Sequence[_Written]) -> int | None:
    """Return the first rule without an id, or the second that has one which another has."""
    twice = re.match(r"Two rules have the id '(.*)'\.$", says)
    if twice:
        named = [one for one in written if f'@id("{twice[1]}")' in one.text]
        return named[1].line if len(named) > 1 else None
    if "no @id" in says:
        return next((one.line for one in written if "@id(" not in one.text), None)
    return None


def _rules(policies: str) -> list[_Written]:
    """Return the rules of a text as they stand, each up to its semicolon; comments before a rule are left out."""
    found: list[_Written] = []
    line, start, text = 1, 0, ""
    for part in _PART.findall(policies):
        comment = part.startswith("//")
        if not text and not part.isspace() and not comment:
            start = line
        if text or not (part.isspace() or comment):
            text += part
        line += part.count("\n")
        if part == ";":
            found.append(_Written(start, text))
            text = ""
    return [*found, _Written(start, text)] if text else found


def _parses(text: str) -> bool:
    import cedarpy

    try:
        cedarpy.policies_to_json_str(text)
    except Exception:
        return False
    return True
