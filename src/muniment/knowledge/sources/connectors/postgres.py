"""Tables of a Postgres database, whose rows are read by whom the database itself shows them.

Each account of the server is a role that can log in. Our own login becomes each role in turn (`SET LOCAL ROLE`, in a
transaction that only reads) and asks for the keys that it is shown, so that policies, memberships, and the rights to
tables and columns are judged by the server and by nothing else. A scope is a set of roles.

Narrower than the source: a role that our login may not become reads nothing; nor does anybody read a table whose
policies ask for the session rather than for the role, a key that stands for several rows, or a row of a view that
reads differently for two roles. Not seen, and so not narrower: what pg_hba.conf refuses.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import cast

from pydantic import BaseModel, ConfigDict, Field, model_validator

from muniment.foundation.errors import BadInput
from muniment.foundation.outside_postgres import OutsidePostgres, Snapshot
from muniment.knowledge.sources.connector import (
    UNREADABLE,
    AccessPage,
    Account,
    Checked,
    Content,
    ContentPage,
    CursorLost,
    Gone,
    Item,
    People,
    Stated,
    Unreadable,
    account,
)
from muniment.knowledge.sources.connectors import postgres_catalog as catalog
from muniment.knowledge.sources.connectors import postgres_rows as rows
from muniment.knowledge.sources.connectors.postgres_catalog import Role
from muniment.knowledge.sources.connectors.postgres_rows import Asked, Key, Seen
from muniment.knowledge.sources.connectors.postgres_text import filled, linked, named, written
from muniment.knowledge.sources.kinds import Doors
from muniment.knowledge.sources.reader_sets import scope_of
from muniment.knowledge.sources.source_settings import SourceSettings

_LATELY_SECONDS = 5.0


class Table(BaseModel):
    """A table or view, a row of which is a document."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    in_schema: str = "public"
    key: tuple[str, ...] = Field(min_length=1, max_length=8)
    """The columns that tell one row from every other, which never change: whole numbers, uuid or text."""
    text: tuple[str, ...] = Field(min_length=1)
    """The columns that are read; a role that may not read one of them reads nothing of the table."""
    title: str = ""
    """The column that a row is called by."""
    modified: str = ""
    """A column that moves whenever one of the others does; empty: the text is compared."""
    template: str = ""
    """What a document is made of, with `{column}` for columns of `text`; empty: a line for each."""
    link: str = ""
    """The address of a row for people, with `{column}` for columns of the key."""
    where: dict[str, str] = {}
    """Only the rows in which these columns have these values."""

    @model_validator(mode="after")
    def _names_its_columns(self) -> Table:
        if unknown := sorted(named(self.template) - {*self.text, *self.key}):
            raise ValueError(f"template names {unknown[0]}, which is not in text or key")
        if unknown := sorted(named(self.link) - {*self.key}):
            raise ValueError(f"link names {unknown[0]}, which is not in key")
        return self

    @property
    def place(self) -> str:
        """Its name with that of its schema."""
        return f"{self.in_schema}.{self.name}"


class Settings(SourceSettings):
    """Of tables in a Postgres database."""

    url: str = Field(pattern="^(env|file):.")
    """Reference to the address `postgresql://USER:PASSWORD@HOST:PORT/DATABASE` of a login that owns nothing."""
    tables: tuple[Table, ...] = Field(min_length=1)
    private_network: bool = False
    """Whether the server's name may lead into the operator's own network."""
    statement_seconds: int = Field(default=60, ge=1, le=3600)
    """How long the server may take over one question."""

    @model_validator(mode="after")
    def _names_a_table_once(self) -> Settings:
        if len({one.place for one in self.tables}) != len(self.tables):
            raise ValueError("tables names one table twice")
        return self


def connect(settings: SourceSettings, doors: Doors) -> PostgresConnector:
    """Return a connection, not yet made."""
    return PostgresConnector(cast("Settings", settings), doors)


