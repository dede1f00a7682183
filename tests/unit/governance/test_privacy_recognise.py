"""Sensitive values are found where they stand, by sums and prefixes, and what only looks like one is left alone."""

from __future__ import annotations

import importlib
import pkgutil
import re
from itertools import pairwise
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import muniment.governance.privacy as package
from muniment.foundation.ids import Ids
from muniment.governance.identity import api_key_format
from muniment.governance.privacy.kinds import KINDS
from muniment.governance.privacy.recognise import recognise

# Published examples, of test issuers, registries and encyclopaedias; none belongs to anybody.
VALID = {
    "card": [
        "4111111111111111", "4222222222222", "4111 1111 1111 1111", "5555-5555-5555-4444", "2223003122003222",
        "3782 822463 10005", "30569309025904", "6011111111111117", "3530111333300000", "6304000000000000",
        "4111.1111.1111.1111", "4111 1111\n1111 1111",
    ],
    "iban": [
        "GB82 WEST 1234 5698 7654 32", "DE89370400440532013000", "FR1420041010050500013M02606",
        "NL91 ABNA 0417 1643 00", "NO93 8601 1117 947", "MT84MALT011000012345MTLCAST001S",
        "gb82west12345698765432",
    ],
    "national_id": [
        "078-05-1120", "AB 12 34 56 C", "86095742719", "47 036 892 816", "2 55 08 14 168 025 38",
        "255081416802538", "12345678Z", "X-1234567-L", "MRTMTT91D08F205J", "85.07.30-033.28", "85073003328",
        "44051401359", "811218-9876", "198112189876", "2341 2341 2346", "111.444.777-35", "52998224725",
        "131052-308T", "756.9217.0769.85", "1234.56.782",
    ],
    "secret": [
        "AKIAIOSFODNN7EXAMPLE", "ghp_" + "a1B2" * 9, "github_pat_" + "A1b2" * 12, "glpat-abcdefghij1234567890",
        "xoxb-1234567890-abcdefgh", "sk_" + "live_" + "a1" * 12, "AIza" + "Sy" * 17 + "q",
        "sk-ant-api03-" + "aB3" * 10,
        "sk-proj-" + "aB3" * 10, "npm_" + "a1B2" * 9, "hf_" + "aB" * 17,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_def-1",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIB\nabc=\n-----END RSA PRIVATE KEY-----",
    ],
    "email": ["a.b+c@sub.example.co.uk", "jörg@müller.example"],
    "phone": [
        "+49 30 123456", "+1 (555) 123-4567", "001-748-088-2851x818", "(978)645-9740x11144", "089 72 63 41",
        "833.719.3994", "020 7946 0958", "01.23.45.67.89", "+44 (0)20 7946 0958",
    ],
}  # fmt: skip
NOT = {
    "card": [
        "4111111111111112", "1234567890123456", "0.4111111111111111", "a4111111111111111", "41111111111111110000",
        "4111\n1111\n1111\n1111", "2019 2020 2021 2022", "1-4111-1111-1111-1111-1",
    ],
    "iban": [
        "GB82 WEST 1234 5698 7654 33", "DE8937040044053201300", "XX82WEST12345698765432",
        "GB82WEST1234569876543212",
    ],
    "national_id": [
        "000-12-3456", "666-12-3456", "900-12-3456", "123-00-4567", "123-45-0000", "078051120", "BG123456A",
        "86095742718", "255081416802539", "12345678A", "X1234567A", "MRTMTT91D08F205K", "85073003329", "44051401358",
        "811218-9875", "2341 2341 2345", "111.444.777-36", "111.111.111-11", "131052-308U", "756.9217.0769.86",
        "111222333",
    ],
    "secret": [
        "The password is required.", "password: ${DB_PASSWORD}", "api_key = env:HOUSE_KEY",
        "token = make_token(user)",
        "Tokens are counted by 1,000.", "sk-learn is a library for everyone here", "ghp_short",
        "secret: <your-secret-1>", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    ],
    "email": ["user@localhost", "@team hello.", "a@b", "price@ 12.50"],
    "phone": [
        "2024-01-15", "05.03.2024 10:30", "12 500 000", "192.168.10.254", "1,234,567.89", "ISO 27001:2022",
        "100-200", "2147483647", "0.12345678", "978-3-16-148410-0",
    ],
}  # fmt: skip


