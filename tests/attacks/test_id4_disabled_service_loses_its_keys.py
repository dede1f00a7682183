"""ID4: a service that is switched off, removed or made again loses its keys by the next request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.postgres import BOTH
from tests.simulators.web_client import api_key, bearer, client, observable

from muniment import app
from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.governance.identity import api_key_format
from muniment.governance.identity.principal import OPERATOR, Principal

HELPDESK = Principal("service", "helpdesk")
ACTIVE = "[users.alice]\n[services.helpdesk]\n[services.other]\n"
GONE = {
    "switched off": "[users.alice]\n[services.helpdesk]\nactive = false\n[services.other]\n",
    "removed": "[users.alice]\n[services.other]\n",
    "a person of that name": "[users.alice]\n[users.helpdesk]\n[services.other]\n",
}


def put(workspace: Workspace, text: str) -> None:
    file = workspace.home / "new-directory.toml"
    file.write_text(text)
    workspace.directory.import_file(file, OPERATOR)


def asked(http: Any, key: str) -> Any:
    return http.get("/v1/models", headers={"authorization": f"Bearer {key}"})


def times(entry: Any) -> int:
    """Return how many refusals an entry stands for."""
    return int(entry.about.get("further", 1))


@BOTH
@pytest.mark.parametrize("how", GONE)
def test_its_keys_end_at_the_next_request_and_stay_ended(
    make_workspace: Callable[..., Workspace], kept_in: str, how: str
) -> None:
    workspace = make_workspace(directory=ACTIVE)
    serving = app.open(workspace.home, embedder=lambda: None)
    http = client(serving)
    key, other = api_key(workspace, "models"), api_key(workspace, "models", service="other")
    replaced = api_key(workspace, "models")
    rotated = workspace.api_keys.rotate(replaced, OPERATOR).text
    keys = (key, replaced, rotated)
    assert [asked(http, one).status_code for one in keys] == [200] * 3
    put(workspace, GONE[how])
    assert [asked(http, one).status_code for one in keys] == [401] * 3
    assert asked(http, key).json()["title"] == "The API key does not hold."
    assert asked(http, other).status_code == 200
    assert {found.state for found in workspace.api_keys.listing(HELPDESK)} == {"inactive"}
    put(workspace, ACTIVE)
    assert [asked(http, one).status_code for one in keys] == [401] * 3
    assert asked(http, api_key(workspace, "models")).status_code == 200
    serving.repeats.close()
    refused = workspace.audit.query(kind="api_key.refused")
    assert {entry.about["reason"] for entry in refused} == {"inactive"}
    assert sum(times(entry) for entry in refused) == 7
    serving.close()


def test_an_import_that_leaves_it_alone_leaves_its_keys(workspace: Workspace) -> None:
    key, http = api_key(workspace, "models"), client(workspace)
    put(workspace, "[users.zoe]\n[services.helpdesk]\n")
    assert asked(http, key).status_code == 200


def test_what_an_answer_of_a_key_says_never_tells_which_keys_there_are(
    make_workspace: Callable[..., Workspace],
) -> None:
    """Wrong secrets for ids of every state, and ids that never were, get the same status, headers and body."""
    clock = FixedClock()
    workspace = make_workspace(clock=clock, directory=ACTIVE)
    http = client(workspace)
    ids = {"unknown": api_key_format.new_id(workspace.ids)}
    for state in ("expired", "revoked", "active", "replaced", "inactive"):
        service = "other" if state == "inactive" else "helpdesk"
        text = api_key(workspace, "models", service=service)
        ids[state] = str(api_key_format.id_in(text))
    workspace.api_keys.rotate(ids["expired"], OPERATOR, timedelta())
    workspace.api_keys.rotate(ids["replaced"], OPERATOR)
    workspace.api_keys.revoke(ids["revoked"], OPERATOR)
    put(workspace, "[services.helpdesk]\n")
    states = {key.id: key.state for key in workspace.api_keys.listing()}
    assert all(states[ids[state]] == state for state in ids if state != "unknown")
    told: set[tuple[Any, ...]] = set()
    for key_id in ids.values():
        for _ in range(3):
            wrong = api_key_format.written(key_id, workspace.ids.random_bytes(32))
            got = asked(http, wrong)
            status, content, headers = observable(got)
            told.add((status, content, tuple(sorted(headers.items()))))
    assert len(told) == 1
    assert next(iter(told))[0] == 401
    workspace.repeats.close()
    refused = workspace.audit.query(kind="api_key.refused")
    counted: Counter[str] = Counter()
    for entry in refused:
        counted[str(entry.about["key"])] += times(entry)
    assert counted == {ids[state]: 3 for state in ids if state != "unknown"}
    assert {(entry.actor, entry.about["reason"]) for entry in refused} == {("anonymous", "secret")}


def test_a_key_that_does_not_work_is_not_made_up_for_by_a_token_or_cookie(workspace: Workspace) -> None:
    key = api_key(workspace, "models")
    workspace.api_keys.revoke(key, OPERATOR)
    token = bearer(workspace, "alice")["authorization"]
    http = client(workspace)
    for order in ([f"Bearer {key}", token], [token, f"Bearer {key}"]):
        headers = [("authorization", value) for value in order]
        assert http.get("/v1/models", headers=headers).status_code == 401
    both = {"authorization": f"Bearer {key}, {token}"}
    assert http.get("/v1/models", headers=both).status_code == 401
    for elsewhere in ({"x-api-key": api_key(workspace, "models")}, {"api-key": api_key(workspace, "models")}):
        assert http.get("/v1/models", headers=elsewhere).status_code == 401
    good = api_key(workspace, "models")
    assert http.get("/v1/models", params={"api_key": good, "access_token": good}).status_code == 401
