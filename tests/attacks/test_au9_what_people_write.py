"""AU9 for what people write beside questions: reasons, titles, opinions, arguments, addresses, keys and tokens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.simulators.office import ALICE, Office
from tests.simulators.provisioner import Provisioner
from tests.simulators.web_client import Browser, api_key, bearer, client, link

from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR, Actor
from muniment.governance.identity.scopes import SCOPES

DIRECTORY_NAMES = ("Moreau", "Okafor", "Lindqvist")
BY = Actor(ALICE.ref, "http")


def exported(workspace: Workspace, folder: Path) -> str:
    workspace.audit.export(folder)
    return (folder / "entries.jsonl").read_text().casefold()


def test_what_people_write_about_actions_is_not_in_the_log(office: Office, tmp_path: Path) -> None:
    office.propose(reason="quaggapromised", amount="31.41")
    office.reject(office.waiting(reason="quaggaother"), "quaggarefused")
    made = office.waiting(amount="27.18")
    office.approve(made)
    office.workspace.approvals.withdraw(office.waiting(amount="16.18").id, ALICE, BY)
    stop = office.workspace.stops.stop("tool", "refund", "quaggastopped", None, OPERATOR)
    office.workspace.stops.end(stop.id, None, OPERATOR)
    office.workspace.roles.grant("reader", "user:dave", "quaggagranted", OPERATOR)
    office.workspace.roles.revoke("reader", "user:dave", "quaggarevoked", OPERATOR)
    log = exported(office.workspace, tmp_path / "export")
    assert '"kind":"action.rejected"' in log and '"kind":"role.revoked"' in log
    for canary in ("quagga", "31.41", "27.18", "16.18", *(name.casefold() for name in DIRECTORY_NAMES)):
        assert canary not in log, canary


def test_what_people_write_to_and_of_answers_is_not_in_the_log(
    workspace: Workspace, folder: Path, tmp_path: Path
) -> None:
    workspace.ingest(folder, "docs")
    http, alice = client(workspace, headers=bearer(workspace, "alice")), "/v1/conversations"
    thread = http.post(alice, json={"title": "quaggatitle"}).json()["id"]
    http.patch(f"{alice}/{thread}", json={"title": "quaggarenamed"}).raise_for_status()
    http.post(f"{alice}/search", json={"words": "quaggawords"}).raise_for_status()
    asked = {"question": "When does the canteen open, quaggaquestion?", "conversation": thread}
    made = http.post("/v1/answers", json=asked).raise_for_status().json()["id"]
    said = {"answer": made, "useful": False, "reason": "quaggareason", "right_answer": "quaggaright"}
    http.post("/v1/feedback", json=said).raise_for_status()
    http.post("/v1/search", json={"query": "quaggaquery", "filters": {"folder": ["docs/quaggafolder"]}})
    log = exported(workspace, tmp_path / "export")
    assert '"kind":"feedback.given"' in log and '"kind":"conversation.renamed"' in log
    assert "quagga" not in log


def test_what_auditors_look_for_is_in_the_log_only_where_it_is_an_id_or_an_account(
    workspace: Workspace, tmp_path: Path
) -> None:
    workspace.roles.grant("auditor", "alice", "she audits", OPERATOR)
    alice = Browser(workspace).sign_in("alice")
    answer = workspace.ids.new("ans")
    for asked in (
        {"names": "b.okafor@quagga.example"},
        {"names": "Quagga"},
        {"by": "service:x", "names": "+quagga/1"},
        {"kind": "quagga"},
        {"kind": "audit.*", "names": answer, "by": "user:bob", "outcome": "done", "since": "2026-01-01"},
    ):
        assert alice.http.get("/audit", params=asked).status_code == 200
        sent = alice.post("/audit/search", csrf=alice.csrf, **asked)
        assert alice.http.get(sent.headers["location"]).status_code == 200
    log = exported(workspace, tmp_path / "export")
    assert "quagga" not in log and "user:bob" not in log
    assert f'"names":"{answer}"' in log and '"kind":"audit.*"' in log and '"outcome":"done"' in log


def test_no_address_name_key_or_token_of_an_account_is_in_the_log(
    make_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    workspace = make_workspace()
    provision = Provisioner(workspace)
    more = {
        "displayName": "Quagga Display",
        "name": {"familyName": "Quaggafamily", "givenName": "Quaggagiven"},
    }
    made = provision.user("erin", emails=[{"value": "quagga@example.com", "primary": True}], **more)
    changed = {"op": "replace", "path": "displayName", "value": "Quagga Renamed"}
    assert provision.patch(made, changed).status_code in (200, 204)
    secrets = [api_key(workspace, *SCOPES), link(workspace, "alice")]
    session = workspace.sessions.redeem(link(workspace, "bob"))
    secrets += [session.secret, session.csrf, bearer(workspace, "carol")["authorization"].split(" ")[1]]
    workspace.api_keys.revoke(secrets[0], OPERATOR)
    http = client(workspace)
    for text in ("mun_quagga", "quaggatoken", secrets[0][:-1]):
        http.post("/v1/search", json={"query": "x"}, headers={"authorization": f"Bearer {text}"})
    log = exported(workspace, tmp_path / "export")
    assert '"kind":"api_key.created"' in log and '"kind":"signin.link_created"' in log
    assert "quagga" not in log and "example.com" not in log
    for secret in secrets:
        assert secret.casefold() not in log
