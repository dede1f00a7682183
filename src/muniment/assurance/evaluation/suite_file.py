"""Suites as files: read from a folder, or refused with the line at fault; and cases as lines.

`suite.toml` names the suite and its targets; `cases.jsonl` holds one case per line, or `scenarios.jsonl` one scenario
per line. A file of cases alone is a suite with the usual targets.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

from muniment.assurance.evaluation.case import Case, ExpectedCall, Suite
from muniment.assurance.evaluation.metric import METRICS
from muniment.assurance.evaluation.scenario import SCENARIOS, read_scenarios
from muniment.foundation.checked_schema import CheckedSchema
from muniment.foundation.errors import BadInput
from muniment.governance.audit.entry import Json

ABOUT = "suite.toml"
CASES = "cases.jsonl"
USUAL_TARGETS: Mapping[str, float] = {"authorised": 1.0, "success@5": 0.95, "abstained": 1.0}
"""Of a suite that names none."""
KEYS = frozenset(
    {
        "id",
        "asker",
        "question",
        "earlier",
        "relevant",
        "facts",
        "forbidden_facts",
        "citations",
        "abstain",
        "forbidden",
        "schema",
        "result",
        "tools",
        "forbidden_tools",
        "tags",
        "weight",
        "source",
        "note",
    }
)
_ABOUT_KEYS = frozenset(
    {"name", "description", "reason", "license", "kind", "version", "documents", "directory", "targets"}
)


def read_suite(place: Path, asker: str = "") -> Suite:
    """Return the suite in a folder or file; raises BadInput naming the file, the line and the fix.

    `asker` asks the cases that name nobody.
    """
    alone = place.is_file()
    about = {} if alone else _about(place / ABOUT)
    where = f"{place / ABOUT}"
    path = place if alone else place / CASES
    if not alone and (place / SCENARIOS).is_file():
        cases = tuple(one.case for one in read_scenarios(place / SCENARIOS))
    else:
        cases = read_cases(path, asker)
    if not cases:
        raise BadInput(f"{path} holds no case.", fix="Write one JSON object per line.")
    unknown = sorted(set(about) - _ABOUT_KEYS)
    if unknown:
        raise BadInput(
            f"{where}: unknown key {unknown[0]}.", fix=f"Known are {', '.join(sorted(_ABOUT_KEYS))}."
        )
    kind = about.get("kind", "quality")
    if kind not in ("quality", "security"):
        raise BadInput(f"{where}: kind is neither quality nor security.", fix="Name one of them.")
    if (place / SCENARIOS).is_file() and kind != "security":
        raise BadInput(f"{where}: scenarios in a suite of quality.", fix='Write kind = "security".')
    version = about.get("version", 1)
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise BadInput(f"{where}: version is not a whole number from 1.", fix="Mend that value.")
    return Suite(
        name=_about_text(about, "name", where) or place.stem,
        cases=cases,
        targets=_targets(about, where) if "targets" in about else _usual(cases),
        reason=_about_text(about, "reason", where),
        kind=kind,
        version=version,
        description=_about_text(about, "description", where),
        corpus={key: text for key in ("documents", "directory") if (text := _about_text(about, key, where))},
    )


def stated_reason(place: Path) -> str:
    """Return the reason that a suite states, be it without cases yet; raises as `read_suite`."""
    return "" if place.is_file() else _about_text(_about(place / ABOUT), "reason", f"{place / ABOUT}")


def read_cases(path: Path, asker: str = "") -> tuple[Case, ...]:
    """Return the cases of a file, one on each line; raises as `read_suite`."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read ({error}).", fix=f"Give a folder with {CASES}.") from error
    return cases_of(text, str(path), asker)


def cases_of(text: str, where: str, asker: str = "") -> tuple[Case, ...]:
    """Return the cases of a text that stands at `where`; raises as `read_suite`."""
    cases = [read_case(line, f"{where}:{at}", asker) for at, line in numbered(text)]
    seen: set[str] = set()
    for case in cases:
        if case.id in seen:
            raise BadInput(f"{where} holds the case {case.id} twice.", fix="Give each case its own id.")
        seen.add(case.id)
    return tuple(cases)


