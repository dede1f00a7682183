"""Which tenants a process has open: taken in, opened when needed, closed when idle or deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.conftest import DIRECTORY
from tests.simulators.hosted import Hosted, host

from muniment.app import Workspace
from muniment.foundation.clock import FixedClock
from muniment.foundation.errors import NotSetUp
from muniment.governance.identity.principal import OPERATOR
from muniment.tenancy import deletion
from muniment.tenancy.roster import IDLE, PAUSE, Roster

ISSUER = """
[identity]
mode = "oidc"
[identity.issuers.corp]
issuer = "https://id.example"
audience = "https://muniment.example/api"
"""


@pytest.fixture
def hosted(make_workspace: Callable[..., Workspace], clock: FixedClock, tmp_path: Path) -> Iterator[Hosted]:
    (tmp_path / "people.toml").write_text(DIRECTORY)
    made = host(make_workspace, clock=clock)
    yield made
    made.close()


class Served:
    """What stands for an application."""

    def __init__(self, hosted: Hosted) -> None:
        self.kept: list[str] = []
        self.roster: Roster[str] = Roster(hosted.own, lambda name, _: f"app of {name}", self._kept)

    @contextmanager
    def _kept(self, workspace: Workspace) -> Iterator[None]:
        self.kept.append(workspace.keyring.tenant)
        yield
        self.kept.remove(workspace.keyring.tenant)


def test_a_new_tenant_is_taken_in_and_a_deleted_one_let_go_once_nobody_uses_it(
    hosted: Hosted, tmp_path: Path
) -> None:
    served = Served(hosted)
    assert served.roster.find("acme") is None and served.roster.counts() == (0, 0)
    hosted.add("acme", tmp_path / "people.toml")
    served.roster.sweep()
    acme = served.roster.find("acme")
    assert acme is not None and served.roster.take(acme) == "app of acme"
    assert served.kept == ["acme"] and served.roster.counts() == (1, 1)
    deletion.delete(hosted.own, "acme", OPERATOR)
    served.roster.sweep()
    assert served.roster.find("acme") is None and served.kept == ["acme"]
    served.roster.give_back(acme)
    served.roster.sweep()
    assert served.kept == []
    with pytest.raises(NotSetUp):
        served.roster.open(acme)


def test_one_that_nobody_uses_is_closed_and_opened_by_the_next_use(
    hosted: Hosted, tmp_path: Path, clock: FixedClock
) -> None:
    for name in ("acme", "globex"):
        hosted.add(name, tmp_path / "people.toml")
    served = Served(hosted)
    served.roster.sweep()
    acme, globex = (served.roster.find(name) for name in ("acme", "globex"))
    assert acme is not None and globex is not None
    assert served.roster.take(globex)
    clock.advance(seconds=IDLE + 1)
    served.roster.sweep()
    served.roster.sweep()
    assert served.kept == ["globex"] and served.roster.take(acme) is None
    assert served.roster.counts() == (2, 2)
    served.roster.open(acme)
    assert served.roster.take(acme) == "app of acme"
    served.roster.close()
    assert served.kept == []


def test_what_would_not_open_is_not_tried_in_a_tight_loop_and_comes_back(
    hosted: Hosted, tmp_path: Path, clock: FixedClock
) -> None:
    kek = hosted.add("acme", tmp_path / "people.toml").home / "keys" / "kek"
    aside = kek.rename(tmp_path / "kek")
    served = Served(hosted)
    acme = served.roster.find("acme")
    assert acme is not None
    with pytest.raises(NotSetUp, match="key file"):
        served.roster.open(acme)
    aside.rename(kek)
    with pytest.raises(NotSetUp, match="key file"):
        served.roster.open(acme)
    assert served.roster.counts() == (0, 1)
    clock.advance(seconds=PAUSE)
    served.roster.open(acme)
    assert served.roster.counts() == (1, 1)
    served.roster.close()


def test_a_later_tenant_whose_tokens_could_be_another_ones_is_not_served(
    hosted: Hosted, tmp_path: Path
) -> None:
    hosted.add("acme", tmp_path / "people.toml", settings=ISSUER)
    served = Served(hosted)
    hosted.add("globex", tmp_path / "people.toml", settings=ISSUER)
    served.roster.sweep()
    globex = served.roster.find("globex")
    assert globex is not None and "acme and" in str(globex.wrong)
    assert served.kept == ["acme"]
    assert served.roster.issuers.tenant_of({"iss": "https://id.example"}) == "acme"
    served.roster.close()
