"""LK14 for tenants: a wrong credential is refused in the same time whether the tenant that it names is there or not.

Only at full size: a short timing says nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.attacks.test_az8_tenants import key_header, relabelled, session, wait_until
from tests.attacks.test_lk14_same_time import APART, medians
from tests.conftest import DIRECTORY
from tests.simulators.hosted import host
from tests.simulators.web_client import api_key, bearer

from muniment import settings
from muniment.app import Workspace

NO_LIMIT = "[limits]\nfailures_per_minute = 1000000000\n"


@pytest.mark.prove
@pytest.mark.parametrize("kind", ["key", "token", "cookie"])
def test_a_wrong_credential_takes_as_long_at_a_tenant_as_at_the_host(
    make_workspace: Callable[..., Workspace], tmp_path: Path, kind: str
) -> None:
    (tmp_path / "people.toml").write_text(DIRECTORY)
    chosen = settings.parse({"limits": {"failures_per_minute": 10**9}})
    hosted = host(make_workspace, settings=chosen)
    for name in ("acme", "globex"):
        hosted.add(name, tmp_path / "people.toml", settings=NO_LIMIT)
    globex = hosted.tenants["globex"]
    made = {
        "key": lambda: key_header(api_key(globex, "models")),
        "token": lambda: bearer(globex, "alice"),
        "cookie": lambda: {"cookie": f"muniment={session(globex)}"},
    }[kind]()
    there, nowhere = (relabelled(made, kind, "globex", name) for name in ("acme", "hooli"))
    with hosted.served() as (server, http):
        acme = server.roster.find("acme")
        assert acme is not None
        wait_until(lambda: acme.workspace is not None, 20.0)

        def refused(headers: dict[str, str]) -> None:
            assert http.get("/v1/models", headers=headers).status_code == 401

        one, other = medians(lambda: refused(there), lambda: refused(nowhere))
    hosted.close()
    assert abs(one - other) < APART, (one, other)