def numbered(text: str) -> list[tuple[int, str]]:
    """Return the lines that hold something, with their numbers from 1."""
    # Not splitlines: a question may hold a character that Unicode, but not JSON, takes for the end of a line.
    return [(at, line) for at, line in enumerate(text.split("\n"), 1) if line.strip()]


def as_line(case: Case, note: str = "") -> str:
    """Return a case as its line, with only what it says; `read_cases` reads it back as it was.

    A note is for whoever goes on with it.
    """
    gains: Json = dict(case.gains)
    if all(gain == 1 for gain in case.gains.values()):
        gains = list(case.gains)
    said: dict[str, Json] = {
        "id": case.id,
        "asker": case.asker,
        "earlier": list(case.earlier),
        "question": case.question,
        "relevant": gains,
        "facts": _spelled(case.facts),
        "forbidden_facts": _spelled(case.forbidden_facts),
        "citations": list(case.citations),
        "abstain": case.abstain,
        "forbidden": list(case.forbidden),
        "schema": dict(case.schema) if case.schema is not None else None,
        "tools": [{"tool": one.tool, "arguments": dict(one.arguments)} for one in case.tools],
        "forbidden_tools": list(case.forbidden_tools),
        "tags": list(case.tags),
        "weight": case.weight if case.weight != 1 else None,
        "source": case.source,
        "note": note,
    }
    kept = {key: value for key, value in said.items() if value not in (None, "", [], {}, False)}
    if case.result is not None:
        # Nothing, none and no are results too.
        kept["result"] = case.result
    return json.dumps(kept, ensure_ascii=False)


def _spelled(facts: tuple[tuple[str, ...], ...]) -> list[Json]:
    return [fact[0] if len(fact) == 1 else list(fact) for fact in facts]


def _about(path: Path) -> Mapping[str, object]:
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"{path} is not readable TOML ({error}).", fix="Mend that line.") from error


def _about_text(about: Mapping[str, object], key: str, where: str) -> str:
    value = about.get(key, "")
    if not isinstance(value, str):
        raise BadInput(f"{where}: {key} is not a text.", fix="Put it in quotes.")
    return value


def _usual(cases: Sequence[Case]) -> Mapping[str, float]:
    """Return the usual targets, of metrics that a case can be given."""
    given = {
        "authorised": any(case.forbidden for case in cases),
        "success@5": any(case.relevant for case in cases),
        "abstained": any(case.abstain for case in cases),
    }
    return {name: least for name, least in USUAL_TARGETS.items() if given[name]}


def _targets(about: Mapping[str, object], where: str) -> Mapping[str, float]:
    found = about["targets"]
    if not isinstance(found, Mapping):
        raise BadInput(
            f"{where}: targets is no table.", fix="Write [targets], then METRIC = NUMBER on each line."
        )
    targets = cast("Mapping[str, object]", found)
    for name, least in targets.items():
        metric = METRICS.get(name)
        if metric is None:
            raise BadInput(f"{where}: targets.{name} is no metric.", fix=f"Known: {', '.join(METRICS)}.")
        most = 1.0 if metric.unit == "share" else float("inf")
        if isinstance(least, bool) or not isinstance(least, int | float) or not 0 <= least <= most:
            raise BadInput(
                f"{where}: targets.{name} is out of range.",
                fix="Give a number from 0 to 1." if metric.unit == "share" else "Give a number from 0.",
            )
    return {name: float(cast("float", least)) for name, least in targets.items()}


