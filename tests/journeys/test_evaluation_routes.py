"""Runs of suites over HTTP: what whoever may run them reads, and what all others are told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.simulators.stored_runs import asked
from tests.simulators.web_client import api_key, bearer, client

from muniment.app import Workspace
from muniment.assurance.evaluation.case import Case
from muniment.governance.identity.principal import OPERATOR

ONCALL = "engineering/oncall.md"
CASES = tuple(
    Case(
        f"c{at}",
        who,
        "How much is the on-call engineer paid for each weekend?",
        gains={ONCALL: 1},
        tags=(who,),
    )
    for at, who in enumerate(("alice", "alice", "carol"))
)


@pytest.fixture
def company(make_workspace: Callable[..., Workspace], folder: Path) -> Workspace:
    made = make_workspace()
    made.ingest(folder, "docs")
    made.roles.grant("evaluator", "user:bob", "runs suites", OPERATOR)
    made.roles.grant("evaluator", "service:helpdesk", "watches suites", OPERATOR)
    return made


def get(workspace: Workspace, path: str, who: str = "bob") -> Any:
    return client(workspace).get(f"/v1/evaluations{path}", headers=bearer(workspace, who))


def test_an_evaluator_reads_figures_with_their_cases_and_intervals(company: Workspace) -> None:
    run = asked(company, *CASES)
    [listed] = get(company, "").json()["runs"]
    assert (listed["id"], listed["cases"], listed["results"]) == (run.id, 3, 3)
    read = get(company, f"/{run.id}").json()
    found = {one["metric"]: one for one in read["metrics"]}["recall@5"]
    assert found["n"] == 3 and found["low"] < found["mean"] < found["high"]
    assert {one["tag"] for one in read["slices"]} == {"alice", "carol"} and read["breaches"] == []
    assert read["complete"] and [one["case"] for one in read["results"]] == ["c0", "c1", "c2"]
    assert company.audit.last_of("evaluation.shown").about["run"] == run.id  # type: ignore[union-attr]


def test_it_names_no_document_that_its_reader_may_not_read_and_no_word_of_an_answer(
    company: Workspace,
) -> None:
    run = asked(company, *CASES)
    told = get(company, f"/{run.id}")
    assert "oncall.md" not in told.text and "300 crowns" not in told.text
    assert (
        told.json()["left_out"] == sum(one["detail"].get("left_out", 0) for one in told.json()["results"]) > 0
    )


def test_two_runs_are_compared_over_the_cases_that_both_have(company: Workspace) -> None:
    before, after = asked(company, *CASES[:2]), asked(company, *CASES)
    found = get(company, f"/{after.id}/comparison?baseline={before.id}").json()
    assert (found["baseline"], found["common"], found["only_candidate"]) == (before.id, 2, 1)
    assert {one["verdict"] for one in found["metrics"]} == {"cannot be told apart"}
    shown = company.audit.query(kind="evaluation.shown")
    assert {one.about["run"] for one in shown} == {before.id, after.id}


def test_a_run_that_may_not_be_read_answers_like_one_that_is_not(company: Workspace) -> None:
    run = asked(company, *CASES).id
    paths = ("/{}", "/{}/comparison?baseline=" + run, "/" + run + "/comparison?baseline={}")
    for path in paths:
        for who in ("carol", "alice"):
            there, absent = (get(company, path.format(one), who) for one in (run, "eval_x"))
            assert there.status_code == absent.status_code == 404
            assert there.content == absent.content
    assert get(company, "", "carol").status_code == 403
    assert get(company, "/eval_x").content == get(company, f"/{run}", "carol").content


def test_a_key_reads_runs_with_the_scope_and_the_role_and_no_less(company: Workspace) -> None:
    run = asked(company, *CASES).id
    http, path = client(company), f"/v1/evaluations/{run}"

    def status(scope: str) -> int:
        key = {"authorization": f"Bearer {api_key(company, scope)}"}
        return int(http.get(path, headers=key).status_code)

    assert (status("evaluations"), status("answers")) == (200, 403)
    company.roles.revoke("evaluator", "service:helpdesk", "no longer", OPERATOR)
    assert status("evaluations") == 404


def test_lists_go_on_behind_a_run(company: Workspace) -> None:
    made = [asked(company, CASES[0], suite=f"s{at}").id for at in range(3)]
    first = get(company, "?limit=2").json()
    then = get(company, f"?limit=2&after={first['after']}").json()
    assert sorted(one["id"] for one in first["runs"] + then["runs"]) == sorted(made) and then["after"] == ""
    assert get(company, "?after=eval_x").status_code == 404
    assert get(company, "?limit=0").status_code == 422
