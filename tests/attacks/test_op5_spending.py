"""OP5: nobody uses more of language models in a day than the limits say, however many calls run at one time."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from tests.journeys.command import Command
from tests.postgres import BOTH
from tests.simulators.openai_server import serving
from tests.simulators.web_client import bearer, client

from muniment import app, settings
from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import MunimentError, TooMany, Unavailable
from muniment.governance.audit.entry import Actor, Entry
from muniment.governance.identity.principal import Principal
from muniment.inference.spending import EVERYBODY, Most, Spending, SpendingLimits, Use

QUESTION = "When does the canteen open?"
SAID = 150
"""Tokens that the simulator says that an answer took."""
Make = Callable[..., Workspace]


@pytest.fixture
def make(make_workspace: Make, folder: Path, clock: FixedClock) -> Make:
    """Return a function that makes a workspace with a language model and these limits."""

    def made(
        url: str, name: str = "home", model: dict[str, object] | None = None, **limits: float
    ) -> Workspace:
        remote = {"base_url": url, "model": "m", "timeout_seconds": 2.0, **(model or {})}
        chosen = settings.parse({"models": {"remote": remote}, "limits": limits})
        workspace = make_workspace(name, settings=chosen, clock=clock)
        workspace.ingest(folder, "acme")
        workspace.gateway._attempts._sleep = lambda _: None
        return workspace

    return made


def ask(workspace: Workspace, who: str = "carol") -> Any:
    return workspace.ask(QUESTION, who, "remote")


def tokens(workspace: Workspace, who: str) -> int:
    return sum(one.use.tokens for one in workspace.spending.lines(1) if one.who == who)


def test_what_an_endpoint_says_is_counted_for_who_asked_and_for_all(make: Make) -> None:
    with serving() as server:
        workspace = make(server.url, model={"prompt_price": 2.0, "completion_price": 10.0})
        answers = [ask(workspace, "carol"), ask(workspace, "carol"), ask(workspace, "bob")]
    prompt, completion = answers[0].usage.prompt_tokens, answers[0].usage.completion_tokens
    cost = prompt * 2 + completion * 10
    assert answers[0].usage.cost == cost / 1e6
    assert [(one.who, one.calls, one.use) for one in workspace.spending.lines(1)] == [
        (EVERYBODY, 3, Use(3 * prompt, 3 * completion, 3 * cost)),
        ("user:bob", 1, Use(prompt, completion, cost)),
        ("user:carol", 2, Use(2 * prompt, 2 * completion, 2 * cost)),
    ]


@BOTH
def test_many_at_one_time_stay_within_the_limit_and_the_day_after_it_goes_on(
    make: Make, clock: FixedClock
) -> None:
    with serving(delay=0.0) as server:
        most = _set_aside(make(server.url, "measured"))
        limit = 2 * most + 10
        workspace = make(server.url, user_tokens_per_day=limit)
        outcomes: list[object] = []

        def one() -> None:
            try:
                outcomes.append(ask(workspace).status)
            except TooMany as error:
                outcomes.append((error.code, error.retry_after))

        threads = [threading.Thread(target=one) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        while outcomes[-1] == "answered":
            one()
        answered = outcomes.count("answered")
        assert 2 <= answered == len(server.bodies) - 1
        assert set(outcomes) == {"answered", ("limit-user-tokens", 15 * 3600)}
        assert tokens(workspace, "user:carol") <= limit < tokens(workspace, "user:carol") + most
        assert ask(workspace, "bob").status == "answered"
        assert workspace.ask(QUESTION, "carol").status == "answered"  # the built-in endpoint uses no tokens
        clock.advance(hours=15)
        assert ask(workspace).status == "answered"


def _set_aside(workspace: Workspace) -> int:
    """Return what is set aside for the question: what a call counts whose endpoint says nothing."""
    held: list[Use] = []
    begin = workspace.spending.begin
    workspace.spending.begin = lambda *given: (held.append(given[2]), begin(*given))[1]  # type: ignore[method-assign]
    ask(workspace)
    return held[0].tokens


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ({"user_tokens_per_day": 100}, "limit-user-tokens"),
        ({"tenant_tokens_per_day": 100}, "limit-tenant-tokens"),
        ({"user_cost_per_day": 0.0001}, "limit-user-cost"),
        ({"tenant_cost_per_day": 0.0001}, "limit-tenant-cost"),
    ],
)
def test_a_call_that_may_go_over_a_limit_is_not_made_and_is_told_which(
    make: Make, limit: dict[str, float], code: str
) -> None:
    with serving() as server:
        workspace = make(server.url, model={"prompt_price": 1.0, "completion_price": 1.0}, **limit)
        body = {"question": QUESTION, "model": "remote"}
        told = client(workspace).post("/v1/answers", json=body, headers=bearer(workspace, "carol"))
        assert (told.status_code, told.json()["code"]) == (429, code)
        assert int(told.headers["retry-after"]) == 15 * 3600 and "15 hours" in told.text
        assert ("are used" in told.json()["title"]) == ("tenant" not in code), "what others used is told"
        assert "canteen" not in told.text
        assert server.bodies == []
    assert workspace.spending.lines(1) == []
    (entry,) = workspace.audit.query("limit.reached")
    assert entry.about == {"limit": code.removeprefix("limit-")} and entry.actor == "user:carol"
    assert workspace.audit.query("answer.refused")[-1].about["reason"] == code
    assert workspace.audit.query("model.call") == []


def test_the_members_of_a_team_share_what_it_may_use_and_are_not_told_what_others_used(make: Make) -> None:
    with serving() as server:
        most = _set_aside(make(server.url, "measured"))
        limit = most + SAID // 2
        workspace = make(server.url, teams={"sales": {"tokens_per_day": limit}, "engineering": {}})
        ask(workspace, "bob")
        used = tokens(workspace, "group:sales")
        assert 0 < used == tokens(workspace, "user:bob") and used + most > limit
        for one in ("bob", "service:helpdesk"):
            with pytest.raises(TooMany, match="The sales team's tokens") as refused:
                ask(workspace, one)
            assert refused.value.code == "limit-team-tokens"
            assert f"{used:,}" not in str(refused.value) and f"{limit:,}" not in str(refused.value)
        # Alice is in engineering through another group; carol is in none.
        ask(workspace, "alice")
        ask(workspace, "carol")
        assert tokens(workspace, "group:engineering") == tokens(workspace, "user:alice") > 0
        assert tokens(workspace, EVERYBODY) == 3 * used
        assert tokens(workspace, "group:sales") == used


def test_services_have_a_limit_of_their_own(make: Make) -> None:
    with serving() as server:
        workspace = make(server.url, service_tokens_per_day=100)
        with pytest.raises(TooMany) as refused:
            workspace.ask(QUESTION, Principal("service", "helpdesk"), "remote")
        assert refused.value.code == "limit-service-tokens"
        assert ask(workspace).status == "answered"


@pytest.mark.parametrize(
    ("fault", "counts"), [("500", False), ("401", False), ("html", False), ("cut", True)]
)
def test_a_call_that_brings_nothing_counts_nothing_and_one_that_breaks_off_counts_the_most(
    make: Make, fault: str, counts: bool
) -> None:
    with serving(fault=fault) as server:
        workspace = make(server.url)
        with pytest.raises(Unavailable):
            ask(workspace)
    assert (tokens(workspace, "user:carol") > SAID) == counts == (tokens(workspace, EVERYBODY) > SAID)
    assert workspace.spending.lines(1)[0].calls == 1


def test_what_was_set_aside_by_a_process_that_ended_stays_used(make: Make) -> None:
    with serving() as server:
        workspace = make(server.url)
        most = _set_aside(workspace)
        before = tokens(workspace, "user:carol")
        workspace.spending.end = lambda *_: (_ for _ in ()).throw(Unavailable("gone"))  # type: ignore[method-assign]
        with pytest.raises(MunimentError):
            ask(workspace)
    again = app.open(
        workspace.home, clock=workspace.clock, settings=workspace.settings, embedder=lambda: None
    )
    assert tokens(again, "user:carol") == before + most
    again.close()


@profile(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b"]), st.integers(1, 60), st.integers(0, 60), st.booleans()),
        max_size=12,
    )
)
def test_no_course_of_calls_goes_over_a_limit(calls: list[tuple[str, int, int, bool]]) -> None:
    """In any order of beginnings and ends, with calls that never end."""
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        workspace = app.create(Path(place) / "home", clock=FixedClock(), embedder=lambda: None)
        limits = SpendingLimits(user=Most(100), tenant=Most(150))
        spending = Spending(workspace.database, workspace.audit, workspace.repeats, workspace.clock, limits)
        by, entry, expected = (
            Actor("user:a", "python"),
            Entry("model.call", Actor("user:a", "python"), {}),
            dict[str, int](),
        )
        for name, most, used, ends in calls:
            who = Principal("user", name)
            fits = expected.get(name, 0) + most <= 100 and sum(expected.values()) + most <= 150
            try:
                held = spending.begin(who, by, Use(most), entry)
            except TooMany:
                assert not fits
                continue
            assert fits
            if ends:
                spending.end(held, Use(min(used, most)), entry)
            expected[name] = expected.get(name, 0) + (min(used, most) if ends else most)
        found = {one.who.removeprefix("user:"): one.use.tokens for one in spending.lines(1)}
        assert found == ({EVERYBODY: sum(expected.values()), **expected} if expected else {})
        workspace.close()


def test_the_command_shows_what_was_used(tmp_path: Path) -> None:
    with serving() as server:
        model = f'[models.remote]\nbase_url = "{server.url}"\nmodel = "m"\nprompt_price = 2.0\n'
        command = Command(tmp_path / "home", "[retrieval]\nvectors = false\n" + model).with_people()
        assert "No language model was asked" in command("models", "usage").out
        (tmp_path / "documents" / "all").mkdir(parents=True)
        (tmp_path / "documents" / "all" / "access.toml").write_text('allow = ["group:everyone"]\n')
        (tmp_path / "documents" / "all" / "canteen.txt").write_text(
            "The canteen opens at eight and closes at three.\n"
        )
        assert command("ingest", tmp_path / "documents", "--source", "papers").code == 0
        assert command("ask", QUESTION, "--as", "alice", "--model", "remote").code == 0
    shown = command("models", "usage").out
    assert "user:alice" in shown and "all together" in shown and "left today" in shown
    told = json.loads(command("--json", "models", "usage", "--days", "1").out)
    assert [(one["who"], one["calls"]) for one in told["usage"]] == [(None, 1), ("user:alice", 1)]
    assert told["left_today"]["tokens"] == 200_000_000 - sum(
        told["usage"][0][name] for name in ("prompt_tokens", "completion_tokens")
    )