def read_case(line: str, where: str, asker: str = "") -> Case:
    """Return the case of a line that stands at `where`; raises as `read_suite`."""
    try:
        item = json.loads(line)
    except ValueError as error:
        raise BadInput(f"{where} is not JSON ({error}).", fix="Mend that line.") from error
    if not isinstance(item, dict):
        raise BadInput(f"{where} is not a JSON object.", fix="Mend that line.")
    fields = cast("dict[str, Any]", item)
    unknown = sorted(set(fields) - KEYS)
    if unknown:
        raise BadInput(f"{where}: unknown key {unknown[0]}.", fix=f"Known are {', '.join(sorted(KEYS))}.")
    abstain = fields.get("abstain", False)
    if not isinstance(abstain, bool):
        raise BadInput(f"{where}: abstain is not true or false.", fix="Mend that value.")
    case = Case(
        id=_text(fields, "id", where),
        asker=_text({"asker": asker} | fields if asker else fields, "asker", where),
        question=_text(fields, "question", where),
        earlier=_texts(fields, "earlier", where),
        gains=_gains(fields, where),
        facts=_facts(fields, "facts", where),
        forbidden_facts=_facts(fields, "forbidden_facts", where),
        citations=_texts(fields, "citations", where),
        abstain=abstain,
        forbidden=_texts(fields, "forbidden", where),
        schema=_schema(fields, where),
        result=fields.get("result"),
        tools=_tools(fields, where),
        forbidden_tools=_texts(fields, "forbidden_tools", where),
        tags=_texts(fields, "tags", where),
        weight=_weight(fields, where),
        source=fields["source"] if isinstance(fields.get("source"), str) else "",
    )
    if not case.abstain and not (case.relevant or case.result is not None or case.tools or case.facts):
        raise BadInput(
            f"{where}: no relevant document.",
            fix="Name one, a fact, a result or a tool that is right, or set abstain to true.",
        )
    if case.result is not None and case.schema is None:
        raise BadInput(f"{where}: a result without a schema.", fix="Give the schema that it keeps to.")
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


def _gains(fields: Mapping[str, object], where: str) -> Mapping[str, int]:
    value = fields.get("relevant", [])
    if not isinstance(value, dict):
        return dict.fromkeys(_texts(fields, "relevant", where), 1)
    gains = cast("dict[str, object]", value)
    for path, gain in gains.items():
        if isinstance(gain, bool) or not isinstance(gain, int) or gain < 0:
            raise BadInput(
                f"{where}: the grade of {path} is not a whole number from 0.", fix="Mend that value."
            )
    return cast("dict[str, int]", gains)


def _facts(
    fields: Mapping[str, object], key: Literal["facts", "forbidden_facts"], where: str
) -> tuple[tuple[str, ...], ...]:
    value = fields.get(key, [])
    if not isinstance(value, list):
        raise BadInput(f"{where}: {key} is not a list.", fix="Give texts, or lists of spellings.")
    facts: list[tuple[str, ...]] = []
    for fact in cast("list[object]", value):
        spellings = cast("list[object]", fact if isinstance(fact, list) else [fact])
        if not spellings or not all(isinstance(s, str) and s.strip() for s in spellings):
            raise BadInput(f"{where}: a fact is not a text.", fix="Give texts, or lists of spellings.")
        facts.append(tuple(cast("list[str]", spellings)))
    return tuple(facts)


def _schema(fields: Mapping[str, Any], where: str) -> Mapping[str, Json] | None:
    value = fields.get("schema")
    if value is None:
        return None
    try:
        CheckedSchema(value)
    except BadInput as error:
        raise BadInput(f"{where}: schema: {error.public}", fix=error.fix) from error
    return cast("Mapping[str, Json]", value)


def _tools(fields: Mapping[str, object], where: str) -> tuple[ExpectedCall, ...]:
    value = fields.get("tools", [])
    calls: list[ExpectedCall] = []
    for one in cast("list[object]", value if isinstance(value, list) else [None]):
        item = cast("dict[str, object]", one if isinstance(one, dict) else {})
        tool, arguments = item.get("tool"), item.get("arguments", {})
        if not isinstance(tool, str) or not isinstance(arguments, dict) or set(item) - {"tool", "arguments"}:
            raise BadInput(
                f"{where}: tools is not a list of calls.", fix='Write [{"tool": NAME, "arguments": {...}}].'
            )
        calls.append(ExpectedCall(tool, cast("dict[str, Json]", arguments)))
    return tuple(calls)


def _weight(fields: Mapping[str, object], where: str) -> float:
    value = fields.get("weight", 1)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise BadInput(f"{where}: weight is not a number above 0.", fix="Mend that value.")
    return float(value)
