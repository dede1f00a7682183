"""Whether the figures of a suite would mean what they seem to: all that is wrong with it, each with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from muniment.assurance.evaluation.case import Case, Suite
from muniment.assurance.evaluation.commission import Commission, begin
from muniment.assurance.evaluation.suite_file import numbered, read_case, read_cases, read_suite
from muniment.assurance.evaluation.suites.case_checks import case_findings, suite_findings
from muniment.assurance.evaluation.suites.case_file import read_text
from muniment.assurance.evaluation.suites.corpus_checks import CorpusChecks
from muniment.assurance.evaluation.suites.finding import SEVERITIES, Checked, Finding
from muniment.assurance.evaluation.suites.leaks import leaks
from muniment.assurance.evaluation.suites.places import Place
from muniment.assurance.evaluation.suites.versions import record, recorded
from muniment.foundation.database import Database
from muniment.foundation.errors import BadInput, MunimentError
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.directory import Directory
from muniment.governance.policy.decide import Policy
from muniment.governance.policy.gate import Gate

HALVES = {"tuning": "test", "test": "tuning"}


def check(
    place: Place,
    commission: Commission,
    *,
    database: Database,
    policy: Policy,
    gate: Gate,
    audit: AuditLog,
    directory: Directory,
    tools: frozenset[str],
    keep: bool = False,
) -> Checked:
    """Look through a suite, reading documents as its askers; with `keep`, record the digest of its version.

    Raises NotPermitted where policy does not let whoever asks run the suite. Without a stated reason it is recorded
    as a check.
    """
    found: list[Finding] = []
    cases = _read(place, found)
    suite = _suite(place, found)
    asked = suite or Suite(place.name, tuple(cases.values()))
    why = commission.reason or asked.reason or "To check the suite"
    begin(Commission(why, commission.by, commission.who), "check", asked, database, gate, audit)
    found += case_findings(cases)
    checks = CorpusChecks(
        database=database, policy=policy, directory=directory, tools=tools, who=commission.who
    )
    found += checks.findings(cases)
    found += _leaks(place, cases)
    if suite is not None:
        found += [*suite_findings(suite), *_version(place, suite, keep)]
    ranked = sorted(found, key=lambda one: (SEVERITIES.index(one.severity), one.line))
    count = len(cases) or (len(suite.cases) if suite else 0)
    return Checked(asked.name, asked.version, suite.digest if suite else "", count, tuple(ranked))


def _read(place: Place, found: list[Finding]) -> Mapping[int, Case]:
    """Return the cases that can be read, by line; what cannot is found wrong."""
    cases: dict[int, Case] = {}
    seen: dict[str, int] = {}
    for line, text in numbered(read_text(place.cases)):
        try:
            case = read_case(text, f"line {line}")
        except BadInput as error:
            found.append(Finding("error", error.public, error.fix, line=line))
            continue
        if case.id in seen:
            what = f"Line {seen[case.id]} has the same id."
            found.append(Finding("error", what, "Give each case its own id.", case.id, line))
        seen.setdefault(case.id, line)
        cases[line] = case
    return cases


def _suite(place: Place, found: list[Finding]) -> Suite | None:
    try:
        return read_suite(place.path)
    except BadInput as error:
        # What is wrong with a line was found with its line.
        if not any(one.severity == "error" for one in found):
            found.append(Finding("error", error.public, error.fix))
        return None


def _leaks(place: Place, cases: Mapping[int, Case]) -> Iterator[Finding]:
    """Yield what a half tells of the other, where the suite is a half whose other lies beside it."""
    stem, _, half = place.name.rpartition("-")
    beside = HALVES.get(half)
    if not stem or beside is None:
        return
    other = place.path.with_name(f"{stem}-{beside}")
    try:
        others = read_cases(Place(other, place.kind).cases) if other.exists() else ()
    except MunimentError as error:
        yield Finding("error", f"The other half cannot be read: {error}")
        return
    yield from leaks(cases, others, other.name)


def _version(place: Place, suite: Suite, keep: bool) -> Iterator[Finding]:
    same = record(place, suite) if keep else recorded(place).get(suite.version, suite.digest) == suite.digest
    if not same:
        yield Finding(
            "warning",
            f"It has changed since version {suite.version} was recorded.",
            f"Write version = {suite.version + 1} in suite.toml, so that figures of both are told apart.",
        )
    elif suite.version not in recorded(place) and place.kind != "shipped":
        yield Finding(
            "note",
            f"No digest is recorded of version {suite.version}.",
            "Give --record once its cases are as you want them.",
        )
