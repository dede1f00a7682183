"""AZ8: a call of a source comes to the tenant that its address names, and to no other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.simulators.hosted import host
from tests.simulators.sources.memory_source import KIND, MemoryScene
from tests.simulators.web_client import observable

from muniment.app import Workspace
from muniment.governance.identity.principal import OPERATOR
from muniment.knowledge.sources import kinds


def test_a_call_comes_to_the_tenant_that_its_address_names(
    make_workspace: Callable[..., Workspace], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(kinds.KINDS, KIND.name, KIND)  # type: ignore[arg-type]
    (tmp_path / "people.toml").write_text("[users.alice]\n")
    hosted, scene = host(make_workspace), MemoryScene()
    for name in ("acme", "globex"):
        hosted.add(name, tmp_path / "people.toml")
    hosted.tenants["acme"].sources.add("wiki", KIND.name, scene.settings, OPERATOR)
    right = {"x-secret": "right"}
    with hosted.served() as (_, http):
        taken = http.post("/v1/sources/acme:wiki/notifications", headers=right)
        assert taken.status_code == 202
        seen = [
            observable(http.post(f"/v1/sources/{name}/notifications", headers=right))
            for name in ("globex:wiki", "hooli:wiki", "wiki", "acme:globex:wiki", "globex:acme:wiki", ":wiki")
        ]
        forged = {**right, "authorization": "Bearer forged"}
        seen.append(observable(http.post("/v1/sources/acme:wiki/notifications", headers=forged)))
    assert seen[0][0] == 404 and all(one == seen[0] for one in seen)
    assert hosted.tenants["acme"].sources.get("wiki").woken == 1
    hosted.close()
    scene.close()