def found(text: str) -> list[tuple[str, str]]:
    return [(one.kind, text[one.start : one.end]) for one in recognise(text)]


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind in VALID for value in VALID[kind]])
def test_a_published_example_is_found_whole_wherever_it_stands(kind: str, value: str) -> None:
    for text in (value, f"See {value}, please.", f"({value})", f"x: {value}\n12 of 30"):
        assert found(text) == [(kind, value)], text


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind in NOT for value in NOT[kind]])
def test_what_only_looks_like_one_is_left_alone(kind: str, value: str) -> None:
    assert found(f"See {value}, please.") == []


def test_one_digit_off_is_never_a_card_an_account_or_a_number_with_a_check_digit() -> None:
    unchecked = {"078-05-1120", "AB 12 34 56 C"}
    for kind in ("card", "iban", "national_id"):
        for value in set(VALID[kind]) - unchecked:
            last = max(at for at, character in enumerate(value) if character.isdigit())
            wrong = value[:last] + str((int(value[last]) + 1) % 10) + value[last + 1 :]
            assert (kind, wrong) not in found(wrong), value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Staging: password = Winter2024! (rotate it)", "Winter2024!"),
        ('{"client_secret": "9f8e7d6c5b4a"}', "9f8e7d6c5b4a"),
        ("export DB_PASSWORD=s3cr3t-thing", "s3cr3t-thing"),
        ("The password is Blue$Kettle7.", "Blue$Kettle7"),
        ("postgres://app:hunter22@db.internal/x", "hunter22"),
        ("Authorization: Bearer abcDEF1234567890abcdefg", "abcDEF1234567890abcdefg"),
        ("Das Passwort lautet Kessel_77.", "Kessel_77"),
    ],
)
def test_a_password_is_known_by_what_stands_before_it(text: str, value: str) -> None:
    assert found(text) == [("secret", value)]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("SSN 078051120", "national_id", "078051120"),
        ("BSN: 111222333", "national_id", "111222333"),
        ("Aadhaar number 234123412346", "national_id", "234123412346"),
        ("Personnummer 8112189876", "national_id", "8112189876"),
        ("Tel.: 9885 1152", "phone", "9885 1152"),
        ("call me at 785 8949", "phone", "785 8949"),
        ("my mobile 0612345678", "phone", "0612345678"),
    ],
)
def test_bare_digits_count_beside_a_word_that_names_them(text: str, kind: str, value: str) -> None:
    assert found(text) == [(kind, value)]
    assert found(f"Order {value} was shipped") == []


def test_our_own_api_keys_are_secrets_also_of_a_tenant() -> None:
    for tenant in ("", "acme"):
        key = api_key_format.written(api_key_format.new_id(Ids()), b"\x07" * 32, tenant)
        assert found(f"use {key} now") == [("secret", key)]


def test_an_aws_secret_is_found_beside_its_id_and_nowhere_else() -> None:
    secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    assert found(f"id AKIAIOSFODNN7EXAMPLE and {secret} it is")[1] == ("secret", secret)
    assert found(f"sha {secret} it is") == []


def test_half_a_private_key_is_a_secret_too() -> None:
    begun = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF"
    assert found(f"Key:\n{begun}")[0] == ("secret", begun)
    ended = "kqhkiG9w0BAQEF\nMIIEvQIBADANBg==\n-----END PRIVATE KEY-----"
    assert found(f"{ended} and so on") == [("secret", ended)]


