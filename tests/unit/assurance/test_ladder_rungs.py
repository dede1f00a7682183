"""The rungs of a ladder: each asks as the asker, changes nothing, and says what it lacks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from tests.simulators.acme_company import ACME, APPROVERS, Company, acme_company
from tests.simulators.openai_server import Simulator, serving
from tests.simulators.task_server import TaskServer

from benchmarks.task_minds import middling
from muniment import app
from muniment.app import Workspace
from muniment.app.laddered import laddered, putting
from muniment.assurance.evaluation.case import Case, ExpectedCall, Suite
from muniment.assurance.evaluation.commission import Commission
from muniment.assurance.evaluation.observation import Observation
from muniment.assurance.evaluation.suite_file import read_suite
from muniment.assurance.release.ladder import tell
from muniment.assurance.release.ladder.ladder import Ladder, climb
from muniment.assurance.release.ladder.models import compare, labels_of
from muniment.assurance.release.ladder.plan import planned
from muniment.assurance.release.ladder.rung import NAMES, Rung
from muniment.assurance.release.ladder.rungs import NO_MODEL, NO_RERANKER, NO_TOOLS, chosen, rungs_of
from muniment.foundation.errors import BadInput
from muniment.governance.identity.principal import OPERATOR, Principal
from muniment.settings import parse

EVALS = Path(__file__).resolve().parents[3] / "evals"
WHY = Commission("for the test", OPERATOR)
SECRET = "The spare valve costs EUR 17 and lies in the red cupboard."
DIRECTORY = """
[users.alice]
groups = ["engineering"]
[users.bob]
[groups.engineering]
"""
FORM = {
    "type": "object",
    "additionalProperties": False,
    "required": ["class"],
    "properties": {"class": {"enum": ["billing", "defect", "other"]}},
}


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with serving(middling, wire=TaskServer) as running:
        yield running


@pytest.fixture(autouse=True)
def model(server: Simulator) -> Simulator:
    """The model as each test finds it: at work, and asked nothing yet."""
    server.mind, server.fault = middling, ""
    server.bodies.clear()
    return server


@pytest.fixture(scope="module")
def workspace(server: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace whose engineers may use a model, and read one document."""
    base = tmp_path_factory.mktemp("small")
    settings = {
        "models": {
            "helper": {
                "base_url": server.url,
                "model": "m",
                "allowed_groups": ["group:engineering"],
                "prompt_price": 2.0,
                "max_sensitivity": "internal",
            },
            "public": {"base_url": server.url, "model": "p", "max_sensitivity": "public"},
            "mine": {"kind": "local", "model": "qwen2.5-coder-0.5b"},
        },
    }
    folder = base / "papers"
    folder.mkdir()
    (base / "directory.toml").write_text(DIRECTORY)
    (folder / "access.toml").write_text('allow = ["group:engineering"]\nsensitivity = "internal"\n')
    (folder / "valve.md").write_text(f"# Spare parts\n\n{SECRET}\n")
    with closing(app.create(base / "home", embedder=lambda: None, settings=parse(settings))) as made:
        made.directory.import_file(base / "directory.toml", OPERATOR)
        made.ingest(folder, "papers")
        yield made


def suite(*cases: Case, **targets: float) -> Suite:
    return Suite("small", cases, targets or {"all_facts": 0.9}, reason="for the test")


def valve(asker: str = "alice") -> Case:
    return Case("v", asker, "What does the spare valve cost?", gains={"valve.md": 1}, facts=(("EUR 17",),))


def rung(workspace: Workspace, name: str, found: Suite, model: str | None = "helper") -> Rung:
    return next(one for one in rungs_of(laddered(workspace), found, OPERATOR, model) if one.name == name)


def seen(workspace: Workspace, name: str, case: Case) -> Observation:
    subject = rung(workspace, name, suite(case)).subject
    assert subject is not None
    return subject.observe(case)


def climbed(workspace: Workspace, found: Suite, names: tuple[str, ...], limit: int | None = None) -> Ladder:
    ways = rungs_of(laddered(workspace), found, OPERATOR, "helper")
    return climb(found, chosen(ways, names), putting(workspace, WHY), limit)


