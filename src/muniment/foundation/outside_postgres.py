"""The door to a Postgres server of somebody else's: snapshots that only read, in which a role of the server asks.

Invariants:
- the address is vetted and then connected to; over a network the server proves its name by a certificate, unless the
  address itself says otherwise;
- every transaction is read-only, and what is asked as a role is undone before the next is asked;
- a value never becomes a part of a statement but as a literal, a name never but as a quoted identifier.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy import exc

from muniment.foundation.egress import Egress, Unreached
from muniment.foundation.errors import BadInput, Unavailable
from muniment.foundation.postgres_address import place_of
from muniment.foundation.secret import Secret

Row = tuple[Any, ...]
CONNECT_SECONDS = 10
_ALLOWED = {"sslmode", "sslrootcert", "sslcert", "sslkey", "host"}
"""What may stand behind the `?` of an address; `host` for a socket of this machine only."""
_LATER = {"08", "40", "53", "55", "57", "58", "XX"}
"""Classes of errors that say nothing of whoever asked: connection, resources, locks, time, the system."""


def quoted(name: str) -> str:
    """Return a name as an identifier in the text of a statement; raises BadInput for what can be none."""
    if not name or "\x00" in name or len(name.encode("utf-8", "surrogatepass")) > 63:
        raise BadInput(f"{name!r} cannot be a name in Postgres.", fix="Mend the name.")
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'


class Snapshot:
    """One read-only transaction; what is asked sees the rows of one moment."""

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self._connection = connection

    def rows(self, statement: str, said: Sequence[object] = ()) -> list[Row]:
        """Return what our own login is shown; `%s` in the statement stands for values."""
        with _translated():
            return self._connection.execute(statement.encode(), tuple(said)).fetchall()

    def rows_as(self, role: str, statement: str, said: Sequence[object] = ()) -> list[Row] | None:
        """Return what a role is shown, None where the server refuses it or its answer is an error.

        Raises Unavailable where the failure says nothing of the role.
        """
        if role == "none":
            # Would set no role at all.
            return None
        whole = f"SAVEPOINT asked; SET LOCAL ROLE {quoted(role)}; {statement}; {_UNDONE}"
        with _translated():
            try:
                cursor = self._connection.execute(whole.encode(), tuple(said))
                cursor.nextset()
                cursor.nextset()
                return cursor.fetchall()
            except psycopg.Error as error:
                if error.sqlstate is None or error.sqlstate[:2] in _LATER:
                    raise
                self._connection.execute(_UNDONE.encode())
                return None


_UNDONE = "ROLLBACK TO SAVEPOINT asked; RELEASE SAVEPOINT asked"


class OutsidePostgres:
    """A connection to a server, made when it is first needed and again after it was lost."""

    def __init__(
        self, url: Secret, egress: Callable[[str], Egress], statement_seconds: int, setting: str = "url"
    ) -> None:
        """`egress` gives the door to the origin it is told; `setting` names the address in errors."""
        self._url = url
        self._egress = egress
        self._seconds = statement_seconds
        self._setting = setting
        self._connection: psycopg.Connection[Row] | None = None

    @contextmanager
    def snapshot(self) -> Generator[Snapshot]:
        """A snapshot; raises Unavailable, BadInput for an address that cannot be used, and Refused."""
        with _translated():
            connection = self._open()
            begun = (
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; "
                f"SET LOCAL statement_timeout = '{self._seconds}s'; SET LOCAL lock_timeout = '10s'; "
                f"SET LOCAL idle_in_transaction_session_timeout = '{self._seconds + 60}s'; "
                "SET LOCAL row_security = on"
            )
            connection.execute(begun.encode())
        try:
            yield Snapshot(connection)
        finally:
            try:
                connection.execute(b"ROLLBACK")
            except psycopg.Error:
                self.close()

    def close(self) -> None:
        """End the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()

    def _open(self) -> psycopg.Connection[Row]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                **self.parameters(),
                autocommit=True,
                cursor_factory=psycopg.ClientCursor,
                prepare_threshold=None,
            )
        return self._connection

    def parameters(self) -> dict[str, Any]:
        """Return what to connect with: where a network lies between, the vetted address."""
        given = self._url.reveal()
        place = place_of(given, self._setting)
        address = sa.make_url(given)
        if address.drivername != "postgresql" or not address.database or not address.username:
            raise BadInput(
                f"{self._setting} leads to no whole address of Postgres.",
                fix="Write postgresql://USER:PASSWORD@HOST:PORT/DATABASE.",
            )
        if unknown := sorted(set(address.query) - _ALLOWED):
            raise BadInput(
                f"{self._setting}: {unknown[0]} cannot be set in the address.", fix=f"Leave out {unknown[0]}."
            )
        said: dict[str, Any] = {
            "dbname": address.database,
            "user": address.username,
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "muniment",
            "client_encoding": "UTF8",
            **{key: str(value) for key, value in address.query.items()},
        }
        if address.password is not None:
            said["password"] = str(address.password)
        if place is None:
            return {**said, **({"port": address.port} if address.port else {})}
        host, port = place
        if "sslmode" not in said:
            said["sslmode"] = "verify-full"
            said.setdefault("sslrootcert", ssl.get_default_verify_paths().cafile or "system")
        return {**said, "host": host, "port": port, "hostaddr": self._vetted(host, port)}

    def _vetted(self, host: str, port: int) -> str:
        origin = f"https://{f'[{host}]' if ':' in host else host}:{port}"
        door = self._egress(origin)
        try:
            found = door.addresses(("https", host.lower().rstrip("."), port), CONNECT_SECONDS)
        except Unreached as error:
            raise Unavailable(
                f"The database server {host} has no address.",
                fix=f"Mend {self._setting} or the name server.",
            ) from error
        if not found:
            raise Unavailable(
                f"The database server {host} can only be reached through the proxy, which is for HTTP.",
                fix="Let the server's name be looked up here: see network.proxy.",
            )
        return str(found[0])


@contextmanager
def _translated() -> Generator[None]:
    try:
        yield
    except psycopg.Error as error:
        said = f"{type(error).__name__} {error.sqlstate or ''}".strip()
        if (error.sqlstate or "")[:2] in ("28", "3D"):
            raise BadInput(
                "The database server refuses the login or has no such database.",
                fix="Mend the user, password and database in url.",
                detail=said,
            ) from error
        if error.sqlstate == "57014":
            raise Unavailable(
                "The database server took too long to answer.",
                fix="Raise statement_seconds, or give the key an index.",
                detail=said,
            ) from error
        raise Unavailable(
            "The database server cannot be asked now.",
            fix="See its log; what is known holds until the lease runs out.",
            detail=said,
        ) from error
    except (exc.ArgumentError, ValueError) as error:
        raise BadInput("url leads to no address of Postgres.", fix="Mend the address.") from error
