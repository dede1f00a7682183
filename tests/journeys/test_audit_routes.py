"""The log over HTTP: auditors read it, which is an entry, nobody else does; other logs are co-signed."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.simulators.web_client import api_key, bearer, client

from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.governance.audit import checkpoint as notes
from muniment.governance.audit.checkpoint import parse
from muniment.governance.audit.cosignature import cosigned_at, read_key
from muniment.governance.audit.entry import Entry
from muniment.governance.audit.merkle import consistency_proof, leaf_hash, tree_root
from muniment.governance.audit.verify import verify_proof
from muniment.governance.identity.principal import OPERATOR
from muniment.settings import parse as settings_of

WITNESS = "/v1/audit/witness"


@pytest.fixture
def audited(workspace: Workspace) -> Workspace:
    workspace.roles.grant("auditor", "carol", "Audit of 2027", OPERATOR)
    made = [("search.request", {"answer": "ans_1"}), ("retrieval.chunk", {"document": "doc_1", "rank": 2})]
    workspace.audit.record([Entry(kind, OPERATOR, about) for kind, about in made])
    return workspace


def get(workspace: Workspace, path: str, who: str = "carol", **params: object) -> Any:
    return client(workspace).get(path, params=params, headers=bearer(workspace, who))  # type: ignore[arg-type]


def test_an_auditor_reads_entries_and_the_reading_is_an_entry(audited: Workspace) -> None:
    got = get(audited, "/v1/audit/entries", kind="retrieval.*", document="doc_1").json()
    assert [one["about"] for one in got["entries"]] == [{"document": "doc_1", "rank": 2}]
    assert got["after"] is None
    read = audited.audit.tail(1)[0]
    assert (read.kind, read.actor) == ("audit.read", "user:carol")
    assert read.about["kind"] == "retrieval.*" and read.about["fields"] == ["document"]
    assert "doc_1" not in str(read.about)


def test_pages_follow_one_another_without_a_gap(audited: Workspace) -> None:
    seen, after = list[int](), None
    while True:
        more = {} if after is None else {"after": after}
        page = get(audited, "/v1/audit/entries", limit=2, until="2030-01-01T00:00:00Z", **more).json()
        seen += [one["seq"] for one in page["entries"]]
        after = page["after"]
        if after is None or len(seen) > 40:
            break
    assert seen[:8] == list(range(8))


def test_nobody_else_reads_it_and_each_try_is_an_entry(audited: Workspace) -> None:
    paths = ("entries", "checkpoint", "entries/0/proof", "consistency/1")
    for path in paths:
        assert get(audited, f"/v1/audit/{path}", "alice").status_code == 403
    assert len(audited.audit.query(kind="policy.refused")) == len(paths)
    key = {"authorization": f"Bearer {api_key(audited, 'search')}"}
    assert client(audited).get("/v1/audit/entries", headers=key).status_code == 403


def test_proofs_over_http_hold_for_the_offline_verifier(audited: Workspace) -> None:
    signed = get(audited, "/v1/audit/checkpoint").json()
    key = signed["public_key"] + "\n"
    assert parse(signed["checkpoint"]).size == signed["size"]
    proof = get(audited, "/v1/audit/entries/1/proof").json()["proof"]
    assert verify_proof(proof, key, None) == []
    growth = get(audited, f"/v1/audit/consistency/{signed['size']}").json()["proof"]
    assert verify_proof(growth, key, signed["checkpoint"]) == []
    assert get(audited, "/v1/audit/entries/99999/proof").status_code == 404


class Log:
    """A log elsewhere, with a key of its own."""

    name = "muniment/other"

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.leaves = [leaf_hash(bytes([n])) for n in range(20)]

    def body(self, old: int, size: int, leaves: list[bytes] | None = None) -> dict[str, object]:
        made = (leaves or self.leaves)[:size]
        path = consistency_proof(made, old) if old else []
        text = notes.sign(self.name, size, tree_root(made), self.key).text
        return {"checkpoint": text, "old_size": old, "path": [base64.b64encode(one).decode() for one in path]}


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def witness(log: Log, make_workspace: Callable[..., Workspace], clock: FixedClock) -> Workspace:
    line = notes.verifier_key(log.name, log.key.public_key())
    return make_workspace("witness", clock=clock, settings=settings_of({"audit": {"logs": [line]}}))


def post(workspace: Workspace, body: dict[str, object], scope: str = "witness") -> Any:
    key = {"authorization": f"Bearer {api_key(workspace, scope)}"}
    return client(workspace).post(WITNESS, json=body, headers=key)


def test_a_log_that_grows_is_cosigned_and_what_was_seen_can_be_asked(witness: Workspace, log: Log) -> None:
    first = log.body(0, 5)
    line = post(witness, first).json()["cosignature"]
    key = read_key(witness.cosigning.public_key())
    assert cosigned_at(str(first["checkpoint"]) + line, key) is not None
    assert post(witness, log.body(5, 12)).status_code == 200
    headers = {"authorization": f"Bearer {api_key(witness, 'witness')}"}
    got = client(witness).get(WITNESS, params={"origin": log.name}, headers=headers).json()
    assert parse(got["checkpoint"], cosigned=True).size == 12


def test_a_rewritten_a_cut_and_an_unknown_log_are_not_cosigned(witness: Workspace, log: Log) -> None:
    post(witness, log.body(0, 8))
    forged = [leaf_hash(b"forged"), *log.leaves[1:]]
    for body, status, code in (
        (log.body(8, 12, forged), 409, "log-forked"),
        (log.body(8, 8, forged), 409, "log-forked"),
        (log.body(0, 8, forged), 409, "log-seen-other"),
        (log.body(5, 5), 409, "log-rolled-back"),
        (log.body(5, 12), 409, "log-seen-other"),
        ({**log.body(8, 12), "path": []}, 409, "log-forked"),
        ({**log.body(8, 12), "checkpoint": "x"}, 422, "bad-input"),
    ):
        got = post(witness, body)
        assert (got.status_code, got.json()["code"]) == (status, code)
    stranger = Log()
    assert post(witness, stranger.body(8, 12)).status_code == 403
    stranger.name = "muniment/unknown"
    assert post(witness, stranger.body(0, 8)).status_code == 404
    assert len(witness.audit.query(kind="witness.refused_to_sign")) == 4
    assert post(witness, {**log.body(8, 12), "log_key": "x"}).status_code == 422
    assert post(witness, log.body(8, 12), "search").status_code == 403
    assert post(witness, log.body(8, 12)).status_code == 200
