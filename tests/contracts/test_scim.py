"""The SCIM interface against the rules of the standard, as scim2-tester checks them over HTTP."""

from __future__ import annotations

import httpx2
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server
from tests.simulators.provisioner import served
from tests.simulators.web_client import api_key

from muniment.app import Workspace


def test_the_whole_of_scim2_tester_passes_against_the_running_server(workspace: Workspace) -> None:
    headers = {"authorization": f"Bearer {api_key(workspace, 'provision')}"}
    with (
        served(workspace) as address,
        httpx2.Client(base_url=f"{address}/scim/v2", headers=headers, timeout=30) as http,
    ):
        results = check_server(SyncSCIMClient(http))
    assert [(r.title, r.resource_type, r.reason) for r in results if r.status is not Status.SUCCESS] == []
    checked = {(r.resource_type, r.title) for r in results}
    for kind in ("User", "Group"):
        for title in ("object_creation", "object_replacement", "object_deletion", "check_remove_attribute"):
            assert (kind, title) in checked
    assert len(results) > 100
    assert workspace.audit.verify().ok
