"""How many sensitive values are found, how many that are none, and how long it takes.

Run by `muniment bench sensitive`. The set that ships is made anew, from a seed: numbers whose check digits are right
and neighbours of them whose are wrong, in sentences; what makes them shares no code with what finds them. `--data
FILE` takes another set, one JSON object a line with `full_text` and `spans`, as the generator of Presidio's research
writes them. With `--names`, names of persons and places are measured instead (`benchmarks/names.py`). Latency is
processor time of one thread, over the texts of the set that is measured.
"""

from __future__ import annotations

import json
import random
import string
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import names
from benchmarks.bars import Bar, bar
from benchmarks.machine import described
from benchmarks.options import checked
from muniment.foundation.errors import BadInput
from muniment.governance.privacy.kinds import KINDS
from muniment.governance.privacy.recognise import recognise

EACH = 60
"""Values of every sort in the set that is made, right and wrong."""
ROUNDS = 3
_NAMES = {
    "CREDIT_CARD": "card",
    "IBAN_CODE": "iban",
    "US_SSN": "national_id",
    "EMAIL_ADDRESS": "email",
    "PHONE_NUMBER": "phone",
}
_TARGETS = {"card": (0.99, 0.99), "iban": (0.99, 0.99), "national_id": (0.99, 0.99), "secret": (0.95, 0.95)}
"""Least precision and recall; other classes are only reported."""
_SENTENCES = (
    "Please use {} from now on.",
    "The form of 12 May 2024 says {}, and room 4.12 is booked.",
    "{}",
    "Für Rückfragen ({}) – danke; Betrag 1.250,00.",
    "Row 17 | {} | 3 items | 45 %",
)
_PROSE = (
    "The committee met on 14 March 2024 at 9:30 in room 4.12 and went through the budget of EUR 1,250,000.",
    "Version 2.14.3 replaces 2.13.0; see section 7.2.1, table 12 and the notes of 2023-11-02.",
    "Visitors sign in at the front desk, take a badge, and are met by whoever invited them.",
    "Orders 2024-000187 to 2024-000193 left the warehouse in 12 boxes of 48 pieces, 576 in all.",
    "Wer den Schlüssel verliert, meldet das am selben Tag; ein neuer kostet 35 Euro.",
)
"""Stands around values in a passage: numbers, dates and amounts that are none."""


@dataclass(frozen=True)
class Case:
    """A text with the values that are in it."""

    text: str
    spans: tuple[tuple[str, int, int], ...]


def run(options: Mapping[str, object], progress: Callable[[str], None]) -> dict[str, object]:
    """Return the bars; option `data` names a labelled set to measure as well, `names` measures names alone."""
    checked(options, "data", "names")
    given = options.get("data")
    if options.get("names"):
        labelled = rows(Path(str(given)), names.KINDS) if given else []
        bars, sets = names.measured(labelled, progress)
        return {"name": "sensitive", "machine": described(), "sets": sets, "bars": bars}
    result: dict[str, object] = {"name": "sensitive", "machine": described()}
    progress("values that are made here")
    bars, result["made here"] = _measured("made here", made(random.Random(11)), KINDS)
    if given:
        progress(f"values of {given}")
        cases = read(Path(str(given)))
        labelled = [kind for kind in KINDS if kind in _NAMES.values()]
        more, result["data"] = _measured("data", cases, labelled)
        bars += more
    return {**result, "bars": bars}


def _measured(
    name: str, cases: Sequence[Case], kinds: Sequence[str]
) -> tuple[list[Bar], list[dict[str, object]]]:
    right, wrong, missed = Counter[str](), Counter[str](), Counter[str]()
    for case in cases:
        found = [one for one in recognise(case.text) if one.kind in kinds]
        for kind, start, end in case.spans:
            hit = any(one.kind == kind and one.start < end and start < one.end for one in found)
            (right if hit else missed)[kind] += 1
        for one in found:
            if not any(
                one.kind == kind and one.start < end and start < one.end for kind, start, end in case.spans
            ):
                wrong[one.kind] += 1
    bars: list[Bar] = []
    rows: list[dict[str, object]] = []
    for kind in kinds:
        precision = right[kind] / max(1, right[kind] + wrong[kind])
        recall = right[kind] / max(1, right[kind] + missed[kind])
        rows.append(
            {"class": kind, "right": right[kind], "wrong": wrong[kind], "missed": missed[kind],
             "precision": round(precision, 4), "recall": round(recall, 4)}
        )  # fmt: skip
        if right[kind] + missed[kind]:
            least = _TARGETS.get(kind, (None, None))
            bars.append(bar(f"{name}: {kind} precision", least[0], precision, "share", least=True))
            bars.append(bar(f"{name}: {kind} recall", least[1], recall, "share", least=True))
    texts = ["\n".join(case.text for case in cases[at : at + 10]) for at in range(0, len(cases), 10)]
    passages = ["\n".join([*_PROSE, case.text, *_PROSE]) for case in cases]
    wrong_in_prose = sum(len(recognise(one)) for one in _PROSE)
    bars.append(bar(f"{name}: found in prose that holds none", 0, wrong_in_prose, "values"))
    bars.append(
        bar(f"{name}: processor time per 1,000 characters of passages", 1.0, _latency(passages), "ms")
    )
    bars.append(bar(f"{name}: the same of nothing but values", None, _latency(texts), "ms"))
    return bars, rows


