"""What of a text could be taken for something else: unseen characters, letters of other alphabets, odd domains."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from muniment.actions.visible import Piece, code, pieces, unseen

RemarkKind = Literal["hidden", "mixed", "lookalike", "domain", "backwards"]


@dataclass(frozen=True, slots=True)
class Remark:
    """Something of a text that a reader could miss."""

    kind: RemarkKind
    text: tuple[Piece, ...]
    means: str
    """What it is, in ASCII: names of characters, the alphabets of a word, how a domain is asked for."""


# Pairs: a letter or sign, and what it is taken for.
_PAIRS = (
    "аaсcԁdеeһhіiјjӏlոnоoрpԛqѕsуyхxѵvԝwАAВBСCЕEНHІIЈJКKМMОOРPԚQЅSТTԜWХXҮYѴVГГ"
    "αaιiνvοoρpτtυuχxγyωwκkηnΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧX"
    "օoսuհhոnցgԱUՍUՕOՏSԼL"
    "ɑaɡgıiʟLɩiʋvᴀAᴄcᴏoѕsᴛTᴜuᴠvᴡwᴢzǃ!ɢGƽsƖl"
    "ᎪAᏴBᏟCᎬEᏀGᎻHᎥiᎫJᏦKᏞLᎷMᎾOᏢPᏚSᎢTᏙVᎳWᏃZ"
    "‐-‑-‒-–-—-−-⁄/∕/∶:։:׃:٫,٬,。.․.·.‚,՚'ʼ'ʹ'"
)
_TAKEN_FOR = {_PAIRS[at]: _PAIRS[at + 1] for at in range(0, len(_PAIRS), 2) if _PAIRS[at + 1].isascii()}
_EAST_ASIAN = frozenset({"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "IDEOGRAPHIC", "KATAKANA-HIRAGANA"})
"""Alphabets that are written together as a matter of course."""
_WORD = re.compile(r"[^\W\d_]+")
_DOMAIN = re.compile(r"(?:@|//)([^\s@/?#:,;<>()\"']+)")
_BACKWARDS = frozenset({"R", "AL", "AN"})


def remarks(text: str, exact: bool = False) -> tuple[Remark, ...]:
    """Return what of a text could be missed, each once; `exact` names every letter and sign that is not ASCII.

    That is for what has to be told apart from another, such as an address.
    """
    if text.isascii() and text.isprintable() and "xn--" not in text.lower():
        return ()
    found = [*_unseen(text), *_words(text), *_signs(text, exact), *_domains(text)]
    if any(unicodedata.bidirectional(one) in _BACKWARDS for one in text):
        found.append(Remark("backwards", (), ""))
    return tuple(dict.fromkeys(found))


def _unseen(text: str) -> Iterator[Remark]:
    for one, times in Counter(one for one in text if unseen(one)).items():
        yield Remark("hidden", pieces(one), f"{_name(one)}{f' ({times})' if times > 1 else ''}")


def _words(text: str) -> Iterator[Remark]:
    for word in dict.fromkeys(_WORD.findall(text)):
        if word.isascii():
            continue
        alphabets = {_alphabet(one) for one in word}
        if len(alphabets) > 1:
            yield Remark("mixed", pieces(word), " + ".join(sorted(alphabets)))
        elif all(one in _TAKEN_FOR for one in word):
            yield Remark("lookalike", pieces(word), "".join(_TAKEN_FOR[one] for one in word))


def _signs(text: str, exact: bool) -> Iterator[Remark]:
    mixed = "".join(
        word for word in set(_WORD.findall(text)) if exact or len({_alphabet(one) for one in word}) > 1
    )
    for one in dict.fromkeys(text):
        if one.isascii() or unseen(one) or one.isspace():
            continue
        plain = unicodedata.normalize("NFKC", one)
        like = _TAKEN_FOR.get(one) or (plain if plain != one and plain.isascii() else "")
        if not like and one.isdecimal():
            like = str(unicodedata.decimal(one))
        if like and (one in mixed or not one.isalpha() or plain != one or exact):
            dash = not one.isalnum() and plain == one
            if dash and not exact:
                continue  # Dashes and quotation marks of ordinary writing.
            yield Remark("lookalike", pieces(one), f"{like} ({code(one)[1:-1]} {_name(one)})")
        elif exact:
            yield Remark("lookalike", pieces(one), f"{code(one)[1:-1]} {_name(one)}")


def _domains(text: str) -> Iterator[Remark]:
    for domain in dict.fromkeys(found.rstrip(".") for found in _DOMAIN.findall(text)):
        if not domain.isascii():
            yield Remark("domain", pieces(domain), _asked_for(domain))
        elif "xn--" in domain.lower():
            yield Remark("domain", pieces(_written(domain)), domain)


def _asked_for(domain: str) -> str:
    return ".".join(_label(one) for one in re.split("[.。．｡]", domain))


def _label(label: str) -> str:
    if label.isascii():
        return label
    try:
        return label.encode("idna").decode()
    except UnicodeError:
        return "xn--" + label.encode("punycode", "backslashreplace").decode("ascii", "backslashreplace")


def _written(domain: str) -> str:
    def one(label: str) -> str:
        if not label.lower().startswith("xn--"):
            return label
        try:
            return label[4:].encode().decode("punycode")
        except (UnicodeError, ValueError, OverflowError):
            return label

    return ".".join(one(label) for label in domain.split("."))


def _alphabet(letter: str) -> str:
    found = unicodedata.name(letter, "UNKNOWN").split(" ", 1)[0]
    return "EAST ASIAN" if found in _EAST_ASIAN else found


def _name(character: str) -> str:
    return unicodedata.name(character, "") or f"CHARACTER OF CATEGORY {unicodedata.category(character)}"
