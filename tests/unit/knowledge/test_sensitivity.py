"""Rules and files raise a label, and no combination of them lowers one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment import settings
from muniment.foundation.errors import BadInput
from muniment.governance.identity.clearance import LEVELS, clears, higher
from muniment.knowledge.access import NOBODY, AccessList
from muniment.knowledge.document_labels import NOTHING, DocumentLabel, Reason, raised, raised_only
from muniment.knowledge.formats import MEDIA_TYPES
from muniment.knowledge.ingestion.expressions import glob, word
from muniment.knowledge.ingestion.sensitivity import Facts, Sensitivity
from muniment.knowledge.ingestion.sensitivity_settings import SensitivityRule
from muniment.knowledge.stated import Stated

CARD = "Pay with 4111 1111 1111 1111."


def rule(**given: Any) -> SensitivityRule:
    return SensitivityRule.model_validate({"name": "one", "label": "restricted", **given})


def facts(text: str = "Plain words.", **given: Any) -> Facts:
    known = {"path": "hr/pay/may.md", "media_type": "text/markdown", "units": (), "stated": Stated()}
    return Facts(**{"source": "docs", "text": text, **known, **given})


def label(found: Facts, *rules: SensitivityRule) -> str:
    return Sensitivity(rules).of(found).label


@pytest.mark.parametrize(
    ("pattern", "path", "covered"),
    [
        ("hr/**", "hr/pay/may.md", True),
        ("HR/**", "hr/may.md", True),
        ("hr/*", "hr/pay/may.md", False),
        ("*.key", "a/b/server.KEY", True),
        ("**/pay/**", "pay/may.md", True),
        ("**/pay/**", "hr/pay/may.md", True),
        ("hr/**", "chr/may.md", False),
        ("m?y.[md]", "may.[md]", True),
        ("(a+)+$", "aaaa", False),
    ],
)
def test_a_pattern_covers_paths_as_it_is_written(pattern: str, path: str, covered: bool) -> None:
    assert glob(pattern, path) is covered


def test_a_file_label_is_named_whole_but_for_stars_and_case() -> None:
    assert word("highly *", "Highly Confidential") and not word("highly", "Highly Confidential")


@pytest.mark.parametrize(
    ("stated", "met"),
    [
        ({"paths": ["hr/**"]}, True),
        ({"paths": ["legal/**"]}, False),
        ({"sources": ["docs"]}, True),
        ({"sources": ["wiki"], "paths": ["hr/**"]}, False),
        ({"patterns": [r"(?i)\bSALARY\b", "card"]}, False),
        ({"patterns": [r"(?i)\bPAY\b"]}, True),
        ({"kinds": ["card"]}, True),
        ({"kinds": ["card", "iban"], "at_least": 2}, False),
        ({"kinds": ["card"], "paths": ["legal/**"]}, False),
    ],
)
def test_a_rule_holds_where_all_that_it_states_is_met(stated: dict[str, Any], met: bool) -> None:
    assert (label(facts(CARD), rule(**stated)) == "restricted") is met


def test_the_first_page_is_read_with_its_headers_and_no_further() -> None:
    one = rule(patterns=["CONFIDENTIAL"], where="first_page")
    pages = [{"start": 0, "end": 5}, {"start": 5, "end": 40}]
    assert label(facts("page\nCONFIDENTIAL", units=pages), one) == ""
    assert label(facts("CONFIDENTIAL", units=()), one) == "restricted"
    assert label(facts("page", units=pages, stated=Stated((), "CONFIDENTIAL")), one) == "restricted"


def test_a_pattern_takes_time_that_grows_with_the_text_alone() -> None:
    assert label(facts("a" * 1_000_000 + "!"), rule(patterns=["(a+)+$", "(a|aa)+b"])) == ""


def test_half_a_character_hides_nothing_from_a_pattern() -> None:
    assert label(facts("\ud800 secret"), rule(patterns=["secret"])) == "restricted"


@pytest.mark.parametrize("stated", ["Confidential", "CONFIDENTIAL"])
def test_a_file_that_states_a_level_has_it_without_any_rule(stated: str) -> None:
    assert label(facts(stated=Stated((stated,)))) == "confidential"


def test_a_word_that_no_rule_knows_lies_above_every_clearance_until_one_does() -> None:
    found = facts(stated=Stated(("General",)))
    assert not clears("restricted", label(found))
    assert label(found, rule(label="internal", file_labels=["general"])) == "internal"
    assert not clears("restricted", label(found, rule(label="internal", sources=["docs"])))


def test_what_nobody_looked_for_yet_counts_as_met() -> None:
    names = rule(kinds=["person"], at_least=2)
    assert label(facts(), names) == "restricted"
    assert label(facts(names={"person": 1}), names) == ""
    assert label(facts(names={"person": 2}), names) == "restricted"
    unread = facts(media_type=MEDIA_TYPES["pdf"], stated=None)
    assert label(unread, rule(file_labels=["Secret"])) == "restricted"
    assert label(unread) == ""


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"label": "secret"}, "label"),
        ({"label": "internal"}, "states no condition"),
        ({"label": "internal", "patterns": ["(?=a)"]}, "look-around"),
        ({"label": "internal", "patterns": [r"(a)\1"]}, "backreferences"),
        ({"label": "internal", "patterns": ["a{100}{100}"]}, "repeats"),
        ({"label": "internal", "patterns": ["a" * 1001]}, "longer"),
        ({"label": "internal", "kinds": ["person"]}, "ingestion.labels"),
        ({"label": "internal", "paths": [""]}, "empty condition"),
        ({"label": "internal", "path": ["x"]}, "unknown setting"),
    ],
)
def test_a_rule_that_cannot_be_kept_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        settings.parse({"ingestion": {"sensitivity": [{"name": "one", **given}]}})


def test_two_rules_of_one_name_are_refused() -> None:
    one = {"name": "one", "label": "internal", "paths": ["x"]}
    with pytest.raises(BadInput, match="two rules are named 'one'"):
        settings.parse({"ingestion": {"sensitivity": [one, one]}})


LABELS = st.sampled_from([*LEVELS, "", "Geheim", "Internal "])
REASONS = st.builds(
    Reason, st.sampled_from(["rule", "file"]), st.sampled_from("abc"), LABELS.filter(bool), st.booleans()
)
DECIDED = st.builds(DocumentLabel, st.lists(REASONS, max_size=4).map(tuple))


@given(st.none() | LABELS, DECIDED, st.sampled_from(LEVELS))
def test_whoever_is_not_cleared_for_the_list_or_for_a_reason_is_not_cleared_for_both(
    stated: str | None, decided: DocumentLabel, clearance: str
) -> None:
    access = raised(AccessList(frozenset({"group:everyone"}), frozenset(), stated), decided.label)
    parts = [stated, *(one.label for one in decided.reasons)]
    assert clears(clearance, access.sensitivity) == all(clears(clearance, one) for one in parts)
    assert (access.allow, access.deny) == (frozenset({"group:everyone"}), frozenset())


@given(st.lists(DECIDED, min_size=1, max_size=5))
def test_no_sequence_of_decisions_lowers_what_was_certain(decisions: list[DocumentLabel]) -> None:
    held = NOTHING
    certain: set[str] = set()
    for one in decisions:
        held = raised_only(held, one)
        certain |= {reason.label for reason in one.reasons if not reason.open}
        for said in (*certain, *(reason.label for reason in one.reasons)):
            assert higher(held.label or LEVELS[0], said) == (held.label or LEVELS[0])


TEXTS = st.sampled_from(["Plain.", CARD, "CONFIDENTIAL", CARD + " CONFIDENTIAL"])
RULES = st.lists(
    st.builds(
        lambda label, given: rule(label=label, **given),
        st.sampled_from(LEVELS),
        st.sampled_from(
            [{"paths": ["hr/**"]}, {"kinds": ["card"]}, {"patterns": ["CONF"]}, {"file_labels": ["Secret"]}]
        ),
    ),
    max_size=4,
)


@given(TEXTS, st.lists(st.sampled_from(["Secret", "internal", "restricted"]), max_size=2), RULES, RULES)
def test_more_rules_never_lower_what_fewer_say_of_words_they_know(
    text: str, words: list[str], some: list[SensitivityRule], more: list[SensitivityRule]
) -> None:
    found = facts(text, stated=Stated(tuple(one for one in words if one != "Secret")))
    fewer, both = label(found, *some) or LEVELS[0], label(found, *some, *more) or LEVELS[0]
    assert higher(both, fewer) == both


def test_nobodys_list_stays_nobodys() -> None:
    assert raised(NOBODY, "restricted") is NOBODY
