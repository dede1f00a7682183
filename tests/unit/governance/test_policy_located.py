"""Problems of a policy text are told with the line where they lie."""

from __future__ import annotations

import pytest

from muniment.governance.policy.located import located
from muniment.governance.policy.rules import shipped

TEXT = shipped()


def line_of(text: str, words: str, last: bool = False) -> int:
    at = text.rindex(words) if last else text.index(words)
    return text[:at].count("\n") + 1


@pytest.mark.parametrize(
    ("good", "bad", "says"),
    [
        ("resource.owner ==", "resource.ownr ==", "ownr"),
        ('Action::"run_suite",\n', 'Action::"run_suit",\n', "run_suit"),
        ("permit (", "permi (", "permi"),
    ],
)
def test_what_the_schema_or_the_grammar_does_not_know_has_its_line(good: str, bad: str, says: str) -> None:
    text = TEXT.replace(good, bad, 1)
    found = [one for one in located(text) if says in one.says]
    assert [one.line for one in found] == [line_of(text, bad)]


def test_a_rule_without_an_id_and_an_id_given_twice_have_theirs() -> None:
    nameless = TEXT + "\n// } ; @id(\npermit (principal, action, resource);\n"
    assert [one.line for one in located(nameless)] == [line_of(nameless, "permit (principal, action", True)]
    twice = TEXT + '\n@id("readers")\npermit (principal, action, resource);\n'
    assert [one.line for one in located(twice)] == [line_of(twice, '@id("readers")', True)]


def test_a_text_that_fits_has_no_problem() -> None:
    assert located(TEXT) == ()
