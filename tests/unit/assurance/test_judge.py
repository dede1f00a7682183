"""A model as judge reads only what the asker may, is not swayed by places, and never passes what it did not say."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.simulators.openai_server import Simulator, passages_of, serving

from muniment.assurance.evaluation.judging.judge import For, Judge
from muniment.assurance.evaluation.judging.judged import (
    NO_ANSWER,
    pair_item,
    shown,
    statement_item,
    turned,
)
from muniment.assurance.evaluation.observation import Observation, SeenClaim, SeenQuote
from muniment.foundation.errors import BadInput, Denied
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import OPERATOR
from muniment.settings import parse

PAY = SeenQuote("open/pay.md", 1, "A week on call is paid EUR 310.", stands=True)
GOOD = Observation("answered", "x", (SeenClaim("It is EUR 310 a week.", (PAY,)),), endpoint="gpt-next")
BAD = Observation(
    "answered", "x", (SeenClaim("It is paid for every week.", (PAY,)),), endpoint="old-faithful"
)
QUESTION = "What is a week on call paid?"


def telling_pay(prompt: str) -> str:
    """Prefer the answer that names the pay; find supported what does."""
    texts = [text for _, text in passages_of(prompt)]
    if len(texts) == 1:
        return json.dumps({"supported": "310" in prompt.rpartition("Claim:")[2]})
    return json.dumps(
        {"better": ["first", "second"]["310" in texts[1]] if "310" in "".join(texts) else "tie"}
    )


class Court:
    """A workspace with a model that judges."""

    def __init__(self, workspace: Any, server: Simulator, model: str = "judge") -> None:
        self.workspace = workspace
        self.server = server
        self.judge = Judge(
            database=workspace.database,
            policy=workspace.policy,
            gateway=workspace.gateway,
            live=workspace.prompts.live,
            ids=workspace.ids,
            model=model,
        )
        self.alice = For(workspace.principal("alice"), Actor("operator", "test"))

    def prefers(self, one: Observation, other: Observation) -> str | None:
        return self.judge.prefers(self.alice, QUESTION, shown(one), shown(other))


@pytest.fixture
def open_court(make_workspace: Callable[..., Any], tmp_path: Path) -> Iterator[Callable[..., Court]]:
    servers: list[Any] = []

    def make(mind: Callable[[str], str] = telling_pay, name: str = "judge", **about: Any) -> Court:
        context = serving(mind)
        server = context.__enter__()
        servers.append(context)
        model = {"base_url": server.url, "model": "m", "max_sensitivity": "any"}
        other = {**model, "model": "other"}
        workspace = make_workspace(settings=parse({"models": {"judge": {**model, **about}, "other": other}}))
        for folder, label in (("open", "internal"), ("sealed", "restricted")):
            place = tmp_path / "documents" / folder
            place.mkdir(parents=True)
            manifest = f'allow = ["user:alice", "user:bob"]\nsensitivity = "{label}"\n'
            (place / "access.toml").write_text(manifest)
            (place / "pay.md").write_text("A week on call is paid EUR 310.\n")
        workspace.ingest(tmp_path / "documents", "notes")
        return Court(workspace, server, name)

    yield make
    for context in servers:
        context.__exit__(None, None, None)


def test_the_better_answer_is_found_in_either_place(open_court: Callable[..., Court]) -> None:
    court = open_court()
    assert court.prefers(GOOD, BAD) == "first"
    assert court.prefers(BAD, GOOD) == "second"
    assert len(court.server.prompts) == 4


@pytest.mark.parametrize("place", ["first", "second"])
def test_a_judge_that_goes_by_the_place_finds_neither_better(
    open_court: Callable[..., Court], place: str
) -> None:
    court = open_court(lambda prompt: json.dumps({"better": place}))
    assert court.prefers(GOOD, BAD) == court.prefers(BAD, GOOD) == "tie"


def test_it_is_shown_words_and_nothing_of_who_wrote_them(open_court: Callable[..., Court]) -> None:
    court = open_court()
    court.prefers(GOOD, BAD)
    court.prefers(GOOD, Observation("abstained", "old-faithful cannot say."))
    sent = b"".join(court.server.bodies)
    assert b"gpt-next" not in sent and b"old-faithful" not in sent
    assert [text for _, text in passages_of(court.server.prompts[-1])] == [NO_ANSWER, "It is EUR 310 a week."]


def test_equal_answers_cost_no_call(open_court: Callable[..., Court]) -> None:
    court = open_court()
    assert court.prefers(GOOD, GOOD) == "tie"
    assert court.server.bodies == []


@pytest.mark.parametrize(
    "said", ["", "first", '{"better": "both"}', '{"better": 1}', '{"supported": "yes"}', "[1]"]
)
def test_what_is_no_verdict_is_none_and_neither_a_tie_nor_a_pass(
    open_court: Callable[..., Court], said: str
) -> None:
    court = open_court(lambda prompt: said)
    assert court.prefers(GOOD, BAD) is None
    assert court.judge.supports(court.alice, GOOD.claims[0]) is None


def test_the_verdict_of_a_model_that_stood_in_does_not_count(open_court: Callable[..., Court]) -> None:
    with serving(fault="401") as closed:
        court = open_court(base_url=closed.url, fallbacks=["other"])
        assert court.prefers(GOOD, BAD) is None
    assert court.server.prompts


def test_a_statement_is_supported_where_the_judge_says_so_of_quotes_that_stand(
    open_court: Callable[..., Court],
) -> None:
    court = open_court()
    assert court.judge.supports(court.alice, GOOD.claims[0]) is True
    assert court.judge.supports(court.alice, BAD.claims[0]) is False
    asked = len(court.server.bodies)
    false = SeenQuote(PAY.path, 1, "It is EUR 310.", stands=False)
    assert court.judge.supports(court.alice, SeenClaim("It is EUR 310.", (PAY, false))) is False
    assert court.judge.supports(court.alice, SeenClaim("It is EUR 310.")) is False
    assert len(court.server.bodies) == asked


def test_what_the_asker_may_not_read_any_more_is_not_sent(open_court: Callable[..., Court]) -> None:
    court = open_court()
    court.workspace.access.set("notes/open", ["user:bob"], [], OPERATOR, "internal")
    with pytest.raises(Denied, match="may not read"):
        court.prefers(GOOD, BAD)
    with pytest.raises(Denied, match="may not read"):
        court.judge.supports(court.alice, GOOD.claims[0])
    assert court.server.bodies == []


def test_words_of_a_document_that_is_not_there_are_not_sent(open_court: Callable[..., Court]) -> None:
    court = open_court()
    gone = SeenQuote("open/gone.md", 1, "It was EUR 300.", stands=True)
    with pytest.raises(Denied):
        court.judge.supports(court.alice, SeenClaim("It was EUR 300.", (gone,)))
    assert court.server.bodies == []


@pytest.mark.parametrize(
    "other",
    [
        Observation("answered", "x", (SeenClaim("x", (SeenQuote("sealed/pay.md", 1, "x", True),)),)),
        Observation("answered", "x", (SeenClaim("x", (PAY, SeenQuote(PAY.path, 1, "y", False))),)),
        Observation("answered", "Words from anywhere."),
    ],
)
def test_nothing_above_what_the_judge_may_be_sent_is_sent_nor_words_whose_source_is_not_known(
    open_court: Callable[..., Court], other: Observation
) -> None:
    court = open_court(max_sensitivity="internal")
    assert court.prefers(GOOD, BAD) == "first"
    asked = len(court.server.bodies)
    with pytest.raises(Denied, match="too sensitive"):
        court.prefers(GOOD, other)
    assert len(court.server.bodies) == asked


def test_a_judge_that_may_not_be_sent_addresses_is_not_shown_half_of_it(
    open_court: Callable[..., Court],
) -> None:
    court = open_court(sensitive={"email": "block"})
    mailed = Observation("answered", "x", (SeenClaim("Write to ann@acme.example.", (PAY,)),))
    with pytest.raises(Denied, match="values that may not go"):
        court.prefers(GOOD, mailed)
    assert court.server.bodies == []


def test_it_judges_as_the_asker_on_whose_log_it_stands(open_court: Callable[..., Court]) -> None:
    court = open_court(allowed_groups=["user:bob"])
    with pytest.raises(Denied, match="may not use the model"):
        court.prefers(GOOD, BAD)
    other = Court(court.workspace, court.server, "other")
    assert other.prefers(GOOD, BAD) == "first"
    calls = [one for one in court.workspace.audit.tail(20) if one.kind == "model.call"]
    assert {one.about["principal"] for one in calls} == {"user:alice"}
    assert {one.about["prompt"].split("@")[0] for one in calls} == {"judge"}


def test_what_reads_no_prompt_judges_nothing(open_court: Callable[..., Court]) -> None:
    with pytest.raises(BadInput, match="quotes"):
        open_court(name="quotes").prefers(GOOD, BAD)


def test_a_label_fits_only_the_words_that_were_labelled() -> None:
    one, other = shown(GOOD), shown(BAD)
    assert pair_item(QUESTION, one, other) == pair_item(QUESTION, shown(GOOD), other)
    assert (
        len({pair_item(QUESTION, one, other), pair_item(QUESTION, other, one), pair_item("?", one, other)})
        == 3
    )
    assert statement_item(GOOD.claims[0]) != statement_item(BAD.claims[0])
    assert [turned(place) for place in ("first", "second", "tie")] == ["second", "first", "tie"]
