"""A real workspace in a temporary home, ranked by words alone unless a test brings an embedder."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from tests import memory, parsers, prepared, routes
from tests.postgres import Server, server
from tests.simulators.issuer import SECRET, Issuer, serving
from tests.simulators.office import Office, opened
from tests.simulators.web_client import one_loop

from muniment.foundation.clock import Clock, FixedClock
from muniment.inference import attempts
from muniment.knowledge.retrieval import compiled
from muniment.knowledge.retrieval.compiled import Loops

DIRECTORY = """
[users.alice]
name = "Alice Moreau"
groups = ["platform"]
[users.bob]
name = "Bob Okafor"
groups = ["sales"]
[users.carol]
name = "Carol Lindqvist"
groups = []
[groups.platform]
members_of = ["engineering"]
[groups.engineering]
[groups.sales]
[services.helpdesk]
groups = ["sales"]
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a whole run search as a server does."""
    parser.addoption(
        "--loops",
        choices=["arrays", "compiled"],
        default="arrays",
        help="how searches loop where a test does not say",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Put temporary folders in memory, and compile the loops where the run asks for it.

    Nothing that collecting makes is garbage: it is not looked for meanwhile. What a property is proven with may take
    its time: a machine that does other work says nothing about the property.
    """
    gc.disable()
    settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("patient")
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory.place()))
    if config.getoption("--loops") == "compiled":
        compiled.prepare()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Keep modules and collected tests, a million objects, out of every later garbage collection."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def prepared_schemas() -> Iterator[None]:
    """Run the migrations once in a process rather than for each workspace."""
    with prepared.schemas():
        yield


@pytest.fixture(scope="session", autouse=True)
def lent_parsers() -> Iterator[None]:
    """Start as many parsers as work at the same time rather than one for each ingest."""
    with parsers.lent():
        yield


@pytest.fixture(scope="session", autouse=True)
def shared_routes() -> Iterator[None]:
    """Make what servers need of each route once in a process rather than for each server."""
    with routes.shared():
        yield


@pytest.fixture(scope="session", autouse=True)
def lent_loop() -> Iterator[None]:
    """Start one event loop in a process rather than one for each request of a test."""
    with one_loop():
        yield


@pytest.fixture(scope="session", autouse=True)
def hurried_attempts() -> Iterator[None]:
    """Ask a model that fails again as often as ever, after less of a wait."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attempts, "FIRST_WAIT_SECONDS", 0.01)
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """Return a running Postgres server."""
    with server() as running:
        yield running


@pytest.fixture(scope="session")
def machine_code() -> Loops:
    """Return the loops of a search, compiled."""
    before = compiled.ready()
    compiled.prepare()
    made, compiled._made = compiled.ready(), before
    assert made is not None
    return made


@pytest.fixture(scope="module", params=["arrays", "compiled"])
def loops(request: pytest.FixtureRequest, machine_code: Loops) -> Iterator[str]:
    """Run every test of a module once with array operations and once with compiled loops."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "_made", machine_code if request.param == "compiled" else None)
        yield request.param


@pytest.fixture
def kept_in(request: pytest.FixtureRequest) -> str:
    """Return where workspaces of this test are kept: `file`, or `postgres` where a test is run on both."""
    return getattr(request, "param", "file")


@pytest.fixture
def home_of(tmp_path: Path, kept_in: str, request: pytest.FixtureRequest) -> Iterator[Callable[[str], Path]]:
    """Return a function that gives a new home folder whose settings say where the workspace is kept."""
    made: list[str] = []

    def home(name: str) -> Path:
        place = tmp_path / name
        if kept_in == "postgres":
            url = request.getfixturevalue("postgres").prepared()
            made.append(url)
            place.mkdir()
            (place / "database-url").write_text(url)
            (place / "settings.toml").write_text('[database]\nurl = "file:database-url"\n')
        return place

    yield home
    for url in made:
        request.getfixturevalue("postgres").drop(url)


@pytest.fixture(scope="session")
def first_homes(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Clock | None], Path]:
    """Return a function that gives a home as it was made once in a process, with a directory and nothing else."""
    from muniment import app
    from muniment.governance.identity.principal import OPERATOR

    top, made = tmp_path_factory.mktemp("first"), dict[tuple[str, object], Path]()

    def first(directory: str, clock: Clock | None) -> Path:
        of = directory, clock and clock.now()
        if of not in made:
            place = top / f"home-{len(made)}"
            with closing(app.create(place, clock, embedder=lambda: None)) as workspace:
                file = top / "directory.toml"
                file.write_text(directory)
                workspace.directory.import_file(file, OPERATOR)
            made[of] = place
        return made[of]

    return first