@pytest.mark.parametrize(
    "written",
    [
        "４１１１１１１１１１１１１１１１",
        "٤١١١١١١١١١١١١١١١",
        "4111\u200b1111\u20601111\ufeff1111",
        "4111\u00a01111\u202f1111\u20091111",
        "4111\u20131111\u20131111\u20131111",
        "4111\u00ad1111\x001111\u20281111",
    ],
)
def test_digits_of_other_scripts_and_invisible_characters_hide_nothing(written: str) -> None:
    assert found(f"Karte → {written}.") == [("card", written)]


def test_the_more_serious_class_wins_where_two_lie_over_each_other() -> None:
    assert found("token: sk-proj-4111111111111111aB3xyzw") == [("secret", "sk-proj-4111111111111111aB3xyzw")]
    assert found("phone 4111 1111 1111 1111") == [("card", "4111 1111 1111 1111")]
    assert found("ftp://me:Pass-word1@host.example") == [("secret", "Pass-word1")]


def test_a_class_that_nobody_asks_for_hides_nothing_of_another() -> None:
    (one,) = recognise("ftp://me:Pass-word1@host.example", {"email"})
    assert one.kind == "email"


def test_a_card_is_found_among_other_numbers() -> None:
    assert found("12/27 4111 1111 1111 1111 123, 99") == [("card", "4111 1111 1111 1111")]


PIECES = st.sampled_from(
    ["4111", "1111", " ", "-", ".", "@", "a", "Zz9", "\n", "GB82", "WEST", "eyJ", "password", "=", ": ", "sk-",
     "ghp_",
     "AKIA", "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "\u200b", "１", "(0)", "+49", "x", "tel ",
     "://", "Bearer ", "\x00", "İ", "😀", "mun_", "_"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=80).map("".join) | st.text(max_size=80))
def test_findings_are_in_order_apart_inside_the_text_and_always_the_same(text: str) -> None:
    once = recognise(text)
    assert once == recognise(text)
    assert all(0 <= one.start < one.end <= len(text) and one.kind in KINDS for one in once)
    assert all(one.end <= other.start for one, other in pairwise(once))


def patterns() -> list[tuple[str, str]]:
    """Every expression that the recognisers are made of."""
    made: list[tuple[str, str]] = []

    def walk(name: str, value: object) -> None:
        if isinstance(value, re.Pattern):
            made.append((name, value.pattern))
        elif isinstance(value, tuple | list):
            for one in value:
                walk(name, one)
        elif hasattr(value, "__slots__") and not isinstance(value, type):
            for slot in value.__slots__ or ():
                walk(name, getattr(value, slot, None))

    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        for name, value in vars(importlib.import_module(module.name)).items():
            walk(f"{module.name.rpartition('.')[2]}.{name}", value)
    return made


def _unbounded_inside(tree: object, inside: bool) -> bool:
    """Whether an unbounded repeat stands inside another: the shape that takes exponential time."""
    for op, value in tree:  # type: ignore[attr-defined]
        if op in (codes.MAX_REPEAT, codes.MIN_REPEAT):
            endless = value[1] is codes.MAXREPEAT
            if (endless and inside) or _unbounded_inside(value[2], inside or endless):
                return True
        elif op is codes.BRANCH:
            if any(_unbounded_inside(branch, inside) for branch in value[1]):
                return True
        elif op in (codes.SUBPATTERN, codes.ASSERT, codes.ASSERT_NOT) and _unbounded_inside(
            value[-1], inside
        ):
            return True
    return False


def _first_literals(tree: object) -> bool:
    """Whether an expression with an endless repeat begins behind a look-behind or with a literal."""
    return tree[0][0] in (codes.ASSERT_NOT, codes.ASSERT, codes.LITERAL)  # type: ignore[index]


def test_no_expression_can_be_made_to_take_more_than_linear_time() -> None:
    known = patterns()
    assert len(known) > 50
    for name, pattern in known:
        tree = parser.parse(pattern)
        assert not _unbounded_inside(tree, inside=False), name
        endless = any(
            op in (codes.MAX_REPEAT, codes.MIN_REPEAT) and value[1] is codes.MAXREPEAT for op, value in tree
        )
        assert not endless or _first_literals(tree) or name in ("numbers._RUN",), name