def test_what_a_rung_lacks_is_said_and_no_rung_is_left_out(workspace: Workspace) -> None:
    found = suite(valve())
    without = {one.name: one for one in rungs_of(laddered(workspace), found, OPERATOR)}
    assert tuple(without) == NAMES
    assert [name for name, one in without.items() if one.subject is not None] == ["quotes"]
    assert without["prompt"].missing == without["tools"].missing == NO_MODEL
    assert "--tuned" in without["tuned"].missing
    ready = {one.name: one for one in rungs_of(laddered(workspace), found, OPERATOR, "helper", "helper")}
    assert {name for name, one in ready.items() if one.missing} == {"reranked", "tools"}
    assert ready["reranked"].missing == NO_RERANKER and ready["tools"].missing == NO_TOOLS
    privacy = ready["prompt"].privacy
    assert privacy is not None and (privacy.hosting, privacy.most_sensitive) == (
        "self-managed",
        "internal",
    )
    assert "network" in ready["retrieval"].needs and ready["quotes"].needs == ("documents",)
    with pytest.raises(BadInput, match="No model named"):
        rungs_of(laddered(workspace), found, OPERATOR, "gone")
    with pytest.raises(BadInput, match="no rung"):
        chosen(tuple(ready.values()), ["quotas"])


def test_a_model_alone_is_sent_no_document_and_makes_things_up(
    workspace: Workspace, model: Simulator
) -> None:
    for name in ("prompt", "structured"):
        answer = seen(workspace, name, valve())
        assert answer.status == "answered" and "EUR 17" not in answer.answer and answer.cost > 0
    sent = b"".join(model.bodies)
    assert b"spare valve" in sent and b"red cupboard" not in sent
    calls = workspace.audit.query("model.call", limit=9)
    assert {one.about["principal"] for one in calls} == {"user:alice"}
    assert {one.actor for one in calls} == {OPERATOR.ref}


def test_each_rung_asks_with_the_rights_of_its_asker(workspace: Workspace, model: Simulator) -> None:
    for name in ("prompt", "structured", "retrieval"):
        refused = seen(workspace, name, valve("bob"))
        assert refused.status == "refused" and "may not use the model" in refused.error
    assert model.bodies == []
    assert seen(workspace, "quotes", valve("bob")).status == "abstained"
    answer = seen(workspace, "quotes", valve())
    assert answer.status == "answered" and answer.cited == ("valve.md",)
    assert seen(workspace, "retrieval", valve()).claims[0].quotes[0].quote == SECRET
    unknown = seen(workspace, "quotes", valve("nobody"))
    assert unknown.status in ("refused", "failed") and unknown.error


def test_a_form_is_kept_to_only_where_the_model_is_held_to_it(workspace: Workspace) -> None:
    text = "Is it billing, defect, high, low, normal or other? Message: The pump is broken."
    case = Case("f", "alice", text, schema=FORM, result={"class": "defect"})
    assert seen(workspace, "structured", case).result == {"class": "defect"}
    said = seen(workspace, "prompt", case)
    assert said.result is None and "defect" in said.answer
    assert seen(workspace, "quotes", case).result is None


def test_a_model_that_does_not_know_abstains(workspace: Workspace, model: Simulator) -> None:
    model.mind = lambda prompt: json.dumps({"known": False, "answer": "perhaps"})
    assert seen(workspace, "structured", valve()).status == "abstained"
    model.mind = lambda prompt: "I do not know."
    assert seen(workspace, "prompt", valve()).status == "abstained"
    model.mind = lambda prompt: "{ this is no JSON"
    assert seen(workspace, "structured", valve()).status == "abstained"


def test_an_earlier_question_is_told_to_every_rung(workspace: Workspace, model: Simulator) -> None:
    case = Case("e", "alice", "And what does it cost?", ("Where is the spare valve?",), facts=(("EUR 17",),))
    assert seen(workspace, "quotes", case).status == "answered"
    seen(workspace, "prompt", case)
    assert b"Where is the spare valve?" in model.bodies[-1]


def test_what_fails_is_an_observation_that_says_why(workspace: Workspace, model: Simulator) -> None:
    model.fault = "500"
    made = climbed(workspace, suite(valve()), ("prompt", "quotes"))
    figures = made.rungs[0].figures
    assert figures is not None and figures.failed == 1 and "unavailable" in figures.failure
    assert made.recommendation.name == "quotes"


