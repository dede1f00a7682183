"""AZ13: whoever runs, guards, watches or serves reads no document by that office; and duties stay apart."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from muniment.app import Workspace
from muniment.app.evaluating import runner, subject
from muniment.assurance.evaluation.commission import Commission
from muniment.assurance.evaluation.results import Run
from muniment.assurance.evaluation.suite_file import read_suite
from muniment.assurance.tuning.tune import tune
from muniment.foundation.errors import BadInput, Conflict, Denied, NotFound
from muniment.governance.audit.entry import Actor
from muniment.governance.identity.principal import OPERATOR
from muniment.governance.policy.decision import AUDIT, WORKSPACE
from muniment.governance.policy.roles import ROLES
from muniment.knowledge import library
from muniment.knowledge.retrieval.rank import RankingSettings

PEOPLE = """
[users.root]
groups = ["muniment-admins"]
[users.olga]
groups = ["platform"]
[users.aud]
[users.sec]
[users.eve]
[users.ann]
groups = ["staff"]
[groups.muniment-admins]
[groups.platform]
[groups.staff]
[services.bot]
"""
WHY = "for the test"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    from muniment import app

    place = tmp_path_factory.mktemp("az13")
    workspace = app.create(place / "home", embedder=lambda: None)
    (place / "people.toml").write_text(PEOPLE)
    workspace.directory.import_file(place / "people.toml", OPERATOR)
    for path, allow in (("staff", "group:staff"), ("all", "group:everyone"), ("bots", "service:bot")):
        (place / "papers" / path).mkdir(parents=True)
        (place / "papers" / path / "access.toml").write_text(f'allow = ["{allow}"]\n')
        (place / "papers" / path / "canteen.md").write_text(f"The canteen of {path} opens at eight.\n")
    workspace.ingest(place / "papers", "papers")
    for role, member in (
        ("operator", "olga"),
        ("auditor", "aud"),
        ("security-officer", "sec"),
        ("evaluator", "eve"),
    ):
        workspace.roles.grant(role, member, WHY, OPERATOR)
    yield workspace
    workspace.close()


def read_by(workspace: Workspace, who: str) -> set[str]:
    """The folders whose documents somebody gets by searching; what reading and asking give must be the same."""
    try:
        found = {one.path.split("/")[0] for one in workspace.search("canteen", who).passages}
    except Denied:
        found = set()
    principal = workspace.principal(who)
    with workspace.database.read() as connection:
        documents = library.documents(connection)
    opened: set[str] = set()
    for row in documents:
        try:
            workspace.reading.read(principal, row.id, None, Actor(principal.ref, "python"))
        except NotFound:
            continue
        opened.add(row.path.split("/")[0])
    assert opened == found
    return found


@pytest.mark.parametrize(
    ("who", "folders"),
    [
        ("ann", {"staff", "all"}),
        ("root", {"all"}),
        ("aud", {"all"}),
        ("sec", {"all"}),
        ("eve", {"all"}),
        ("service:bot", {"all", "bots"}),
        ("olga", set()),
    ],
)
def test_an_office_opens_no_document_that_lists_do_not(
    office: Workspace, who: str, folders: set[str]
) -> None:
    assert read_by(office, who) == folders


def test_an_operator_reads_nothing_even_where_a_list_names_them(office: Workspace) -> None:
    office.access.set("papers/staff", ["user:olga", "group:staff"], [], OPERATOR)
    try:
        assert read_by(office, "olga") == set()
    finally:
        office.access.clear("papers/staff", OPERATOR)
    with pytest.raises(Denied):
        office.ask("When does the canteen open?", "olga")
    assert office.audit.query(kind="search.refused", limit=1000)[-1].about["policy"]


def test_a_role_given_in_the_middle_of_an_answer_stops_it(office: Workspace) -> None:
    assert office.ask("When does the canteen of all open?", "ann").status == "answered"
    events = office.assistant.stream(
        office.principal("ann"), "When does the canteen of all open?", Actor("user:ann", "python")
    )
    next(events)
    office.roles.grant("operator", "ann", WHY, OPERATOR)
    try:
        with pytest.raises(Denied):
            list(events)
    finally:
        office.roles.revoke("operator", "ann", WHY, OPERATOR)


def test_an_auditor_reads_the_log_and_the_log_holds_no_text(office: Workspace) -> None:
    office.search("canteen", "ann")
    with office.database.read() as connection:
        auditor = office.policy.standing(connection, office.principal("aud"))
        reader = office.policy.standing(connection, office.principal("ann"))
    assert auditor.decide("read_audit", AUDIT).allowed
    assert not reader.decide("read_audit", AUDIT).allowed
    entries = repr(office.audit.query(limit=10_000))
    assert "canteen" not in entries and "eight" not in entries and WHY not in entries


def test_a_role_needs_a_reason(office: Workspace) -> None:
    for reason in ("", "  \n", "x" * 501):
        with pytest.raises(BadInput, match="reason"):
            office.roles.grant("curator", "ann", reason, OPERATOR)
    assert not [one for one in office.roles.listing() if one.role == "curator"]


@pytest.mark.parametrize(
    ("role", "member", "other"),
    [
        ("curator", "aud", "auditor"),
        ("operator", "aud", "auditor"),
        ("security-officer", "olga", "operator"),
        ("auditor", "group:platform", "operator"),
    ],
)
def test_a_role_that_conflicts_with_one_held_is_refused_and_names_both(
    office: Workspace, role: str, member: str, other: str
) -> None:
    with pytest.raises(Conflict, match=f"{role} and {other}"):
        office.roles.grant(role, member, WHY, OPERATOR)
    assert (role, member) not in {(one.role, one.member) for one in office.roles.listing()}


def test_a_role_that_conflicts_through_a_group_is_refused(office: Workspace) -> None:
    office.roles.grant("curator", "group:staff", WHY, OPERATOR)
    try:
        with pytest.raises(Conflict, match="take curator from group:staff"):
            office.roles.grant("auditor", "ann", WHY, OPERATOR)
    finally:
        office.roles.revoke("curator", "group:staff", WHY, OPERATOR)


@pytest.mark.parametrize("role", ["approver", "auditor", "operator", "security-officer"])
def test_an_office_of_people_is_given_to_no_program_and_not_to_everyone(office: Workspace, role: str) -> None:
    for member in ("service:bot", "group:everyone"):
        with pytest.raises(BadInput, match="people"):
            office.roles.grant(role, member, WHY, OPERATOR)


def test_duties_brought_together_by_the_directory_are_still_forbidden(
    make_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    workspace = make_workspace()
    workspace.roles.grant("auditor", "alice", WHY, OPERATOR)
    workspace.roles.grant("operator", "group:sales", WHY, OPERATOR)
    file = tmp_path / "both.toml"
    file.write_text('[users.alice]\ngroups = ["sales"]\n[groups.sales]\n')
    workspace.directory.import_file(file, OPERATOR)
    with workspace.database.read() as connection:
        both = workspace.policy.standing(connection, workspace.principal("alice"))
    assert set(both.roles) == {"auditor", "operator", "reader"}
    assert both.decide("administer", WORKSPACE).reasons == ("auditors-change-nothing",)
    assert both.decide("search", WORKSPACE).reasons == ("operators-read-nothing",)


def test_a_role_taken_back_is_felt_at_the_next_search_and_in_the_log(
    make_workspace: Callable[..., Workspace],
) -> None:
    workspace = make_workspace()
    workspace.roles.grant("reader", "carol", WHY, OPERATOR)
    workspace.roles.revoke("reader", "group:everyone", WHY, OPERATOR)
    workspace.search("x", "carol")
    with pytest.raises(Denied):
        workspace.search("x", "alice")
    with pytest.raises(BadInput, match="given to user:carol"):
        workspace.roles.revoke("reader", "alice", WHY, OPERATOR)
    kinds = {entry.kind for entry in workspace.audit.query(limit=100)}
    assert {"role.granted", "role.revoked"} <= kinds
    with pytest.raises(BadInput, match="Did you mean reader"):
        workspace.roles.grant("readers", "carol", WHY, OPERATOR)
    with pytest.raises(BadInput, match="No group named"):
        workspace.roles.grant("reader", "group:nowhere", WHY, OPERATOR)
    assert set(ROLES) >= {one.role for one in workspace.roles.listing()}


def seen_by(office: Workspace, after: int) -> set[str]:
    """The folders whose documents the log says were given to anybody since."""
    with office.database.read() as connection:
        folder_of = {row.id: row.path.split("/")[0] for row in library.documents(connection)}
    kinds = ("retrieval.chunk", "answer.claim", "document.read")
    entries = [e for e in office.audit.query(after=after, limit=10_000) if e.kind in kinds]
    named = [document for e in entries if (document := e.about.get("document"))]
    return {folder_of[str(document)] for document in named}


def run_suite(office: Workspace, place: Path, commission: Commission) -> Run:
    return runner(office).run(read_suite(place), subject(office, commission.by), commission, fresh=True)


@pytest.mark.parametrize(("asker", "folders"), [("eve", {"all"}), ("service:bot", {"all", "bots"})])
def test_an_evaluation_gets_what_its_asker_may_read_and_the_log_names_both(
    office: Workspace, tmp_path: Path, asker: str, folders: set[str]
) -> None:
    case = {"id": "c1", "asker": asker, "question": "When does the canteen of staff open?", "relevant": []}
    case |= {"facts": [], "abstain": True, "forbidden": ["staff/canteen.md"]}
    (tmp_path / "cases.jsonl").write_text(json.dumps(case) + "\n")
    before = office.audit.tail(1)[0].seq
    found = run_suite(office, tmp_path / "cases.jsonl", Commission(WHY, OPERATOR))
    assert found.results[0].scores["authorised"] == 1
    shown = json.loads(json.dumps(found.results[0].detail["ranked"]))
    assert {path.split("/")[0] for path in shown} == folders
    assert seen_by(office, before) <= folders
    asked = office.audit.query(kind="search.request", after=before, limit=10)
    assert [(e.actor, e.about["principal"]) for e in asked][:1] == [("operator", office.principal(asker).ref)]


def test_an_evaluation_as_one_who_may_read_nothing_reads_nothing(office: Workspace, tmp_path: Path) -> None:
    case = {"id": "c1", "asker": "olga", "question": "canteen", "relevant": [], "facts": [], "abstain": True}
    (tmp_path / "cases.jsonl").write_text(json.dumps({**case, "forbidden": []}) + "\n")
    before = office.audit.tail(1)[0].seq
    found = run_suite(office, tmp_path / "cases.jsonl", Commission(WHY, OPERATOR))
    assert [one.status for one in found.results] == ["refused"]
    assert seen_by(office, before) == set()


def case_file(place: Path, asker: str, count: int = 1) -> Path:
    lines = [
        {"id": f"c{at}", "asker": asker, "question": f"canteen {at}", "relevant": ["all/canteen.md"]}
        for at in range(count)
    ]
    file = place / "asked.jsonl"
    file.write_text("\n".join(json.dumps({**line, "facts": [], "abstain": False}) for line in lines) + "\n")
    return file


@pytest.mark.parametrize("work", ["evaluation", "tuning"])
def test_whoever_asks_as_others_needs_the_right_to_and_a_reason(
    office: Workspace, tmp_path: Path, work: str
) -> None:
    """By the role of evaluators, or by the keys; a refusal is recorded, and nothing is read by it."""
    file = case_file(tmp_path, "ann", 20)

    def run(commission: Commission) -> object:
        if work == "evaluation":
            return run_suite(office, file, commission)
        return tune(
            file,
            commission,
            database=office.database,
            gate=office.gate,
            audit=office.audit,
            directory=office.directory,
            comparison=office.comparison,
            rankings=office.rankings,
        )

    def by(name: str, reason: str = WHY) -> Commission:
        who = office.principal(name)
        return Commission(reason, Actor(who.ref, "cli"), who)

    before = office.audit.tail(1)[0].seq
    for reason in ("", " \n", "x" * 501):
        for commission in (Commission(reason, OPERATOR), by("eve", reason)):
            with pytest.raises(BadInput, match="reason"):
                run(commission)
    for name in ("ann", "olga", "aud", "sec", "service:bot", "root"):
        with pytest.raises(Denied, match="run_suite"):
            run(by(name))
    assert seen_by(office, before) == set()
    refused = office.audit.query(kind="policy.refused", after=before, limit=10)
    assert [entry.about["action"] for entry in refused] == ["run_suite"] * 6

    for commission, actor in ((by("eve"), "user:eve"), (Commission(WHY, OPERATOR), "operator")):
        before = office.audit.tail(1)[0].seq
        run(commission)
        assert seen_by(office, before) <= {"staff", "all"}
        told = office.audit.query(after=before, limit=10_000)
        assert (told[0].kind, told[0].actor) == (f"{work}.started", actor)
        assert (told[0].about["suite"], told[0].about["cases"], told[0].about["askers"]) == ("asked", 20, 1)
        assert WHY not in json.dumps(dict(told[0].about)) and told[0].about["reason"]
        assert {(e.actor, e.about["principal"]) for e in told if e.kind == "search.request"} == {
            (actor, "user:ann")
        }


def test_a_suite_may_state_the_reason_for_all_its_runs(office: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "suite"
    folder.mkdir()
    case_file(tmp_path, "ann").rename(folder / "cases.jsonl")
    (folder / "suite.toml").write_text(f'name = "asked"\nreason = "{WHY}"\n')
    before = office.audit.tail(1)[0].seq
    run_suite(office, folder, Commission("", OPERATOR))
    run_suite(office, folder, Commission("Another reason.", OPERATOR))
    of_suite, of_run = office.audit.query(kind="evaluation.started", after=before, limit=10)
    assert (of_suite.about["reason_of"], of_run.about["reason_of"]) == ("suite", "run")
    assert of_suite.about["reason"] == office.audit.commitment(WHY) != of_run.about["reason"]


def test_the_log_says_that_whoever_holds_the_keys_asked_as_somebody(office: Workspace) -> None:
    """`search --as` and `ask --as` are for the operator's own machine: the door is the command or Python."""
    before = office.audit.tail(1)[0].seq
    office.search("canteen", "ann")
    office.ask("When does the canteen of all open?", "ann", by=Actor("user:ann", "cli"))
    asked = office.audit.query(after=before, limit=100)
    assert {entry.via for entry in asked} == {"python", "cli"}


