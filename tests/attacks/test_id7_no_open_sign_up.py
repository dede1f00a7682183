"""ID7: nobody signs up, and the first administrator is made once, however many try."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from tests.postgres import BOTH
from tests.simulators.issuer import Issuer
from tests.simulators.provider_browser import ProviderBrowser
from tests.simulators.web_client import client

from muniment.app import Workspace
from muniment.foundation.errors import BadInput, Conflict, MunimentError
from muniment.governance.identity.principal import OPERATOR, Principal
from muniment.governance.policy.tables import first_administrator

ROOT = Path(__file__).resolve().parents[2]
PROCESSES, THREADS = 2, 50
CROWD = "".join(f"[users.u{n}]\n" for n in range(PROCESSES * THREADS))


@BOTH
def test_of_100_racers_in_two_processes_one_becomes_the_first_administrator(
    make_workspace: Callable[..., Workspace],
) -> None:
    office = make_workspace(directory=CROWD)
    racers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.attacks.racer", str(office.home), str(n * THREADS), str(THREADS)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(PROCESSES)
    ]
    for racer in racers:
        assert racer.stdout is not None and racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    said = [racer.communicate(timeout=120)[0].split() for racer in racers]
    won = [name for one in said for name in one[1:]]
    assert len(won) == 1 and sum(int(one[0]) for one in said) == PROCESSES * THREADS - 1
    officers = [one.member for one in office.roles.listing() if one.role == "security-officer"]
    assert officers == won
    entries = office.audit.query(kind="role.first_administrator")
    assert [entry.about["member"] for entry in entries] == won


@BOTH
def test_the_database_holds_no_second_one(workspace: Workspace) -> None:
    workspace.roles.make_first("alice", "Runs the pilot", OPERATOR)
    for number in (1, 2):
        second = {"number": number, "member": "user:bob", "at": "", "by": ""}
        with pytest.raises(IntegrityError), workspace.database.write() as connection:
            connection.execute(sa.insert(first_administrator).values(**second))


def test_it_stays_made_when_the_role_is_taken_back(workspace: Workspace) -> None:
    workspace.roles.make_first("alice", "Runs the pilot", OPERATOR)
    workspace.roles.revoke("security-officer", "alice", "Left", OPERATOR)
    with pytest.raises(Conflict, match="made before: user:alice"):
        workspace.roles.make_first("bob", "Mine now", OPERATOR)


def test_there_is_no_first_one_where_somebody_holds_the_role(workspace: Workspace) -> None:
    workspace.roles.grant("security-officer", "bob", "By hand", OPERATOR)
    with pytest.raises(Conflict, match="made before: user:bob"):
        workspace.roles.make_first("alice", "Runs the pilot", OPERATOR)


@pytest.mark.parametrize("name", ["mallory", "service:helpdesk", "group:platform", ""])
def test_only_a_person_of_the_directory_becomes_it(workspace: Workspace, name: str) -> None:
    with pytest.raises(BadInput):
        workspace.roles.make_first(name, "Runs the pilot", OPERATOR)
    assert not workspace.audit.query(kind="role.first_administrator")


def test_it_gives_the_other_roles_and_reads_no_more_than_before(workspace: Workspace) -> None:
    workspace.roles.make_first("alice", "Runs the pilot", OPERATOR)
    alice = Principal("user", "alice")
    workspace.roles.grant("auditor", "bob", "Audit", OPERATOR, alice)
    with pytest.raises(MunimentError):
        workspace.roles.grant("approver", "alice", "Me too", OPERATOR, alice)


def test_showing_a_token_or_signing_in_makes_no_account(provided: Workspace, issuer: Issuer) -> None:
    before = provided.directory.listing()
    token = issuer.token(sub="mallory", groups=["muniment-admins"], roles=["admin"])
    headers = {"authorization": f"Bearer {token}"}
    assert client(provided).get("/v1/models", headers=headers).status_code == 401
    issuer.user = "mallory"
    assert ProviderBrowser(provided).through().status_code == 401
    user = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "mallory"}
    for credential in (headers, {"authorization": f"Bearer {issuer.token()}"}, {}):
        reply = client(provided).post("/scim/v2/Users", json=user, headers=credential)
        assert reply.status_code in (401, 403)
    assert provided.directory.listing() == before
