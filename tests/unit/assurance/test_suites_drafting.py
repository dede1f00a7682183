"""Drafts hold what their asker may read now and nothing else, on record, and count for nothing until accepted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.simulators.openai_server import serving

from muniment.app import Workspace
from muniment.assurance.evaluation.commission import Commission
from muniment.assurance.evaluation.suite_file import read_cases
from muniment.assurance.evaluation.suites.accepting import accept, chosen, reject, waiting
from muniment.assurance.evaluation.suites.drafting import Drafted, Drafting
from muniment.assurance.evaluation.suites.facts_in import facts_in
from muniment.assurance.evaluation.suites.model_questions import ModelQuestions
from muniment.assurance.evaluation.suites.new import about, new_suite
from muniment.assurance.evaluation.suites.places import Place
from muniment.foundation.errors import BadInput
from muniment.foundation.ids import Ids
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import OPERATOR
from muniment.governance.policy.gate import NotPermitted
from muniment.settings import parse


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path / "suite", "given")
    new_suite(made, about("suite", reason="To test"))
    return made


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    root = tmp_path / "many"
    for folder, reader in (
        ("engineering", "group:engineering"),
        ("sales", "group:sales"),
        ("all", "group:everyone"),
    ):
        (root / folder).mkdir(parents=True)
        (root / folder / "access.toml").write_text(f'allow = ["{reader}"]\n')
        for at in range(4):
            text = f"# Notes {at} of {folder}\n\nThe rule {folder}zq{at} is {at + 3} weeks old by now.\n"
            (root / folder / f"n{at}.md").write_text(text)
    (root / "all" / "empty.md").write_text("Nothing at all is said here, by anyone.\n")
    return root


def drafted(
    workspace: Workspace, place: Place, *askers: str, count: int = 50, by: str | None = None, **more: Any
) -> Drafted:
    who = None if by is None else workspace.principal(by)
    actor = OPERATOR if who is None else Actor(who.ref, "cli")
    return Drafting(
        database=workspace.database,
        policy=workspace.policy,
        gate=workspace.gate,
        audit=workspace.audit,
        directory=workspace.directory,
        reading=workspace.reading,
    ).draft(place, askers, count, Commission(more.pop("reason", ""), actor, who), **more)


def test_a_draft_is_asked_by_whom_it_was_read_as_and_holds_nothing_else(
    workspace: Workspace, documents: Path, place: Place
) -> None:
    workspace.ingest(documents, "docs")
    before = workspace.audit.tail(1)[0].seq
    found = drafted(workspace, place, "alice")
    assert len(found.cases) == 8 and found.without == 1 and found.by_template == 8
    assert {one.asker for one in found.cases} == {"alice"}
    assert {path.split("/")[0] for one in found.cases for path in one.gains} == {"engineering", "all"}
    assert "sales" not in place.drafts.read_text()
    assert place.cases.read_text() == "" and place.drafts.stat().st_mode & 0o777 == 0o600
    for one in found.cases:
        assert one.facts[0][0].endswith("weeks") and one.facts[0][0] not in one.question
    told = workspace.audit.query(after=before, limit=100)
    assert (told[0].kind, told[0].about["askers"], told[0].about["suite"]) == ("drafting.started", 1, "suite")
    assert [entry.kind for entry in told[1:]] == ["document.read"] * 9
    assert {(entry.actor, entry.about["principal"]) for entry in told[1:]} == {("operator", "user:alice")}


def test_each_folder_gives_its_share_and_documents_that_have_a_case_are_passed_over(
    workspace: Workspace, documents: Path, place: Place
) -> None:
    workspace.ingest(documents, "docs")
    first = drafted(workspace, place, "alice", "bob", count=8, seed=3)
    folders = [next(iter(one.gains)).split("/")[0] for one in first.cases]
    assert sorted(folders) == ["all"] * 4 + ["engineering"] * 2 + ["sales"] * 2
    assert [one.asker for one in first.cases] == ["alice"] * 4 + ["bob"] * 4
    accept(place, waiting(place)[:2])
    second = drafted(workspace, place, "alice", "bob")
    both = [(one.asker, next(iter(one.gains))) for one in (*first.cases, *second.cases)]
    assert len(both) == len(set(both)) == 16
    assert len({one.id for one in (*first.cases, *second.cases)}) == 16
    assert not drafted(workspace, place, "alice", "bob").cases


def test_equal_seeds_draft_alike(
    make_workspace: Callable[..., Workspace], documents: Path, place: Place, tmp_path: Path
) -> None:
    workspace = make_workspace("other")
    workspace.ingest(documents, "docs")
    other = Place(tmp_path / "other-suite", "given")
    new_suite(other, about("other", reason="To test"))
    assert drafted(workspace, place, "alice", count=5) == drafted(workspace, other, "alice", count=5)


def test_whoever_holds_no_keys_is_drafted_nothing_that_they_may_not_read(
    workspace: Workspace, documents: Path, place: Place
) -> None:
    workspace.ingest(documents, "docs")
    workspace.roles.grant("evaluator", "carol", "To test", OPERATOR)
    found = drafted(workspace, place, "alice", by="carol")
    assert {path.split("/")[0] for one in found.cases for path in one.gains} == {"all"}
    with pytest.raises(NotPermitted):
        drafted(workspace, place, "alice", by="bob")


def test_no_reason_an_unknown_asker_and_a_silly_count_draft_nothing(
    workspace: Workspace, documents: Path, place: Place
) -> None:
    workspace.ingest(documents, "docs")
    for askers, count, named in (
        (["alcie"], 5, "alcie"),
        (["alice"], 0, "--count"),
        (["alice"], 9999, "--count"),
    ):
        with pytest.raises(BadInput, match=named):
            drafted(workspace, place, *askers, count=count)
    place.about.write_text(about("suite"))
    with pytest.raises(BadInput, match="no reason"):
        drafted(workspace, place, "alice")
    assert not place.drafts.exists()
    assert drafted(workspace, place, "alice", count=1, reason="Because").cases


@pytest.mark.parametrize(
    ("text", "fact", "question"),
    [
        ("The fee is EUR 40 per month.", "EUR 40", "How much is the fee per month? (T)"),
        ("The last day to hand it in is 12 March 2026.", "12 March 2026", "When is the last day to hand it in? (T)"),
        ("The notice period is six weeks.", "six weeks", "How long is the notice period? (T)"),
        ("The door opens at 06:30 in winter.", "06:30",
         "T: at what time stands for “…” in “The door opens at … in winter.”?"),
        ("Nadia Berg can be asked before you order.", None, ""),
        ("In doubt you ask Nadia Berg before you order.", "Nadia Berg",
         "T: who or what stands for “…” in “In doubt you ask … before you order.”?"),
        ("name: Ann Berg | floor: Third", "Third", "What is the floor of Ann Berg? (T)"),
        ("We grew by 12 percent; the target was 12 percent too.", None, ""),
        ("Pay to DE89 3704 0044 0532 0130 00 the sum of EUR 40.", None, ""),
        ("Date: Mon, 16 Nov 2026 10:42:00 +0100", None, ""),
        ("Error 204 means that the probe has lost its way.", None, ""),
        ("Nothing of note is in here at all.", None, ""),
    ],
)  # fmt: skip
def test_questions_come_from_the_words_around_a_fact(text: str, fact: str | None, question: str) -> None:
    found = facts_in("T", text)
    assert [(one.fact, one.question) for one in found] == ([] if fact is None else [(fact, question)])


def test_a_model_writes_the_question_as_the_asker_unless_it_gives_the_fact_away(
    make_workspace: Callable[..., Workspace], documents: Path, place: Place
) -> None:
    replies = iter(
        [
            '{"question": "How old is the  rule?"}',
            '{"question": "Is it 3 weeks, 4 weeks, 5 weeks or 6 weeks?"}',
        ]
    )

    def mind(prompt: str) -> str:
        seen.append(prompt)
        return next(replies, "no JSON")

    seen: list[str] = []
    with serving(mind) as server:
        chosen_settings = parse({"models": {"remote": {"base_url": server.url, "model": "m"}}})
        workspace = make_workspace("remote", settings=chosen_settings)
        workspace.ingest(documents, "docs")
        model = ModelQuestions(
            database=workspace.database,
            policy=workspace.policy,
            gateway=workspace.gateway,
            live=workspace.prompts.live,
            ids=Ids(),
            model="remote",
        )
        before = workspace.audit.tail(1)[0].seq
        found = drafted(workspace, place, "bob", count=3, model=model)
        model.check(workspace.principal("bob"))
    assert found.cases[0].question == "How old is the rule?" and found.by_template == 2
    assert "engineering" not in "".join(seen)
    calls = workspace.audit.query(kind="model.call", after=before, limit=20)
    assert {entry.about["principal"] for entry in calls} == {"user:bob"}
    assert {str(entry.about["prompt"]).split("@")[0] for entry in calls} == {"question"}


def test_the_endpoint_of_quotes_writes_no_questions(
    workspace: Workspace, documents: Path, place: Place
) -> None:
    workspace.ingest(documents, "docs")
    model = ModelQuestions(
        database=workspace.database,
        policy=workspace.policy,
        gateway=workspace.gateway,
        live=workspace.prompts.live,
        ids=Ids(),
        model="quotes",
    )
    with pytest.raises(BadInput, match="writes no questions"):
        drafted(workspace, place, "alice", model=model)
    assert not place.drafts.exists()


def test_a_person_accepts_edits_or_rejects_and_the_rest_waits(
    workspace: Workspace, documents: Path, place: Place
) -> None:
    workspace.ingest(documents, "docs")
    drafted(workspace, place, "alice", count=4)
    first, second, third, fourth = waiting(place)
    assert "weeks old by now" in first.note

    def edited(text: str) -> str:
        lines = [json.loads(line) for line in text.splitlines()]
        return json.dumps(lines[0] | {"question": "How old is it?"}) + "\n"

    [kept] = accept(place, [first, second], edited)
    assert (kept.question, kept.source, kept.id) == ("How old is it?", "draft", first.case.id)
    assert read_cases(place.cases) == (kept,) and "note" not in place.cases.read_text()
    reject(place, chosen(place, [third.case.id]))
    assert [one.case.id for one in waiting(place)] == [second.case.id, fourth.case.id]
    with pytest.raises(BadInput, match="no draft"):
        chosen(place, [first.case.id])
    for bad in ("{}", second.line.replace(second.case.id, "zz")):
        with pytest.raises(BadInput):
            accept(place, [second], lambda _, bad=bad: bad)
    assert [one.case.id for one in waiting(place)] == [second.case.id, fourth.case.id]


def test_what_was_cut_short_between_the_files_is_finished(
    workspace: Workspace, documents: Path, place: Place
) -> None:
    workspace.ingest(documents, "docs")
    drafted(workspace, place, "alice", count=1)
    before = place.drafts.read_text()
    accept(place, waiting(place))
    place.drafts.write_text(before)
    accept(place, waiting(place))
    assert len(read_cases(place.cases)) == 1 and not waiting(place)
