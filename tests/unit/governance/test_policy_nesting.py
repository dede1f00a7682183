"""A policy text that reaches too deep is refused before the engine, which recurses, reads it."""

from __future__ import annotations

import time

import pytest

from muniment.governance.policy.located import located
from muniment.governance.policy.nesting import DEEPEST, LONGEST_PATH, MOST, too_deep
from muniment.governance.policy.rules import Rules, shipped

_HEAD = '@id("x")\npermit (principal, action, resource)\nwhen { '


def rule(condition: str) -> str:
    return f"{_HEAD}{condition} }};"


@pytest.mark.parametrize(
    "condition",
    [
        "(" * 9_000 + "true" + ")" * 9_000,
        "[" * 9_000 + "]" * 9_000 + ".contains(1)",
        "{a: " * 5_000 + "1" + "}" * 5_000 + " == {}",
        "true && " * 5_000 + "true",
        "true || " * 5_000 + "true",
        "1" + " + 1" * 5_000 + " == 1",
        "if true then " * 1_000 + "true" + " else false" * 1_000,
        "if true then true else " * 1_000 + "true",
        "context" + ".a" * 5_000 + " == 1",
        "context has a" + ".a" * 300,
        'context["a"]' + '["a"]' * 5_000 + " == 1",
        "context.groups" + '.contains("a")' * 2_000,
        # What a string or a comment holds does not hide the rest.
        '"\\"" == "(" // )))\n && ' + "(" * 9_000 + "true" + ")" * 9_000,
        # Nor does a rule that ends within brackets begin anew.
        "(;" * 9_000,
    ],
)
def test_what_would_end_the_process_is_a_problem_with_its_line(condition: str) -> None:
    text = rule(condition)
    assert too_deep(text) is not None
    (problem,) = Rules(text).problems()
    assert "nests too deep" in problem
    assert [one.line for one in located(text)] == [too_deep(text)]


@pytest.mark.parametrize(
    "condition",
    [
        "(" * (DEEPEST - 1) + "true" + ")" * (DEEPEST - 1),
        "true" + " && true" * (MOST - 10),
        "context has a" + ".a" * LONGEST_PATH,
        '["' + '", "'.join("abc" for _ in range(2_000)) + '"].contains("abc")',
    ],
)
def test_what_rules_need_is_read(condition: str) -> None:
    assert too_deep(rule(condition) * 20) is None
    assert not any("nests" in one for one in Rules(rule(condition)).problems())


def test_what_ships_is_far_from_it() -> None:
    assert too_deep(shipped()) is None
    assert too_deep(shipped().replace("{ ", "{ (((((((((( true )))))))))) && ")) is None


@pytest.mark.parametrize("text", ['"\\' * 15_000, '@id("' * 5_000, "/ " * 15_000, "\\\n" * 15_000])
def test_no_text_makes_finding_its_lines_slow(text: str) -> None:
    began = time.perf_counter()
    assert located(text)
    assert time.perf_counter() - began < 2