def test_the_ladder_says_what_is_enough_and_what_was_not_tried(workspace: Workspace) -> None:
    made = climbed(workspace, suite(valve()), ("structured", "quotes", "retrieval", "reranked"))
    assert made.recommendation.name == "quotes"
    lines = tell.said(made)
    assert lines[0].startswith("Enough: retrieval with quotes")
    assert any("cannot be told from" in line and "1 case" in line for line in lines)
    assert any("Retrieval with a model cannot be told apart" in line for line in lines)
    assert "prompt alone" in lines[-1]
    points = {point["name"]: point for point in tell.points(made)}
    assert set(points) == {"prompt with structured output", "retrieval with quotes", "retrieval with a model"}
    assert points["retrieval with a model"]["cost"] > points["retrieval with quotes"]["cost"] == 0.0
    told = tell.as_json(made)
    assert json.dumps(told) and [one["available"] for one in told["rungs"]] == [True, True, True, False]
    none = climbed(workspace, suite(valve()), ("structured",))
    assert tell.said(none)[0].startswith(
        "None is enough. Nearest: prompt with structured output, which misses"
    )


def test_a_suite_without_targets_is_refused_before_anything_is_asked(
    workspace: Workspace, model: Simulator
) -> None:
    with pytest.raises(BadInput, match="targets"):
        climb(Suite("small", (valve(),)), (), putting(workspace, WHY))


def test_a_plan_asks_nothing_and_says_where_words_would_go(workspace: Workspace, model: Simulator) -> None:
    found = suite(valve())
    plan = {one.rung: one for one in planned(found, rungs_of(laddered(workspace), found, OPERATOR, "helper"))}
    assert plan["prompt"].calls == 1 and plan["prompt"].cost > 0 and plan["prompt"].place in model.url
    assert plan["retrieval"].prompt_tokens > plan["prompt"].prompt_tokens
    assert plan["quotes"].calls == 0 and plan["quotes"].place == "this machine"
    assert plan["tools"].calls == 0 and plan["tools"].missing == NO_TOOLS
    assert model.bodies == []


def test_models_are_compared_and_one_that_may_not_be_sent_the_documents_is_not_taken(
    workspace: Workspace,
) -> None:
    found = suite(valve())
    assert labels_of(laddered(workspace), found) == {"internal"}
    made = compare(
        laddered(workspace), found, ["helper", "quotes", "public"], OPERATOR, putting(workspace, WHY)
    )
    by_name = {one.endpoint.name: one for one in made.models}
    assert by_name["public"].too_sensitive == ("internal",)
    assert made.recommended == "quotes" and set(made.best) == {"helper", "quotes"}
    assert ("helper", "quotes") in made.alike
    with pytest.raises(BadInput, match="No model named"):
        compare(laddered(workspace), found, ["gone"], OPERATOR, putting(workspace, WHY))


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """The sample company at work, with its policies."""
    with acme_company(tmp_path_factory.mktemp("company"), wire=TaskServer) as made:
        made.server.mind = middling
        made.workspace.ingest(ACME / "documents" / "people" / "policies", "acme")
        yield made


REFUND = Case(
    "r",
    "bob",
    "Refund EUR 75.00 of order M-1003, because one bracket arrived bent.",
    tools=(ExpectedCall("refund_order", {"order": "M-1003", "amount": "75.00"}),),
)


def test_what_the_agent_would_do_is_seen_and_nothing_is_done_or_waits(company: Company) -> None:
    answer = seen(company.workspace, "tools", REFUND)
    assert answer.status == "answered" and len(answer.calls) == 1
    call = answer.calls[0]
    assert (call.tool, call.outcome, call.arguments["amount"]) == ("refund_order", "proposed", "75.00")
    told = json.loads(company.server.prompts[-1])["user"]
    assert "It waits for a person." in told
    assert company.tools.done == [] and company.systems.effects() == []
    assert not company.workspace.actions.any_of(Principal("user", "bob"))
    assert all(company.workspace.approvals.inbox(Principal("user", one)) == [] for one in APPROVERS)