def _latency(texts: Sequence[str]) -> float:
    """Return the best of some rounds, in milliseconds for 1,000 characters of texts as long as passages."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.thread_time()
        for text in texts:
            recognise(text)
        best = min(best, time.thread_time() - started)
    return best / sum(map(len, texts)) * 1e6


def read(path: Path) -> list[Case]:
    """Return the cases of a labelled file; raises BadInput for one that cannot be read."""
    return [Case(text, spans) for text, spans in rows(path, _NAMES)]


def rows(path: Path, kinds: Mapping[str, str]) -> list[tuple[str, tuple[tuple[str, int, int], ...]]]:
    """Return the texts of a labelled file with the spans of these kinds; raises BadInput as `read` does."""
    try:
        found = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
        return [
            (
                row["full_text"],
                tuple(
                    (kinds[span["entity_type"]], span["start_position"], span["end_position"])
                    for span in row["spans"]
                    if span["entity_type"] in kinds
                ),
            )
            for row in found
        ]
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read.", fix="Name a file of JSON lines.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path} holds something else.", fix="Each line needs full_text and spans.") from error


def made(chance: random.Random) -> list[Case]:
    """Return sentences with values, and with neighbours whose check digits are wrong."""
    cases: list[Case] = []
    for kind, sort in _SORTS:
        for number in range(EACH):
            value = sort(chance)
            before, after = chance.choice(_SENTENCES).split("{}")
            cases.append(Case(f"{before}{value}{after}", ((kind, len(before), len(before) + len(value)),)))
            if kind in ("card", "iban", "national_id") and sort not in _UNCHECKED and number % 2:
                cases.append(Case(f"{before}{_neighbour(value, chance)}{after}", ()))
    chance.shuffle(cases)
    return cases


def _neighbour(value: str, chance: random.Random) -> str:
    """Return the value with one of its last digits changed: each of these sums notices one wrong digit."""
    at = chance.choice([at for at, character in enumerate(value) if character.isdigit()][-3:])
    other = chance.choice([digit for digit in string.digits if digit != value[at]])
    return f"{value[:at]}{other}{value[at + 1 :]}"


def _digits(chance: random.Random, count: int) -> str:
    return "".join(chance.choices(string.digits, k=count))


def _grouped(digits: str, sizes: Sequence[int], sign: str) -> str:
    parts, at = [], 0
    for size in sizes:
        parts.append(digits[at : at + size])
        at += size
    return sign.join(part for part in [*parts, digits[at:]] if part)


def _card(chance: random.Random) -> str:
    prefix, length = chance.choice([("4", 16), ("5" + chance.choice("12345"), 16), ("37", 15), ("6011", 16)])
    body = prefix + _digits(chance, length - len(prefix) - 1)
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    number = body + str(-total % 10)
    sizes = (4, 6) if length == 15 else (4, 4, 4)
    return chance.choice([number, _grouped(number, sizes, " "), _grouped(number, sizes, "-")])


def _iban(chance: random.Random) -> str:
    country, bank, count = chance.choice(
        [("DE", "", 18), ("GB", "WEST", 14), ("NL", "ABNA", 10), ("FR", "", 23)]
    )
    body = bank + _digits(chance, count)
    numeric = "".join(
        str(string.digits.find(c)) if c.isdigit() else str(ord(c) - 55) for c in f"{body}{country}00"
    )
    whole = f"{country}{98 - int(numeric) % 97:02}{body}"
    return chance.choice([whole, whole.lower(), _grouped(whole, [4] * 8, " ")])


def _born(chance: random.Random) -> tuple[int, int, int]:
    return chance.randint(40, 99), chance.randint(1, 12), chance.randint(1, 28)


def _us(chance: random.Random) -> str:
    area = chance.choice([n for n in range(1, 900) if n != 666])
    return f"{area:03}-{chance.randint(1, 99):02}-{chance.randint(1, 9999):04}"


def _uk(chance: random.Random) -> str:
    prefix = chance.choice(("AB", "JK", "SW", "PR"))
    return f"{prefix} {_digits(chance, 2)} {_digits(chance, 2)} {_digits(chance, 2)} C"


def _pesel(chance: random.Random) -> str:
    year, month, day = _born(chance)
    body = f"{year:02}{month:02}{day:02}{_digits(chance, 4)}"
    total = sum(int(d) * w for d, w in zip(body, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3), strict=True))
    return f"{body}{-total % 10}"


def _belgian(chance: random.Random) -> str:
    year, month, day = _born(chance)
    serial = chance.randint(1, 998)
    key = 97 - int(f"{year:02}{month:02}{day:02}{serial:03}") % 97
    return f"{year:02}.{month:02}.{day:02}-{serial:03}.{key:02}"


def _nir(chance: random.Random) -> str:
    year, month, _ = _born(chance)
    body = f"{chance.choice('12')}{year:02}{month:02}{chance.randint(1, 95):02}{_digits(chance, 6)}"
    return _grouped(f"{body}{97 - int(body) % 97:02}", (1, 2, 2, 2, 3, 3), chance.choice(("", " ")))


def _dni(chance: random.Random) -> str:
    number = _digits(chance, 8)
    return number + "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23]


def _cpf(chance: random.Random) -> str:
    digits = _digits(chance, 8) + chance.choice("12")
    for first in (10, 11):
        rest = sum(int(d) * (first - at) for at, d in enumerate(digits)) % 11
        digits += str(0 if rest < 2 else 11 - rest)
    return f"{digits[:3]}.{digits[3:6]}.{digits[6:9]}-{digits[9:]}"


def _tax(chance: random.Random) -> str:
    """One digit twice among the first ten, one missing; then a check digit."""
    while True:
        chosen = chance.sample(string.digits, 9)
        body = [*chosen, chosen[0]]
        chance.shuffle(body)
        if body[0] != "0":
            break
    product = 10
    for digit in body:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return "".join(body) + str((11 - product) % 10)


def _email(chance: random.Random) -> str:
    name = "".join(chance.choices(string.ascii_lowercase, k=6))
    return f"{name}.{chance.choice(('ann', 'bo'))}@{chance.choice(('post', 'mail-7'))}.{name}.example"


def _phone(chance: random.Random) -> str:
    return chance.choice(
        (
            f"+{chance.choice(('49', '44', '33', '1'))} {chance.randint(20, 99)} {_digits(chance, 7)}",
            f"({chance.randint(201, 989)}) {chance.randint(200, 999)}-{_digits(chance, 4)}",
            f"0{chance.randint(20, 99)} {_digits(chance, 4)} {_digits(chance, 4)}",
        )
    )


def _secret(chance: random.Random) -> str:
    letters = string.ascii_letters + string.digits

    def some(count: int, of: str = letters) -> str:
        return "".join(chance.choices(of, k=count))

    return chance.choice(
        (
            "AKIA" + some(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
            "ghp_" + some(36),
            "glpat-" + some(20),
            "xoxb-" + _digits(chance, 11) + "-" + some(24),
            "sk_" + "live_" + some(24),
            "AIza" + some(35),
            "sk-ant-api03-" + some(60),
            "eyJ" + some(20) + ".eyJ" + some(40) + "." + some(43),
            f"-----BEGIN PRIVATE KEY-----\n{some(64)}\n{some(64)}\n-----END PRIVATE KEY-----",
            f"password = {some(8)}-7{some(4)}",
            f'"client_secret": "{some(30)}1"',
        )
    )


_UNCHECKED = (_us, _uk)
_SORTS: tuple[tuple[str, Callable[[random.Random], str]], ...] = (
    ("card", _card),
    ("card", _card),
    ("iban", _iban),
    ("national_id", _us),
    ("national_id", _uk),
    ("national_id", _pesel),
    ("national_id", _belgian),
    ("national_id", _nir),
    ("national_id", _dni),
    ("national_id", _cpf),
    ("national_id", _tax),
    ("secret", _secret),
    ("secret", _secret),
    ("email", _email),
    ("phone", _phone),
)
