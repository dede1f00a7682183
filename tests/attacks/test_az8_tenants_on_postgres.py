"""AZ8 where tenants lie in one database of a Postgres server: each in a schema of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.attacks.test_az8_tenants import credentials, ids_of, relabelled, seen, wait_until
from tests.conftest import DIRECTORY
from tests.postgres import OWNER, Server
from tests.simulators.hosted import SETTINGS, Hosted
from tests.simulators.web_client import bearer

from muniment import app, settings
from muniment.app import Workspace
from muniment.foundation.errors import BadInput, Conflict, MunimentError
from muniment.governance.identity.principal import OPERATOR
from muniment.tenancy import deleted, deletion, making, places

NAMES = ("acme", "globex")


@pytest.fixture
def url(postgres: Server) -> Iterator[str]:
    made = postgres.prepared(*NAMES)
    yield made
    postgres.drop(made)


@pytest.fixture
def named(tmp_path: Path, url: str) -> Callable[..., str]:
    """Return a function that gives the settings of whoever lies at an address."""

    def text(at: str = url) -> str:
        file = tmp_path / f"database-url-{len(list(tmp_path.iterdir()))}"
        file.write_text(at)
        return f'[database]\nurl = "file:{file}"\n'

    return text


@pytest.fixture
def twins(tmp_path: Path, named: Callable[..., str], folder: Path) -> Iterator[Hosted]:
    """A host and two tenants in one database, with the same people and documents, but for one word."""
    (tmp_path / "people.toml").write_text(DIRECTORY)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "settings.toml").write_text(SETTINGS + named())
    made = Hosted(app.create(tmp_path / "home"))
    for name, hour in zip(NAMES, ("eight", "nine"), strict=True):
        (folder / "all" / "canteen.txt").write_text(f"The canteen opens at {hour} and closes at three.\n")
        made.add(name, tmp_path / "people.toml", folder, named())
    yield made
    made.close()
    made.own.close()


def schemas(url: str) -> set[str]:
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        found = connection.execute(
            sa.text("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'muniment%'")
        ).scalars()
        names = set(found)
    engine.dispose()
    return names


def run(url: str, sql: str) -> None:
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        connection.execute(sa.text(sql))
    engine.dispose()


def hour_of(workspace: Workspace) -> str:
    return workspace.search("canteen", "alice").passages[0].text.split(" at ")[1].split()[0]


def test_a_credential_of_one_tenant_is_nobody_at_the_other(twins: Hosted, url: str) -> None:
    assert schemas(url) == {"muniment_default", "muniment_acme", "muniment_globex"}
    acme, globex = twins.tenants["acme"], twins.tenants["globex"]
    assert (hour_of(acme), hour_of(globex)) == ("eight", "nine")
    ids = ids_of(globex)
    routes = ("POST /v1/search", "GET /v1/documents/{document_id}", "GET /v1/answers/{answer_id}/lineage")
    with twins.served() as (_, http):
        for kind, mine in credentials(acme).items():
            asked = ("GET /answers/{answer_id}",) if kind == "cookie" else routes
            own, *_ = asked
            page = {"accept": "text/html"} if kind == "cookie" else {}
            status, body, _ = seen(http, own, ids_of(acme), {**mine, **page})
            assert status == 200 and b"eight" in body and b"nine" not in body, kind
            for route in asked:
                nobody = seen(http, route, ids, {**relabelled(mine, kind, "acme", "hooli"), **page})
                moved = seen(http, route, ids, {**relabelled(mine, kind, "acme", "globex"), **page})
                assert moved == nobody and nobody[0] in (401, 303), (kind, route)
                theirs = seen(http, route, ids, {**mine, **page})
                assert b"nine" not in theirs[1], (kind, route)


def test_two_tenants_cannot_be_set_to_one_schema(
    twins: Hosted, tmp_path: Path, url: str, named: Callable[..., str]
) -> None:
    """By no spelling of the address, by no parameter of it, and by no name."""
    host, path = url.removeprefix("postgresql://").split("@")[1].split("/", 1)
    spellings = {
        url,
        url.replace("postgresql://", "postgresql+psycopg://"),
        url.replace(host, host.upper()) if host else url,
        f"{url}{'&' if '?' in path else '?'}options=-csearch_path%3Dmuniment_globex",
        url.replace(OWNER, "%6Duniment_owner"),
    }
    other = Hosted(app.create(tmp_path / "other", settings=settings.Settings()))
    before = schemas(url)
    for spelled in spellings:
        with pytest.raises(Conflict, match="already exists"):
            making.create(other.own, "acme", SETTINGS + named(spelled), OPERATOR)
        shutil.rmtree(other.own.home / "tenants" / "acme")
    other.own.close()
    for name in ("a_b", "ACME", "acme ", "muniment_globex"):
        with pytest.raises(BadInput):
            making.create(twins.own, name, SETTINGS + named(), OPERATOR)
    file = twins.tenants["acme"].home / "settings.toml"
    written = file.read_text()
    file.write_text(written.replace('tenant = "acme"', 'tenant = "globex"'))
    with pytest.raises(BadInput, match="not that of the tenant acme"):
        places.opened(twins.own.home, "acme")
    file.write_text(written + "schema = 'muniment_globex'\n")
    with pytest.raises(BadInput, match="schema"):
        places.opened(twins.own.home, "acme")
    file.write_text(written)
    assert schemas(url) == before
    assert (hour_of(twins.tenants["acme"]), hour_of(twins.tenants["globex"])) == ("eight", "nine")


def test_a_copy_of_one_home_under_another_name_opens_neither(twins: Hosted) -> None:
    """With the keys and the database address of one, and the name of another."""
    acme, globex = twins.tenants["acme"], twins.tenants["globex"]
    kept = globex.home.with_name(".kept")
    globex.home.rename(kept)
    shutil.copytree(acme.home, globex.home)
    text = (globex.home / "settings.toml").read_text()
    (globex.home / "settings.toml").write_text(text.replace('"acme"', '"globex"'))
    keyring = globex.home / "keys" / "keyring.json"
    keyring.write_text(keyring.read_text().replace('"acme"', '"globex"'))
    for attempt in (lambda: places.opened(twins.own.home, "globex"), lambda: app.open(globex.home)):
        with pytest.raises(MunimentError):
            attempt()


def test_deleting_one_drops_its_rows_and_nobody_elses(twins: Hosted, url: str) -> None:
    token = bearer(twins.tenants["acme"], "alice")
    before = schemas(url)
    plan = deletion.plan(twins.own, "acme")
    assert (plan.rows, plan.left) == ("muniment_acme", "") and plan.key and schemas(url) == before
    with twins.served() as (_, http):
        assert http.get("/v1/models", headers=token).status_code == 200
        done = deletion.delete(twins.own, "acme", OPERATOR)
        statuses = set[int]()

        def is_gone() -> bool:
            statuses.add(http.get("/v1/models", headers=token).status_code)
            return 401 in statuses

        wait_until(is_gone, 5.0)
    assert statuses <= {401, 503}
    assert done.told and not done.left and "overwritten" in done.how
    left = schemas(url)
    assert {one for one in left if not one.endswith("_beside")} == before - {"muniment_acme"}
    assert "muniment_acme_beside" not in left
    assert hour_of(twins.tenants["globex"]) == "nine"
    told = twins.own.audit.last_of("tenant.deleted")
    assert told is not None and told.about["left"] == ""


def test_rows_that_are_left_are_named_with_the_reason(
    twins: Hosted, url: str, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key goes first: where the rows cannot go by muniment's role, that is said before and after."""
    run(postgres.superuser(url), "ALTER SCHEMA muniment_acme OWNER TO CURRENT_USER")
    plan = deletion.plan(twins.own, "acme")
    assert not plan.rows and 'DROP SCHEMA "muniment_acme" CASCADE (the database role' in plan.left
    key = twins.tenants["acme"].home / "keys" / "kek"
    tenants = twins.own.home / "tenants"

    with monkeypatch.context() as patch:

        def cut(_: Path) -> None:
            raise KeyboardInterrupt

        patch.setattr(deletion, "_remove", cut)
        with pytest.raises(KeyboardInterrupt):
            deletion.delete(twins.own, "acme", OPERATOR)
    assert not key.exists() and "DROP SCHEMA" in (deleted.under_way(tenants, "acme") or plan).left
    shutil.rmtree(key.parents[1])
    assert "DROP SCHEMA" in deletion.delete(twins.own, "acme", OPERATOR).left
    assert "muniment_acme" in schemas(url)


def test_a_schema_of_other_keys_is_never_dropped(twins: Hosted, url: str) -> None:
    """Settings that came to name the database of somebody else's tenant of the same name."""
    run(url, "COMMENT ON SCHEMA muniment_globex IS 'muniment of other keys'")
    assert "other keys" in deletion.plan(twins.own, "globex").left
    done = deletion.delete(twins.own, "globex", OPERATOR)
    assert "other keys" in done.left and "muniment_globex" in schemas(url)
