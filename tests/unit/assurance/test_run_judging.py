"""A stored run before a judge: no score without agreement with people, and only what the askers may read now."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.conftest import DIRECTORY
from tests.simulators.openai_server import Simulator, passages_of, serving
from tests.simulators.stored_runs import asked

from muniment.app import Workspace, create
from muniment.app.judging import run_judging
from muniment.assurance.evaluation.case import Case
from muniment.assurance.evaluation.judging.run_judging import Hearing, Order
from muniment.assurance.evaluation.results import Run
from muniment.foundation.errors import BadInput, NotFound, Unavailable
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import OPERATOR
from muniment.settings import parse

WORDS = [
    f"{first}{last}"
    for first in ("amber", "cedar", "fjord", "heron", "otter", "plover", "quartz")
    for last in ("bay", "dale", "fell", "gate", "holm", "mere", "side", "wick")
][:51]


def even(text: str) -> bool:
    return int(re.findall(r"\d+", text)[-1]) % 2 == 0


def by_number(prompt: str) -> str:
    """Find proved what ends in an even number, and better what does."""
    texts = [text for _, text in passages_of(prompt)]
    if len(texts) == 1:
        return json.dumps({"supported": even(prompt.rpartition("Claim:")[2])})
    return json.dumps({"better": "first" if even(texts[0]) else "second"})


@dataclass
class Court:
    workspace: Workspace
    server: Simulator
    run: Run

    def hear(self, model: str = "judge", pair: str = "", **given: object) -> Hearing:
        order = Order(self.run.id, model, "to see how it goes", OPERATOR, pair=pair)
        return run_judging(self.workspace).hear(order, **given)  # type: ignore[arg-type]

    def labels(self, hearing: Hearing, count: int, turned: bool = False) -> dict[str, str]:
        """What people would say of the first statements."""
        claims = {
            one.name: even(str(one.ask.args[2].text))  # type: ignore[attr-defined]
            for one in hearing.docket.items
        }
        return {
            name: "supported" if said is not turned else "unsupported"
            for name, said in list(claims.items())[:count]
        }


@pytest.fixture(scope="module")
def court(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Court]:
    base = tmp_path_factory.mktemp("court")
    (base / "papers").mkdir()
    (base / "papers" / "access.toml").write_text('allow = ["group:everyone"]\nsensitivity = "internal"\n')
    for at, word in enumerate(WORDS):
        (base / "papers" / f"{word}.md").write_text(f"The {word} costs exactly {1000 + at} crowns.\n")
    (base / "people.toml").write_text(DIRECTORY)
    with serving(by_number) as server, serving(fault="401") as closed:
        about = {"model": "m", "max_sensitivity": "any", "prompt_price": 2.0}
        models = {
            "judge": {**about, "base_url": server.url},
            "closed": {**about, "base_url": closed.url},
            "low": {**about, "base_url": server.url, "max_sensitivity": "public"},
        }
        workspace = create(base / "home", settings=parse({"models": models}), embedder=lambda: None)
        workspace.directory.import_file(base / "people.toml", OPERATOR)
        workspace.ingest(base / "papers", "papers")
        cases = [Case(f"c{at}", "alice", f"What does the {word} cost?") for at, word in enumerate(WORDS)]
        yield Court(workspace, server, asked(workspace, *cases))
        workspace.close()


def entries(court: Court, kind: str) -> list[dict[str, object]]:
    return [dict(one.about) for one in court.workspace.audit.since("", [kind])]


def test_a_judge_that_agrees_with_people_gives_a_score_with_its_cases_and_interval(court: Court) -> None:
    hearing = court.hear()
    labels = court.labels(hearing, 50)
    found = run_judging(court.workspace).judge(hearing, labels)
    assert found.agreement.kappa == 1 and found.agreement.labels == 50
    assert found.score is not None and found.score.n == len(WORDS) and found.score.low < found.score.mean
    assert found.judged == len(hearing.docket.items) and found.tally["supported"] > 0
    assert hearing.spent.usage.prompt_tokens > 0 and hearing.spent.usage.cost > 0
    last = entries(court, "judging.finished")[-1]
    assert last["run"] == court.run.id and last["cost"] == hearing.spent.usage.cost
    assert not any(word in json.dumps(entries(court, "judging.finished")) for word in WORDS)


@pytest.mark.parametrize(("count", "turned"), [(0, False), (9, False), (9, True)])
def test_without_agreement_nothing_but_what_is_labelled_is_put_to_the_judge(
    court: Court, count: int, turned: bool
) -> None:
    hearing = court.hear()
    before = len(court.server.bodies)
    found = run_judging(court.workspace).judge(hearing, court.labels(hearing, count, turned))
    assert found.score is None and found.tally == {} and "left out" in found.note
    assert found.agreement.labels == len(court.server.bodies) - before == count


def test_a_plan_sends_nothing_and_names_each_thing_to_label(court: Court) -> None:
    before = len(court.server.bodies)
    hearing = court.hear(plan=True)
    assert hearing.calls == len(court.labels(hearing, 99)) >= 50 and hearing.planned().cost > 0
    assert len(court.server.bodies) == before and entries(court, "judging.started")[-1]["plan"] is True


def test_the_answers_are_read_as_their_askers_on_record(court: Court) -> None:
    court.hear()
    read = entries(court, "lineage.read")[-1]
    assert (read["principal"], read["effect"]) == ("user:alice", "allow")


def test_what_the_judge_may_not_be_sent_is_left_out_and_counted(court: Court) -> None:
    hearing = court.hear("low")
    before = len(court.server.bodies)
    found = run_judging(court.workspace).judge(hearing, court.labels(hearing, 50))
    assert (found.left_out, found.judged, found.score) == (50, 0, None)
    assert len(court.server.bodies) == before


def test_a_judge_that_cannot_be_reached_judges_nothing_and_that_is_on_record(court: Court) -> None:
    hearing = court.hear("closed")
    with pytest.raises(Unavailable):
        run_judging(court.workspace).judge(hearing, court.labels(hearing, 50))
    assert entries(court, "judging.failed")[-1]["model"] == "closed"


def test_two_runs_are_judged_pair_by_pair_and_equal_answers_cost_nothing(court: Court) -> None:
    before = len(court.server.bodies)
    hearing = court.hear(pair=court.run.id)
    assert hearing.calls == 0 and len(hearing.docket.items) == len(WORDS)
    found = run_judging(court.workspace).judge(hearing, {})
    assert found.score is None and len(court.server.bodies) == before


def test_it_needs_a_reason_a_language_model_and_the_leave_to_run_the_suite(court: Court) -> None:
    judging = run_judging(court.workspace)
    with pytest.raises(BadInput):
        judging.hear(Order(court.run.id, "judge", " ", OPERATOR))
    with pytest.raises(BadInput, match="quotes judges nothing"):
        court.hear("quotes")
    carol = court.workspace.principal("carol")
    read = len(entries(court, "lineage.read"))
    with pytest.raises(NotFound):
        judging.hear(Order(court.run.id, "judge", "curious", Actor(carol.ref, "cli"), carol))
    assert len(entries(court, "lineage.read")) == read


def test_answers_that_their_asker_may_no_longer_read_are_not_judged(court: Court, tmp_path: Path) -> None:
    papers = tmp_path / "papers"
    papers.mkdir()
    (papers / "access.toml").write_text('allow = ["user:bob"]\n')
    (papers / "secret.md").write_text("The zeppelin costs exactly 4000 crowns.\n")
    court.workspace.ingest(papers, "sealed")
    run = asked(court.workspace, Case("z", "bob", "What does the zeppelin cost?"), suite="sealed")
    (papers / "access.toml").write_text('allow = ["user:carol"]\n')
    court.workspace.ingest(papers, "sealed")
    hearing = run_judging(court.workspace).hear(Order(run.id, "judge", "to see", OPERATOR))
    assert (hearing.docket.items, hearing.docket.left_out) == ((), 1)
