"""A suite of questions with what a good answer holds: read from a folder, or refused with the line at fault.

`suite.toml` names the suite and its targets; `cases.jsonl` holds one case per line. A file of cases alone is a suite
with the usual targets.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from muniment.foundation import canonical
from muniment.foundation.errors import BadInput

_KEYS = frozenset({"id", "asker", "question", "relevant", "facts", "abstain", "forbidden", "tags", "note"})


@dataclass(frozen=True, slots=True)
class Case:
    """One question of one person."""

    id: str
    asker: str
    question: str
    relevant: tuple[str, ...]
    """Paths of documents that answer it; any of them will do."""
    facts: tuple[tuple[str, ...], ...]
    """What the answer or its quotes must hold: for each fact, its accepted spellings."""
    abstain: bool
    """Whether the only right answer is none."""
    forbidden: tuple[str, ...]
    """Paths of documents that the asker may not read and that must never show."""
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Targets:
    """The least that the suite must reach."""

    document: float = 0.95
    facts: float = 0.0
    abstained: float = 1.0


@dataclass(frozen=True, slots=True)
class Suite:
    """Questions that are asked together."""

    name: str
    cases: tuple[Case, ...]
    targets: Targets
    reason: str = ""
    """Why whoever wrote it has these people's questions asked, where it says so."""

    @property
    def digest(self) -> str:
        """Return the digest of the cases."""
        return canonical.digest([asdict(case) for case in self.cases])


def read_suite(place: Path, asker: str = "") -> Suite:
    """Return the suite in a folder or file; raises BadInput naming the file, the line and the fix.

    `asker` asks the cases that name nobody.
    """
    alone = place.is_file()
    about = {} if alone else _about(place / "suite.toml")
    path = place if alone else place / "cases.jsonl"
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read ({error}).", fix="Give a folder with cases.jsonl.") from error
    cases: list[Case] = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            cases.append(_case(line, f"{path}:{number}", asker))
    if not cases:
        raise BadInput(f"{path} holds no case.", fix="Write one JSON object per line.")
    ids = [case.id for case in cases]
    twice = next((name for name in ids if ids.count(name) > 1), None)
    if twice is not None:
        raise BadInput(f"{path} holds the case {twice} twice.", fix="Give each case its own id.")
    reason = about.get("reason", "")
    if not isinstance(reason, str):
        raise BadInput(f"{place / 'suite.toml'}: reason is not a text.", fix="Say in words why it is run.")
    targets = _targets(about, place / "suite.toml")
    return Suite(str(about.get("name") or place.stem), tuple(cases), targets, reason)


def _about(path: Path) -> Mapping[str, object]:
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"{path} is not readable TOML ({error}).", fix="Mend that line.") from error


def _targets(about: Mapping[str, object], path: Path) -> Targets:
    found = about.get("targets", {})
    known = {"document", "facts", "abstained"}
    if not isinstance(found, dict) or set(cast("dict[str, object]", found)) - known:
        raise BadInput(f"{path}: [targets] takes {', '.join(sorted(known))}.", fix="Mend that table.")
    shares = cast("dict[str, object]", found)
    for name, share in shares.items():
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise BadInput(f"{path}: targets.{name} is not a share.", fix="Give a number from 0 to 1.")
    return Targets(**{name: float(cast("float", share)) for name, share in shares.items()})


def _case(line: str, where: str, asker: str) -> Case:
    try:
        item = json.loads(line)
    except ValueError as error:
        raise BadInput(f"{where} is not JSON ({error}).", fix="Mend that line.") from error
    if not isinstance(item, dict):
        raise BadInput(f"{where} is not a JSON object.", fix="Mend that line.")
    fields = cast("dict[str, object]", item)
    unknown = sorted(set(fields) - _KEYS)
    if unknown:
        raise BadInput(f"{where}: unknown key {unknown[0]}.", fix=f"Known are {', '.join(sorted(_KEYS))}.")
    abstain = fields.get("abstain", False)
    if not isinstance(abstain, bool):
        raise BadInput(f"{where}: abstain is not true or false.", fix="Mend that value.")
    case = Case(
        id=_text(fields, "id", where),
        asker=_text({"asker": asker} | fields if asker else fields, "asker", where),
        question=_text(fields, "question", where),
        relevant=_texts(fields, "relevant", where),
        facts=_facts(fields, where),
        abstain=abstain,
        forbidden=_texts(fields, "forbidden", where),
        tags=_texts(fields, "tags", where),
    )
    if not case.abstain and not case.relevant:
        raise BadInput(f"{where}: no relevant document.", fix="Name one, or set abstain to true.")
    return case


def _text(fields: Mapping[str, object], key: str, where: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str) or not value.strip():
        raise BadInput(f"{where}: {key} is missing or not a text.", fix="Give it one.")
    return value


def _texts(fields: Mapping[str, object], key: str, where: str) -> tuple[str, ...]:
    value = fields.get(key, [])
    if not isinstance(value, list) or not all(isinstance(v, str) for v in cast("list[object]", value)):
        raise BadInput(f"{where}: {key} is not a list of texts.", fix="Mend that value.")
    return tuple(cast("list[str]", value))


def _facts(fields: Mapping[str, object], where: str) -> tuple[tuple[str, ...], ...]:
    value = fields.get("facts", [])
    if not isinstance(value, list):
        raise BadInput(f"{where}: facts is not a list.", fix="Give texts, or lists of spellings.")
    facts: list[tuple[str, ...]] = []
    for fact in cast("list[object]", value):
        spellings = cast("list[object]", fact if isinstance(fact, list) else [fact])
        if not spellings or not all(isinstance(s, str) and s.strip() for s in spellings):
            raise BadInput(f"{where}: a fact is not a text.", fix="Give texts, or lists of spellings.")
        facts.append(tuple(cast("list[str]", spellings)))
    return tuple(facts)
