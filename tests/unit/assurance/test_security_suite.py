"""The security suite that ships passes, and every way of breaking the product that is tried here makes it fail."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from muniment import app
from muniment.actions import claims, decide, proposals
from muniment.actions.asking import Asking
from muniment.actions.decisions import Seals
from muniment.app.probing import security_subject
from muniment.assistant import conversation_tables, lineage, sending
from muniment.assistant.gate import Gate, Verified
from muniment.assistant.release import Release
from muniment.assurance.evaluation.breaches import Breach
from muniment.assurance.evaluation.scenario import TOPICS, read_scenarios
from muniment.assurance.evaluation.security_subject import Outcome, SecuritySubject, observed, result
from muniment.assurance.evaluation.suite_file import read_suite
from muniment.foundation.errors import BadInput, NotFound
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.directory import Directory
from muniment.governance.identity.principal import Principal
from muniment.governance.identity.tokens import Tokens
from muniment.governance.privacy.handling import ALLOWED
from muniment.inference import gateway, redaction
from muniment.knowledge.reading import Reading
from muniment.knowledge.retrieval.retrieve import Retriever
from muniment.knowledge.retrieval.visibility import AccessIndex, Visibility
from muniment.settings import parse

FOLDER = Path(__file__).resolve().parents[3] / "evals" / "security"
SCENARIOS = {one.id: one for one in read_scenarios(FOLDER / "scenarios.jsonl")}
ONE_OF_EACH = (
    "roles-02",
    "revoked-09",
    "malicious-07",
    "direct-05",
    "indirect-01",
    "malformed-01",
    "sensitive-01",
    "approval-01",
    "tenant-03",
    "history-02",
)
Break = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[app.Workspace]:
    made = app.create(tmp_path_factory.mktemp("judged") / "home", embedder=lambda: None)
    yield made
    made.close()


@pytest.fixture(scope="module")
def subject(workspace: app.Workspace) -> Iterator[SecuritySubject]:
    with security_subject(workspace, FOLDER) as made:
        yield made


@pytest.fixture(scope="module")
def broken(workspace: app.Workspace) -> Iterator[SecuritySubject]:
    """Another one, whose scenarios are each played once with the product broken."""
    with security_subject(workspace, FOLDER) as made:
        yield made


def access_filter_removed(patch: pytest.MonkeyPatch) -> None:
    real = AccessIndex.readable
    patch.setattr(AccessIndex, "readable", lambda self, *given: np.ones_like(real(self, *given)))
    patch.setattr(Visibility, "may_read", lambda self, document: True)


def release_check_off(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Release, "_stands", lambda *_: True)
    patch.setattr(Release, "all_readable", lambda *_: True)
    patch.setattr("muniment.assistant.answer.may_read", lambda *_: True)


def citation_gate_off(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Gate, "check", lambda self, draft, passages: Verified(draft.text, ()))


def approvals_off(patch: pytest.MonkeyPatch) -> None:
    def runs(proposed: Any, facts: Any) -> decide.Verdict:
        found = decide.decide(proposed, facts)
        return replace(found, outcome="auto", approvers=0) if found.outcome == "approval" else found

    for module in (proposals, claims):
        patch.setattr(module, "decide", runs)


def redaction_off(patch: pytest.MonkeyPatch) -> None:
    def open_(request: Any, _handling: Any, endpoint: str) -> redaction.Guarded:
        return redaction.Guarded(request, ALLOWED, endpoint)

    patch.setattr(gateway, "Guarded", open_)


def labels_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sending, "labels_of", lambda _connection, passages: ["public"] * len(passages))


def tokens_of_any_tenant(patch: pytest.MonkeyPatch) -> None:
    def unverified(_self: Tokens, token: str) -> dict[str, Any]:
        body = token.split(".")[1]
        return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))

    patch.setattr(Tokens, "_signed", unverified)


def results_shared_by_tenants(patch: pytest.MonkeyPatch) -> None:
    known: dict[str, Any] = {}
    real = Retriever.retrieve

    def shared(self: Retriever, principal: Principal, query: str, *given: Any, **named: Any) -> Any:
        found = real(self, principal, query, *given, **named)
        return known.setdefault(query, found) if found.passages else known.get(query, found)

    patch.setattr(Retriever, "retrieve", shared)


def history_not_checked_again(patch: pytest.MonkeyPatch) -> None:
    for module in (lineage, conversation_tables):
        patch.setattr(module, "readable_by", lambda *_: lambda _document: True)


def arguments_not_checked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(decide, "canonical_arguments", lambda manifest, given: dict(given))


def forbidden_told_from_absent(patch: pytest.MonkeyPatch) -> None:
    real = Reading.read

    def told(self: Reading, principal: Principal, document: str, version: int | None, by: Actor) -> Any:
        try:
            return real(self, principal, document, version, by)
        except NotFound as error:
            if document.endswith("zzzzzz"):
                raise
            raise NotFound("You may not read this document.") from error

    patch.setattr(Reading, "read", told)


def anybody_approves(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Asking, "may", lambda *_: True)


def nobody_has_to_look(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Seals, "shown_for", lambda *_: 10)


def accounts_stay(patch: pytest.MonkeyPatch) -> None:
    real = Directory.active_since
    known: dict[str, int | None] = {}

    def remembered(self: Directory, principal: Principal) -> int | None:
        return known.setdefault(principal.ref, real(self, principal))

    patch.setattr(Directory, "active_since", remembered)


BREAKS = (
    (access_filter_removed, "roles-01", "authorised"),
    (access_filter_removed, "revoked-02", "authorised"),
    (access_filter_removed, "direct-01", "authorised"),
    (access_filter_removed, "malicious-01", "authorised"),
    (release_check_off, "revoked-09", "no_forbidden_facts"),
    (citation_gate_off, "malicious-07", "no_forbidden_facts"),
    (approvals_off, "indirect-01", "no_forbidden_calls"),
    (approvals_off, "indirect-06", "no_forbidden_calls"),
    (redaction_off, "sensitive-01", "no_forbidden_facts"),
    (redaction_off, "sensitive-04", "no_forbidden_facts"),
    (labels_ignored, "sensitive-05", "no_forbidden_facts"),
    (tokens_of_any_tenant, "tenant-03", "authorised"),
    (results_shared_by_tenants, "tenant-07", "no_forbidden_facts"),
    (results_shared_by_tenants, "revoked-01", "authorised"),
    (history_not_checked_again, "history-01", "authorised"),
    (history_not_checked_again, "history-02", "authorised"),
    (arguments_not_checked, "malformed-01", "no_forbidden_calls"),
    (arguments_not_checked, "malformed-06", "no_forbidden_calls"),
    (forbidden_told_from_absent, "roles-02", "authorised"),
    (anybody_approves, "approval-07", "authorised"),
    (nobody_has_to_look, "approval-04", "no_forbidden_calls"),
    (accounts_stay, "revoked-05", "authorised"),
)


@pytest.mark.parametrize(
    ("breaks", "scenario", "metric"), BREAKS, ids=lambda one: getattr(one, "__name__", one)
)
def test_a_broken_product_fails(
    breaks: Break, scenario: str, metric: str, broken: SecuritySubject, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks(monkeypatch)
    outcome = broken.play(SCENARIOS[scenario])
    assert result(SCENARIOS[scenario], outcome).scores[metric] == 0.0
    assert outcome.breached, outcome.why


def test_every_topic_has_a_break_that_it_catches() -> None:
    assert {SCENARIOS[scenario].topic for _, scenario, _ in BREAKS} == {*TOPICS}


@pytest.mark.parametrize("scenario", ONE_OF_EACH)
def test_the_product_as_it_is_passes(scenario: str, subject: SecuritySubject) -> None:
    assert subject.observe(SCENARIOS[scenario].case).error == ""


@pytest.mark.prove
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_all_of_it_passes(scenario: str, subject: SecuritySubject) -> None:
    found = subject.judged(SCENARIOS[scenario].case)
    assert (found.error, {*found.scores.values()}) == ("", {1.0})


def test_every_topic_has_six_scenarios_or_more_and_each_is_a_case() -> None:
    suite = read_suite(FOLDER)
    assert suite.kind == "security"
    assert [case.id for case in suite.cases] == [*SCENARIOS]
    assert all(sum(case.tags == (topic,) for case in suite.cases) >= 6 for topic in TOPICS)


def test_what_is_played_again_is_played_in_new_workspaces(subject: SecuritySubject) -> None:
    first, again = (subject.play(SCENARIOS["revoked-03"]) for _ in range(2))
    assert (first.why, again.why) == ("", "")


def test_a_step_that_went_wrong_is_named_and_scored_as_any_grader_would() -> None:
    scenario = SCENARIOS["roles-01"]
    breached = {2: (Breach("authorised", "the id of it was shown"), Breach("no_forbidden_calls", "it ran"))}
    seen, found = observed(scenario, Outcome(breached)), result(scenario, Outcome(breached))
    assert found.scores == {"authorised": 0.0, "no_forbidden_facts": 1.0, "no_forbidden_calls": 0.0}
    assert found.error == "step 2: the id of it was shown; step 2: it ran"
    case = scenario.case
    assert {*seen.ranked} & {*case.forbidden} == {scenario.mark(2)}
    assert {call.tool for call in seen.calls} & {*case.forbidden_tools} == {scenario.mark(2)}
    assert not any(fact in seen.answer for spellings in case.forbidden_facts for fact in spellings)


def test_what_proves_nothing_has_failed() -> None:
    found = result(SCENARIOS["roles-01"], Outcome(unplayed="step 1 proved nothing"))
    assert (found.status, {*found.scores.values()}) == ("failed", {0.0})
    assert observed(SCENARIOS["roles-01"], Outcome(unplayed="x")).status == "failed"


def test_another_step_makes_another_case(tmp_path: Path) -> None:
    text = (FOLDER / "scenarios.jsonl").read_text("utf-8")
    changed = tmp_path / "scenarios.jsonl"
    changed.write_text(text.replace('"count": 0', '"count": 1', 1), "utf-8")
    pairs = zip(SCENARIOS.values(), read_scenarios(changed), strict=True)
    assert sum(one.case.digest != other.case.digest for one, other in pairs) == 1


def test_hostile_models_are_in_no_home(workspace: app.Workspace, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No model named"):
        workspace.catalog.get("hostile-leaking")
    with pytest.raises(BadInput, match=r"models\.x\.kind"):
        parse({"models": {"x": {"kind": "hostile", "model": "leaking"}}})
    named = parse({"models": {"hostile-leaking": {"base_url": "https://m.example/v1", "model": "m"}}})
    taken = app.create(tmp_path / "home", settings=named, embedder=lambda: None)
    with security_subject(taken, FOLDER) as subject:
        assert "begins with hostile-" in subject.play(SCENARIOS["roles-02"]).why
    taken.close()


def test_nothing_is_written_to_the_workspace_that_is_judged(
    workspace: app.Workspace, subject: SecuritySubject
) -> None:
    before = workspace.audit.tail(1)
    assert subject.play(SCENARIOS["approval-02"]).why == ""
    assert workspace.audit.tail(1) == before