@pytest.fixture
def make_workspace(
    tmp_path: Path,
    kept_in: str,
    home_of: Callable[[str], Path],
    first_homes: Callable[[str, Clock | None], Path],
) -> Iterator[Callable[..., object]]:
    """Return a function that makes a workspace with the small directory; all are closed at the end.

    The first of a test is a copy of one made before where its options leave no trace in a home.
    """
    from muniment import app
    from muniment.governance.identity.principal import OPERATOR

    made: list[app.Workspace] = []

    def make(name: str = "home", directory: str = DIRECTORY, **options: Any) -> app.Workspace:
        options.setdefault("embedder", lambda: None)
        file = tmp_path / f"{name}-directory.toml"
        file.write_text(directory)
        clock, place = options.get("clock"), home_of(name)
        plain = options.keys() <= {"clock", "embedder"} and type(clock) in (type(None), FixedClock)
        if plain and not made and kept_in == "file" and not place.exists():
            shutil.copytree(first_homes(directory, clock), place)
            made.append(app.open(place, **options))
        else:
            made.append(app.create(place, **options))
            made[-1].directory.import_file(file, OPERATOR)
        return made[-1]

    yield make
    for workspace in made:
        workspace.close()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the home is kept that the tests of a module have copies of; at first it is not there."""
    return tmp_path_factory.mktemp("kept") / "home"


@pytest.fixture
def copied(kept: Path, kept_in: str, tmp_path: Path) -> Iterator[Callable[..., object]]:
    """Return a function that makes a workspace once in a module, and opens a copy of it in each test."""
    from muniment import app

    opened: list[app.Workspace] = []

    def copy(make: Callable[[], app.Workspace], **options: object) -> app.Workspace:
        if kept_in == "postgres":
            return make()
        if not kept.exists():
            made = make()
            made.close()
            shutil.copytree(made.home, kept)
        place = shutil.copytree(kept, tmp_path / "copy")
        opened.append(app.open(place, **{"embedder": lambda: None} | options))  # type: ignore[arg-type]
        return opened[-1]

    yield copy
    for workspace in opened:
        workspace.close()


@pytest.fixture
def workspace(make_workspace: Callable[..., object]) -> object:
    """Return a workspace with the small directory and no documents."""
    return make_workspace()


@pytest.fixture
def clock() -> FixedClock:
    """Return a clock that a workspace and its identity provider share."""
    return FixedClock()


@pytest.fixture
def office(make_workspace: Callable[..., object], clock: FixedClock) -> Office:
    """Return a workspace with a shop, whose support may use tools and whose leads approve."""
    return opened(make_workspace, clock)  # type: ignore[arg-type]


@pytest.fixture
def issuer(clock: FixedClock) -> Iterator[Issuer]:
    """Return a running identity provider."""
    with serving(clock) as running:
        yield running


@pytest.fixture
def sign_in_through(
    make_workspace: Callable[..., object], clock: FixedClock, tmp_path: Path
) -> Callable[..., object]:
    """Return a function that makes a workspace which takes the word of these providers."""
    from muniment import settings

    def make(issuers: dict[str, object], name: str = "home", **options: object) -> object:
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "client-secret").write_text(SECRET)
        chosen = settings.parse({"identity": {"mode": "oidc", "issuers": issuers}})
        return make_workspace(name, **{"settings": chosen, "clock": clock} | options)

    return make


@pytest.fixture
def provided(sign_in_through: Callable[..., object], issuer: Issuer) -> object:
    """Return a workspace whose people and services come through the running provider."""
    return sign_in_through({"corp": issuer.settings(services={"robot": "helpdesk"})})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with two departments, a file for everyone, and a folder without manifest."""
    root = tmp_path / "documents"
    files = {
        "engineering/access.toml": 'allow = ["group:engineering"]\n',
        "engineering/oncall.md": "# On call\n\nThe on-call engineer is paid 300 crowns for each weekend.\n",
        "engineering/secret/access.toml": 'allow = ["group:engineering"]\ndeny = ["user:alice"]\n',
        "engineering/secret/keys.md": "# Key ceremony\n\nThe key ceremony is held in the walnut room.\n",
        "sales/access.toml": 'allow = ["group:sales"]\nsensitivity = "internal"\n',
        "sales/prices.csv": "product,price\nHeron,1200\nTarn,800\n",
        "all/access.toml": 'allow = ["group:everyone"]\n',
        "all/canteen.txt": "The canteen opens at eight and closes at three.\n",
        "attic/old.md": "# Old\n\nNobody may read about the attic.\n",
    }
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root