class PostgresConnector:
    """Fills `Connector`."""

    def __init__(self, settings: Settings, doors: Doors) -> None:
        self._settings = settings
        self._tables = {one.place: one for one in settings.tables}
        self._max_file_bytes = doors.max_file_bytes
        self._clock = doors.clock
        self._kept: dict[str, tuple[float, Asked, list[str]]] = {}
        url = doors.secret(settings.url, "url")
        if url is None:
            raise BadInput("url leads to nothing.", fix="Mend the reference.")
        self._server = OutsidePostgres(
            url, lambda origin: doors.egress([origin], settings.private_network), settings.statement_seconds
        )

    def check(self) -> Checked:
        """Ask for the first rows of each table, and tell which roles cannot be asked for."""
        says: list[str] = []
        warnings: list[str] = []
        with self._server.snapshot() as snapshot:
            relations = [(one.in_schema, one.name) for one in self._settings.tables]
            login, above, owned = catalog.standing(snapshot, relations)
            people = catalog.roles(snapshot)
            asked = self._asked(people)
            says.append(f"login {login}; {len(asked)} of {len(people)} roles are asked for")
            if above:
                warnings.append(f"{login} passes over policies; use a login without SUPERUSER and BYPASSRLS")
            warnings += [f"{login} owns {name}; use a login that owns nothing" for name in owned]
            lost = [one.name for one in people if one.logs_in and not one.ours and self._is_meant(one.name)]
            warnings += [f"{name} reads nothing: run GRANT {name} TO {login}" for name in lost[:20]]
            for table in self._settings.tables:
                found = self._shaped(snapshot, table)
                if found.shape.problem:
                    warnings.append(f"{table.place} is nobody's: {found.shape.problem}")
                    continue
                page = rows.page(snapshot, found, asked, None, 100)
                says.append(f"{table.place}: {len(page.rows)}{'+' if page.until else ''} rows")
        return Checked(says, warnings)

    def people(self) -> Iterable[People]:
        """Return the roles; one that cannot log in is no account that counts."""
        with self._server.snapshot() as snapshot:
            found = catalog.roles(snapshot)
        yield People([Account(one.name, one.name, active=one.logs_in) for one in found])

    def access(self, cursor: str) -> AccessPage:
        """Return the readers of the next rows."""
        place, after = self._at(cursor)
        table = self._tables[place]
        with self._server.snapshot() as snapshot:
            try:
                asked = self._shaped(snapshot, table)
            except BadInput:
                # A table that is not there or has become another: what was read from it is nobody's.
                return self._access_page({}, {}, {}, self._behind(place, None))
            if asked.shape.problem:
                return self._access_page({}, {}, {}, self._behind(place, None))
            page = rows.page(snapshot, asked, self._asked(catalog.roles(snapshot)), after)
        stated = {_id(table, key): _stated(one) for key, one in page.rows.items()}
        marks = {_id(table, key): one.mark for key, one in page.rows.items() if one.mark}
        scopes = {scope_of(one): one for one in stated.values()}
        items = {name: scope_of(one) for name, one in stated.items()}
        return self._access_page(scopes, items, marks, self._behind(place, page.until))

    def _access_page(
        self, scopes: Mapping[str, Stated], items: Mapping[str, str], marks: Mapping[str, str], cursor: str
    ) -> AccessPage:
        return AccessPage(scopes, items, (), cursor, bool(cursor), marks)

    def changes(self, cursor: str) -> ContentPage:
        """Return the next rows."""
        place, after = self._at(cursor)
        table = self._tables[place]
        with self._server.snapshot() as snapshot:
            asked = self._shaped(snapshot, table)
            if asked.shape.problem:
                raise BadInput(
                    f"tables: {place} cannot be read: {asked.shape.problem}.", fix="Leave the table out."
                )
            page = rows.page(snapshot, asked, self._asked(catalog.roles(snapshot)), after)
        items = [_item(table, key, one) for key, one in page.rows.items()]
        onward = self._behind(place, page.until)
        return ContentPage(items, (), onward, bool(onward))

    def fetch(self, item: Item) -> Content:
        """Return a row as its readers read it, and the scope it is in at that moment."""
        place, key = _of_id(item.id)
        table = self._tables.get(place)
        if table is None:
            raise Gone(f"{place} is not read any more.")
        with self._server.snapshot() as snapshot:
            asked, people = self._lately(snapshot, table)
            if asked.shape.problem or len(key) != len(asked.key):
                raise Unreadable(f"{item.path} cannot be read: {asked.shape.problem}.", why="refused")
            seen = rows.row(snapshot, asked, people, key)
            if seen is None:
                raise Gone(f"{item.path} is shown to nobody.")
            if seen.problem:
                raise Unreadable(f"{item.path}: {seen.problem}.", why="refused")
            found = rows.text(snapshot, asked, min(seen.readers), key, self._max_file_bytes)
        if found is None or found.mark != seen.mark:
            raise Unreadable(f"{item.path} changed while it was read.")
        if found.size > self._max_file_bytes:
            limit = self._max_file_bytes >> 20
            raise Unreadable(
                f"{found.size:,} bytes, over the limit of {limit} MB (ingestion.max_file_mb).", why="size"
            )
        values = {**dict(zip(table.key, map(str, key), strict=True)), **found.values}
        said = (
            filled(table.template, values)
            if table.template
            else written(found.title, found.values, asked.shape.types)
        )
        return Content(said.encode("utf-8"), found.mark, scope_of(_stated(seen)))

    def close(self) -> None:
        """End the connection."""
        self._server.close()

    def _shaped(self, snapshot: Snapshot, table: Table) -> Asked:
        beside = [name for name in (table.title, table.modified) if name]
        columns = [*table.text, *beside, *table.where]
        shape = catalog.shape(snapshot, table.in_schema, table.name, table.key, columns)
        return Asked(shape, table.key, table.text, table.title, table.modified, table.where)

    def _lately(self, snapshot: Snapshot, table: Table) -> tuple[Asked, list[str]]:
        """Return a table and whom to ask as of some seconds ago at most, for whoever asks for each row.

        A role that was shut out since is found in no scope that access, read anew, knows.
        """
        now = self._clock.seconds()
        kept = self._kept.get(table.place)
        if kept is None or now - kept[0] > _LATELY_SECONDS:
            shaped, people = self._shaped(snapshot, table), self._asked(catalog.roles(snapshot))
            self._kept[table.place] = kept = (now, shaped, people)
        return kept[1], kept[2]

    def _asked(self, people: Iterable[Role]) -> list[str]:
        return [one.name for one in people if one.logs_in and one.ours and self._is_meant(one.name)]

    def _is_meant(self, name: str) -> bool:
        """Return whether a role can be one of our users at all, so that it is worth asking for it."""
        return self._settings.match != "table" or name in self._settings.accounts

    def _at(self, cursor: str) -> tuple[str, Key | None]:
        if not cursor:
            return self._settings.tables[0].place, None
        place, after = _of_cursor(cursor)
        if place not in self._tables:
            raise CursorLost("The table of the cursor is not read any more.")
        return place, after

    def _behind(self, place: str, until: Key | None) -> str:
        """Return where to go on, "" at the end of the last table."""
        if until is not None:
            return json.dumps([place, list(until)])
        places = list(self._tables)
        following = places[places.index(place) + 1 :]
        return json.dumps([following[0], None]) if following else ""


def _stated(seen: Seen) -> Stated:
    if seen.problem or not seen.readers:
        return UNREADABLE
    return Stated((frozenset(account(name) for name in seen.readers),))


def _item(table: Table, key: Key, seen: Seen) -> Item:
    values = dict(zip(table.key, map(str, key), strict=True))
    last = "-".join(str(one) for one in key).replace("/", "_")
    return Item(
        _id(table, key),
        f"{table.place}/{last}.md",
        seen.mark,
        name="row.md",
        modified_at=seen.modified_at,
        link=linked(table.link, values),
        title=seen.title,
        problem=seen.problem,
    )


def _id(table: Table, key: Key) -> str:
    return json.dumps([table.place, list(key)])


def _of_id(name: str) -> tuple[str, Key]:
    place, key = json.loads(name)
    return place, tuple(key)


def _of_cursor(cursor: str) -> tuple[str, Key | None]:
    try:
        place, after = json.loads(cursor)
        return place, None if after is None else tuple(after)
    except (ValueError, TypeError) as error:
        raise CursorLost("The cursor is none of ours.") from error