def test_what_would_run_by_itself_is_not_run_either(company: Company) -> None:
    arguments = {"to": ["x@post.example"], "subject": "s", "body": "b"}
    draft = json.dumps({"move": "propose", "tool": "draft_mail", "arguments": arguments})
    moves = iter([draft, '{"move": "answer", "text": "done"}'])
    company.server.mind = lambda prompt: next(moves)
    answer = seen(company.workspace, "tools", Case("d", "bob", "Draft a mail.", tools=(ExpectedCall("x"),)))
    company.server.mind = middling
    assert [(one.tool, one.outcome) for one in answer.calls] == [("draft_mail", "proposed")]
    assert company.tools.done == [] and company.systems.effects() == []


def test_reads_are_made_with_the_rights_of_the_asker(company: Company) -> None:
    def look(who: str) -> Observation:
        case = Case("l", who, "What is the total of order M-1003?", facts=(("171.00",),))
        return seen(company.workspace, "tools", case)

    answer = look("bob")
    assert "171.00" in answer.answer and [one.outcome for one in answer.calls] == ["ran"]
    # Dave sees the orders of his own customers only, says the system of record.
    refused = look("dave")
    assert "171.00" not in refused.answer and [one.outcome for one in refused.calls] == ["refused"]
    # Judy has no tool for orders: a call of one is not hers to make.
    assert [one for one in look("judy").calls if one.outcome == "ran" and "order" in one.tool] == []


@pytest.mark.parametrize(
    ("name", "right", "names", "limit"),
    [
        ("classification", "structured", ("prompt", "structured"), 3),
        ("policy-questions", "quotes", ("structured", "quotes"), 5),
        ("orders", "tools", ("quotes", "tools"), 3),
    ],
)
def test_the_right_rung_is_chosen_for_each_set_of_tasks(
    company: Company, name: str, right: str, names: tuple[str, ...], limit: int
) -> None:
    found = read_suite(EVALS / name)
    if name == "policy-questions":
        known = [case for case in found.cases if case.abstain or "people" in case.tags]
        found = Suite(found.name, tuple(known), found.targets, found.reason)
    assert climbed(company.workspace, found, names, limit).recommendation.name == right


class ByWord:
    """A reranker that knows one word."""

    name = "by-word@1"
    side_by_side = 8

    def __init__(self, word: str) -> None:
        self._word = word
        self.asked = 0

    def score(self, query: str, texts: Sequence[str]) -> np.ndarray:
        self.asked += 1
        return np.array([float(self._word in text) * 9 for text in texts], np.float32)


def test_the_rung_with_reranking_takes_the_order_of_both_opinions(
    workspace: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "access.toml").write_text('allow = ["group:engineering"]\n')
    for name, text in {
        "a": "The pump is painted blue. The pump stands in hall one, and the pump hums.",
        "b": "The pump is painted green in the yard.",
        "c": "A loud pump wakes everybody who works at night in the other building.",
    }.items():
        (tmp_path / f"{name}.md").write_text(f"# Paper {name}\n\n{text}\n")
    workspace.ingest(tmp_path, "paint")
    case = Case("p", "alice", "How is the pump painted in hall one?", gains={"b.md": 1})
    without = seen(workspace, "retrieval", case)
    reranker = workspace.cross_encoder = ByWord("green")
    try:
        found = seen(workspace, "reranked", case)
        way = rung(workspace, "reranked", suite(case)).subject
        assert way is not None and "by-word@1" in str(way.lineage["reranker"])
        asked = reranker.asked
        assert asked > 0 and "rerank" in found.stages and "rerank" not in without.stages
        assert without.ranked[0] == "a.md" and found.ranked[0] == "b.md"
        seen(workspace, "retrieval", case)
        assert reranker.asked == asked
    finally:
        del workspace.cross_encoder


def test_what_a_model_said_before_its_task_stopped_is_not_kept_as_the_reason(company: Company) -> None:
    company.server.mind = lambda prompt: "The key lies under the mat."
    answer = seen(company.workspace, "tools", Case("n", "bob", "Do it.", tools=(ExpectedCall("x"),)))
    company.server.mind = middling
    assert answer.status == "failed" and answer.error == "The task ended stopped."
