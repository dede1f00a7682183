"""A canary answers the same share of people all along, is compared fairly, and ends by itself where it does worse."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from muniment.app import Workspace
from muniment.app.evaluating import runner, subject
from muniment.app.releasing import releasing_of
from muniment.assistant.dialogue import NEW
from muniment.assistant.feedback import Opinion
from muniment.assistant.lineage import answer
from muniment.assistant.values import Finished
from muniment.assurance.evaluation.case import Case, Suite
from muniment.assurance.evaluation.commission import Commission
from muniment.assurance.release import canary as module
from muniment.assurance.release.canary import LEAST, SIGNALS, is_chosen
from muniment.assurance.release.records import Staged
from muniment.assurance.release.sequential import ALPHA, Share, is_higher
from muniment.foundation.errors import BadInput, Conflict
from muniment.governance.audit.entry import Entry
from muniment.governance.identity.principal import OPERATOR, Actor, Principal

WHY = "Because."
QUESTION = "When does the canteen open?"
PEOPLE = [f"person{n}" for n in range(24)]
DRAFT = "---\nname: mine\npurpose: answer\ninputs: question text, passages passages\noutput: claims\n---\nBe brief.\n"
CASE = {"id": "c1", "asker": "person0", "question": QUESTION, "relevant": ["all/canteen.txt"]}


@pytest.fixture
def shop(
    copied: Callable[..., Workspace], make_workspace: Callable[..., Workspace], folder: Path
) -> Workspace:
    """A workspace whose release `spring` answers half of the people."""
    return copied(lambda: releasing(make_workspace, folder))


def releasing(make_workspace: Callable[..., Workspace], documents: Path) -> Workspace:
    people = "".join(f"[users.{name}]\n" for name in PEOPLE)
    workspace = make_workspace(directory=f"{people}[groups.engineering]\n[groups.sales]\n")
    workspace.ingest(documents, "acme")
    folder = workspace.home / "evals" / "canteen"
    folder.mkdir(parents=True)
    (folder / "suite.toml").write_text('name = "canteen"\n[targets]\n"success@5" = 1.0\n')
    (folder / "cases.jsonl").write_text(json.dumps(CASE) + "\n")
    rooms = releasing_of(workspace)
    for name in ("first", "spring"):
        rooms.releases.build(name, WHY, OPERATOR)
        assert rooms.checks.check(name, WHY, OPERATOR).ok
        rooms.promotions.promote(name, WHY, OPERATOR, share=50 if name == "spring" else None)
        (workspace.home / "prompts").mkdir(exist_ok=True)
        (workspace.home / "prompts" / "mine.md").write_text(DRAFT)
    return workspace


def begun(workspace: Workspace) -> module.Running:
    running = releasing_of(workspace).canary.running()
    assert running is not None
    return running


def arms(workspace: Workspace) -> tuple[list[str], list[str]]:
    """Who has the canary, and who has not."""
    stage = begun(workspace).stage
    chosen = {name for name in PEOPLE if is_chosen(workspace.audit, stage, f"user:{name}")}
    return sorted(chosen), sorted(set(PEOPLE) - chosen)


def prompt_of(workspace: Workspace, who: str) -> Any:
    return workspace.ask(QUESTION, who).lineage["prompt"]


def test_each_person_is_answered_by_one_arm_until_the_canary_ends(shop: Workspace) -> None:
    release = begun(shop).release
    theirs, ours = release.prompts["answer"].version, shop.prompts.live("answer").version
    assert theirs.startswith("mine@") and theirs != ours
    having, lacking = arms(shop)
    assert having and lacking
    expected = {**dict.fromkeys(having[:5], theirs), **dict.fromkeys(lacking[:5], ours)}
    for _ in "ab":
        assert {who: prompt_of(shop, who) for who in expected} == expected
    person = Principal("user", having[0])
    by = Actor(person.ref, "python")
    thread = shop.dialogue.resume(person, NEW, QUESTION, by)
    *_, finished = shop.dialogue.stream(person, thread, by)
    assert isinstance(finished, Finished) and finished.answer.lineage["prompt"] == theirs

    releasing_of(shop).promotions.rollback(WHY, OPERATOR)
    assert {prompt_of(shop, who) for who in expected} == {ours}
    again = shop.audit.last_of("release.rolled_back")
    assert again is not None and again.about["to"] == "none"
    releasing_of(shop).promotions.promote("spring", WHY, OPERATOR)
    assert {prompt_of(shop, who) for who in expected} == {theirs}


def test_an_evaluation_is_answered_by_the_prompts_that_it_says_and_by_no_canary(shop: Workspace) -> None:
    having, _ = arms(shop)
    cases = tuple(Case(name, name, QUESTION, gains={"all/canteen.txt": 1}) for name in having[:3])
    suite = Suite("canteen", cases)
    run = runner(shop).run(suite, subject(shop, OPERATOR), Commission(WHY, OPERATOR), fresh=True)
    prompts = {
        shop.assistant.explain(shop.principal(one.asker.removeprefix("user:")), one.answer_id).lineage[
            "prompt"
        ]
        for one in run.results
    }
    assert prompts == {shop.prompts.live("answer").version}


def test_one_canary_runs_at_a_time_and_promoting_completes_it(shop: Workspace) -> None:
    promotions = releasing_of(shop).promotions
    with pytest.raises(Conflict, match="canary of spring runs"):
        promotions.promote("spring", WHY, OPERATOR, share=20)
    releasing_of(shop).releases.build("other", WHY, OPERATOR)
    assert releasing_of(shop).checks.check("other", WHY, OPERATOR).ok
    with pytest.raises(Conflict, match="canary of spring runs"):
        promotions.promote("other", WHY, OPERATOR)
    stage = begun(shop).stage
    promotions.promote("spring", WHY, OPERATOR)
    assert releasing_of(shop).canary.running() is None
    assert promotions.end_canary(stage, WHY, [], OPERATOR) is False
    went = promotions.rollback(WHY, OPERATOR)
    assert went.to is not None and went.to.name == "first"
    for share in (0, 51, -1, 100):
        with pytest.raises(BadInput, match="cannot have"):
            promotions.promote("spring", WHY, OPERATOR, share=share)


@pytest.mark.parametrize("share", [1, 10, 50])
def test_the_share_of_people_is_what_was_asked_for_and_another_release_has_others(
    workspace: Workspace, share: int
) -> None:
    def chosen(release: str) -> set[int]:
        stage = Staged(1, release, "canary", WHY, "operator", "", verdict={"share": share})
        return {n for n in range(4000) if is_chosen(workspace.audit, stage, f"user:u{n}")}

    one, other = chosen("rel_a"), chosen("rel_b")
    spread = 4 * (4000 * share / 100 * (1 - share / 100)) ** 0.5
    assert abs(len(one) - 40 * share) < spread and abs(len(one & other) - 0.4 * share**2) < spread
    assert one == chosen("rel_a")


def fill(workspace: Workspace, having: Mapping[str, Any], lacking: Mapping[str, Any], each: int = 60) -> None:
    """Store so many answers of each arm; of ten, as many abstained, dropped, slow and not useful as is said."""
    running = begun(workspace)
    ours = workspace.prompts.live("answer").version
    theirs = running.release.prompts["answer"].version
    with workspace.database.write() as connection:
        row = connection.execute(answer.select()).mappings().first()
        assert row is not None
        connection.execute(answer.delete())
        for people, version, said in zip(arms(workspace), (theirs, ours), (having, lacking), strict=True):
            for n in range(each):
                kept, lineage = json.loads(row["answer"]), json.loads(row["lineage"])
                kept["status"] = "abstained" if n % 10 < said.get("abstained", 1) else "answered"
                kept["took_ms"] = 5_000.0 if n % 10 < said.get("slow", 1) else 100.0 + n
                lineage["checks"]["unverified"] = 3 if n % 10 < said.get("dropped", 1) else 0
                lineage["prompt"] = said.get("prompt", version)
                values = {
                    **row,
                    "at": running.stage.at,
                    "id": f"ans_{version[:4]}{n}",
                    "principal": f"user:{people[n % len(people)]}",
                }
                values |= {"answer": json.dumps(kept), "lineage": json.dumps(lineage)}
                connection.execute(answer.insert().values(values))
    for people, version, said in zip(arms(workspace), (theirs, ours), (having, lacking), strict=True):
        for n in range(each):
            who = Principal("user", people[n % len(people)])
            by, about = Actor(who.ref, "python"), {"answer": f"ans_{version[:4]}{n}"}
            if "useless" in said:
                useful = n % 10 >= said["useless"]
                workspace.feedback.give(who, str(about["answer"]), Opinion(useful), by)
            if "failed" in said:
                ended = [Entry("answer.refused", by, {**about, "reason": "unavailable"})]
                request = Entry("answer.request", by, {**about, "principal": who.ref})
                workspace.audit.record([request, *ended * (n % 10 < said["failed"])])


@pytest.mark.parametrize(
    ("signal", "word"),
    [
        ("abstained", "abstained"),
        ("dropped", "dropped"),
        ("failed", "failed"),
        ("not useful", "useless"),
    ],
)
def test_a_canary_that_does_worse_ends_by_itself_with_its_figures_on_record(
    shop: Workspace, signal: str, word: str
) -> None:
    fill(shop, {word: 6}, {word: 1})
    assert [one.name for one in releasing_of(shop).canary.signals(begun(shop)) if one.worse] == [signal]
    worse = releasing_of(shop).canary.look()
    assert [one.name for one in worse] == [signal]
    assert releasing_of(shop).canary.running() is None and releasing_of(shop).canary.look() == ()
    entry = shop.audit.last_of("release.rolled_back")
    assert entry is not None and entry.actor == "muniment"
    figures: Any = entry.about["figures"]
    assert figures[0]["name"] == signal and figures[0]["canary"] == {"count": 36, "of": 60}
    standing = releasing_of(shop).releases.find("spring")
    assert standing.stage == "rolled back" and "36 of 60 (60.0 %)" in standing.stages[-1].reason


def test_a_canary_that_does_better_or_as_well_goes_on(shop: Workspace) -> None:
    fill(shop, {"abstained": 0, "dropped": 1, "useless": 0}, {"abstained": 6, "dropped": 2, "useless": 5})
    assert releasing_of(shop).canary.look() == () and releasing_of(shop).canary.running() is not None
    assert {one.name for one in releasing_of(shop).canary.signals(begun(shop))} == set(SIGNALS)


def test_slow_answers_are_told_by_what_nine_in_ten_of_the_others_stay_below(shop: Workspace) -> None:
    fill(shop, {"slow": 5}, {"slow": 0}, each=60)
    slow = {one.name: one for one in releasing_of(shop).canary.signals(begun(shop))}["slow"]
    assert (slow.canary.count, slow.rest.count) == (35, 5) and slow.worse


def test_too_few_answers_say_nothing(shop: Workspace) -> None:
    fill(shop, {"abstained": 10}, {"abstained": 0}, each=LEAST - 1)
    assert releasing_of(shop).canary.look() == ()


def test_answers_of_trials_are_left_out(shop: Workspace) -> None:
    fill(shop, {"abstained": 10, "prompt": "other@00000000"}, {"abstained": 0})
    found = {one.name: one for one in releasing_of(shop).canary.signals(begun(shop))}
    assert found["abstained"].canary.of == 0 and releasing_of(shop).canary.look() == ()


def looks(one: Any, other: Any, alpha: float) -> bool:
    """Whether two arms are ever told apart, looked at after every tenth answer."""
    first, second = np.cumsum(one), np.cumsum(other)
    for n in range(9, len(one), 10):
        if is_higher(Share(int(first[n]), n + 1), Share(int(second[n]), n + 1), alpha):
            return True
    return False


def test_looking_all_the_time_calls_equal_arms_worse_no_oftener_than_alpha() -> None:
    chance = np.random.default_rng(7)
    for share in (0.05, 0.3):
        trials = 300
        wrong = sum(
            looks(chance.random(1000) < share, chance.random(1000) < share, 0.05) for _ in range(trials)
        )
        assert wrong <= 0.05 * trials


def test_a_true_difference_is_found_soon_and_never_the_wrong_way() -> None:
    chance = np.random.default_rng(8)
    alpha = ALPHA / len(SIGNALS)
    found = [looks(chance.random(600) < 0.3, chance.random(600) < 0.1, alpha) for _ in range(40)]
    wrong = [looks(chance.random(600) < 0.1, chance.random(600) < 0.3, alpha) for _ in range(40)]
    assert sum(found) >= 38 and not any(wrong)
    assert not is_higher(Share(LEAST - 1, LEAST - 1), Share(0, 1000), alpha)
    assert not is_higher(Share(0, 0), Share(0, 0), alpha) and not is_higher(
        Share(60, 60), Share(60, 60), alpha
    )