def test_tuning_ranks_only_what_the_asker_may_read(office: Workspace) -> None:
    asked = ("canteen", [RankingSettings()], 30, OPERATOR)
    before = office.audit.tail(1)[0].seq
    paths = office.comparison.orders(office.principal("eve"), *asked)[0]
    assert {path.split("/")[0] for path in paths} == {"all"}
    with pytest.raises(Denied):
        office.comparison.orders(office.principal("olga"), *asked)
    assert seen_by(office, before) == {"all"}


def test_an_export_of_the_log_holds_no_text_title_or_reason(office: Workspace, tmp_path: Path) -> None:
    office.ask("When does the canteen of all open?", "ann")
    office.audit.export(tmp_path / "export")
    written = b"".join(
        path.read_bytes() for path in (tmp_path / "export").glob("*.*") if path.suffix != ".py"
    )
    assert [word for word in ("canteen", "eight", "Canteen", WHY) if word.encode() in written] == []


def test_a_backup_and_its_restore_read_no_document_and_hold_none_in_clear(
    office: Workspace, tmp_path: Path
) -> None:
    from muniment import app

    before = office.audit.tail(1)[0].seq
    office.backups.make(tmp_path / "backup", OPERATOR, lambda *_: None)
    kek = office.home / "keys" / "kek"
    assert app.check_backup(tmp_path / "backup", office.keyring, lambda *_: None).findings == ()
    assert seen_by(office, before) == set()
    told = office.audit.query(after=before, limit=10)
    assert [(e.kind, e.actor) for e in told] == [("backup.started", "operator"), ("backup.made", "operator")]
    written = b"".join(path.read_bytes() for path in (tmp_path / "backup").rglob("*") if path.is_file())
    assert [
        word for word in ("canteen", "Canteen", "eight", "staff", "olga") if word.encode() in written
    ] == []
    app.restore(tmp_path / "backup", tmp_path / "home", lambda *_: None, kek=kek)
    restored = app.open(tmp_path / "home", embedder=lambda: None)
    for who, folders in (("olga", set[str]()), ("eve", {"all"}), ("ann", {"staff", "all"})):
        assert read_by(restored, who) == folders
    restored.close()
