"""Keys, tokens and passwords: by the prefixes that issuers give them, or by what stands before them.

Each expression is tried only where its literal occurs, begins at most once in a run of the characters that it takes,
and has no way to match the same characters twice.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

from muniment.governance.identity.api_key_format import PATTERN as OWN_KEY
from muniment.governance.privacy.kinds import Finding

_ALONE = r"(?<![0-9A-Za-z_])"


def _token(pattern: str) -> re.Pattern[str]:
    return re.compile(_ALONE + pattern)


_ISSUED: tuple[tuple[str, tuple[str, ...], re.Pattern[str]], ...] = (
    ("API key of muniment", ("mun_",), _token(OWN_KEY)),
    (
        "AWS access key id",
        ("AKIA", "ASIA", "ABIA", "ACCA"),
        _token(r"A(?:KIA|SIA|BIA|CCA)[A-Z2-7]{16}(?![0-9A-Za-z])"),
    ),
    ("GitHub token", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), _token(r"gh[pousr]_[0-9A-Za-z]{36,}")),
    ("GitHub token", ("github_pat_",), _token(r"github_pat_[0-9A-Za-z_]{36,}")),
    (
        "GitLab token",
        ("glpat-", "gldt-", "glrt-", "glptt-", "glft-", "glcbt-", "glsoat-"),
        _token(r"gl(?:pat|dt|rt|ptt|ft|cbt|soat)-[0-9A-Za-z_.-]{20,}"),
    ),
    ("Slack token", ("xox", "xapp-"), _token(r"(?:xox[abceoprs]|xapp)-[0-9A-Za-z-]{10,}")),
    ("Slack web hook", ("hooks.slack.com/",), re.compile(r"hooks\.slack\.com/[a-z]{1,12}/[0-9A-Za-z/]{20,}")),
    (
        "Stripe key",
        ("_live_", "_test_", "whsec_"),
        _token(r"(?:[rs]k_(?:live|test)_[0-9A-Za-z]{16,}|whsec_[0-9A-Za-z+/=]{24,})"),
    ),
    ("Google API key", ("AIza",), _token(r"AIza[0-9A-Za-z_-]{35}(?![0-9A-Za-z_-])")),
    (
        "Google credential",
        ("ya29.", "GOCSPX-"),
        _token(r"(?:ya29\.[0-9A-Za-z_-]{20,}|GOCSPX-[0-9A-Za-z_-]{28})"),
    ),
    ("Anthropic key", ("sk-ant-",), _token(r"sk-ant-[0-9A-Za-z_-]{24,}")),
    ("OpenAI key", ("sk-",), _token(r"sk-(?!ant-)(?=[0-9A-Za-z_-]{0,80}[0-9])[0-9A-Za-z_-]{24,}")),
    ("Hugging Face token", ("hf_",), _token(r"hf_[A-Za-z]{34}(?![0-9A-Za-z])")),
    ("npm token", ("npm_",), _token(r"npm_[0-9A-Za-z]{36}(?![0-9A-Za-z])")),
    ("PyPI token", ("pypi-AgE",), _token(r"pypi-AgE[0-9A-Za-z_-]{40,}")),
    ("SendGrid key", ("SG.",), _token(r"SG\.[0-9A-Za-z_-]{22}\.[0-9A-Za-z_-]{43}")),
    ("DigitalOcean token", ("dop_v1_",), _token(r"dop_v1_[0-9a-f]{64}")),
    (
        "JSON web token",
        ("eyJ",),
        _token(r"(?<!-)eyJ[0-9A-Za-z_-]{8,}\.eyJ[0-9A-Za-z_-]{6,}\.[0-9A-Za-z_-]{0,2000}"),
    ),
)
_AWS_SECRET = re.compile(r"(?<![0-9A-Za-z/+=])[0-9A-Za-z/+]{40}(?![0-9A-Za-z/+=])")
_AWS_REACH = 200
_BEGIN, _END = "-----BEGIN ", "-----END "
_BEGUN = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----")
_ENDED = re.compile(r"-----END (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----")
_ARMOUR = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= \n")
_IN_ADDRESS = re.compile(r"://[^\s:/@]{1,64}:([^\s:/@]{3,128})@")
_BEARER = re.compile(r"(?<![a-z])(?:bearer|basic)[ \n]{1,2}([0-9A-Za-z._~+/=-]{20,})", re.IGNORECASE)
_NAMES = (
    "passw", "passphrase", "pwd", "secret", "token", "api_key", "api-key", "apikey", "api key", "access_key",
    "access key", "private_key", "account_key", "accountkey", "credential", "kennwort", "contraseña", "mot de passe",
)  # fmt: skip
_NAMED = re.compile(
    r"(?:passw(?:or[dt])?|passphrase|pwd|secret|token|api[_ -]?key|access[_ -]?key|private_key|account_?key"
    r"|credentials?|kennwort|contraseña|mot de passe)(?:[_ -]?(?:key|id|value|is|lautet|ist))?[\"'`*]{0,3}"
    r"[ ]{0,3}(?::=|=>|==?|:| is| lautet| ist)[ \n]{0,3}(?P<quote>[\"'`]?)(?P<value>[^\s\"'`<>]{6,256})",
    re.IGNORECASE,
)
_NOT_A_VALUE = re.compile(
    r"(?i)\A[$%{<\[(]|\$\{|\{\{|(?:env|file|vault|arn|https?):|x{4}|\*{3}|\.{3}|example|placeholder"
    r"|\A[A-Za-z_][\w.]{0,80}[(\[]"
)
_LEAST_BITS = 2.5


def credentials(text: str) -> Iterator[Finding]:
    """Yield the keys, tokens and passwords of a folded text."""
    yield from _issued(text)
    yield from _private_keys(text)
    lowered = text.lower()
    if "://" in text:
        for found in _IN_ADDRESS.finditer(text):
            yield Finding("secret", *found.span(1), "password in an address")
    if "bearer" in lowered or "basic" in lowered:
        for found in _BEARER.finditer(text):
            if _mixed(found[1]):
                yield Finding("secret", *found.span(1), "authorization header")
    if any(name in lowered for name in _NAMES):
        yield from _named(text)


def _issued(text: str) -> Iterator[Finding]:
    """What issuers give a prefix of their own."""
    for what, literals, pattern in _ISSUED:
        if any(literal in text for literal in literals):
            for found in pattern.finditer(text):
                yield Finding("secret", *found.span(), what)
                if what == "AWS access key id":
                    yield from _aws_secrets(text, *found.span())


def _aws_secrets(text: str, start: int, end: int) -> Iterator[Finding]:
    """A secret key has no prefix; it is looked for beside its id."""
    for found in _AWS_SECRET.finditer(text, max(0, start - _AWS_REACH), min(len(text), end + _AWS_REACH)):
        if _bits(found[0]) > 4.0:
            yield Finding("secret", *found.span(), "AWS secret access key")


def _private_keys(text: str) -> Iterator[Finding]:
    """Private keys in PEM, also where a passage holds only the beginning or only the end of one."""
    at, last_end = 0, text.rfind(_END)
    if _BEGIN in text:
        for begun in _BEGUN.finditer(text):
            if begun.start() < at:
                continue
            ended = _ENDED.search(text, begun.end()) if begun.end() <= last_end else None
            at = ended.end() if ended else _armour_end(text, begun.end())
            yield Finding("secret", begun.start(), at, "private key")
    if _END in text:
        for ended in _ENDED.finditer(text):
            if ended.start() >= at:
                yield Finding("secret", _armour_start(text, at, ended.start()), ended.end(), "private key")
                at = ended.end()


def _armour_end(text: str, at: int) -> int:
    while at < len(text) and text[at] in _ARMOUR:
        at += 1
    return at


def _armour_start(text: str, least: int, at: int) -> int:
    while at > least and text[at - 1] in _ARMOUR:
        at -= 1
    return at


def _named(text: str) -> Iterator[Finding]:
    """What stands behind a name such as `password =`, if it looks chosen to be secret and not like prose."""
    for found in _NAMED.finditer(text):
        value = found["value"]
        if not found["quote"]:
            value = value.rstrip(".,;:?)]}")
        if len(value) < 6 or _NOT_A_VALUE.search(value):
            continue
        if _mixed(value) and _bits(value) >= _LEAST_BITS:
            start = found.start("value")
            yield Finding("secret", start, start + len(value), "value of a password, key or token")


def _mixed(value: str) -> bool:
    """Whether letters stand beside digits or signs, or capitals inside, as in no word of a sentence."""
    letters = any(character.isalpha() for character in value)
    others = any(character.isdigit() for character in value) or any(
        not character.isalnum() and character not in "-_'/.," for character in value
    )
    return letters and others


def _bits(value: str) -> float:
    """Return the entropy of a character, in bits, as the value's own frequencies give it."""
    size = len(value)
    return -sum(count / size * math.log2(count / size) for count in Counter(value).values())
