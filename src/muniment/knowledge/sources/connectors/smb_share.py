"""One signed-in session with an SMB share: lists folders, and reads files with what says who may.

Invariants:
- only an address that was vetted is connected to; the name is what the server is asked for by;
- a link is never followed, neither by us nor by the library;
- every answer is waited for within a time, and bounded; a session that drops is begun anew once for each question;
- a status that is not understood never reads as "nothing there".
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from smbprotocol.connection import Connection
from smbprotocol.exceptions import SMBAuthenticationError, SMBResponseException
from smbprotocol.header import NtStatus
from smbprotocol.session import Session
from smbprotocol.transport import Tcp
from smbprotocol.tree import TreeConnect

from muniment.foundation.errors import MunimentError, Unavailable
from muniment.foundation.ids import Ids
from muniment.knowledge.sources.connector import Throttled
from muniment.knowledge.sources.connectors.smb_facts import Entry, Fault, Seen
from muniment.knowledge.sources.connectors.smb_wire import (
    DROPPED,
    PATIENCE,
    Dropped,
    listed,
    meant,
    read,
    seen,
)

T = TypeVar("T")
SECONDS = 30
"""To wait for an answer."""
AT_ONCE = 8
"""Files that are asked about before the first answer is waited for."""
# The library logs names of files, and its own end as an error.
logging.getLogger("smbprotocol").addHandler(logging.NullHandler())
logging.getLogger("smbprotocol").propagate = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a share is, and who asks for it."""

    addresses: Callable[[], Sequence[str]]
    """Gives those that may be connected to."""
    server: str
    port: int
    share: str
    user: str
    password: Callable[[], str]
    encryption: bool
    signing: bool


class _Bounded(Tcp):
    """Makes no room for more than an answer may be: the library would for what anybody says before signing in."""

    def _recv(self, length, timeout):  # type: ignore[no-untyped-def]
        if length > self.MAX_SIZE:
            raise ValueError("an answer that is too long")
        return super()._recv(length, timeout)


class _Patient(Connection):
    """Waits for no answer for ever, and follows no link."""

    @property
    def transport(self) -> Tcp | None:
        """What it is spoken over."""
        return self._spoken_over

    @transport.setter
    def transport(self, made: Tcp | None) -> None:
        self._spoken_over = None if made is None else _Bounded(made.server, made.port, made.timeout)

    def receive(self, request, wait=True, timeout=None, resolve_symlinks=True):  # type: ignore[no-untyped-def]
        return super().receive(request, wait, timeout or SECONDS, resolve_symlinks=False)


class Share:
    """A share; paths are names joined by `/`, without one at the beginning."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._tree: TreeConnect | None = None

    def listed(self, folder: str) -> list[Entry]:
        """Return all that a folder holds; raises Fault, Unavailable, Throttled."""
        return self._again(lambda tree: list(listed(tree, folder)))

    def seen(self, paths: Sequence[str]) -> list[Seen | Fault]:
        """Return how each file or folder is now, and what says who may read it; raises Unavailable, Throttled."""
        found: list[Seen | Fault] = []
        for at in range(0, len(paths), AT_ONCE):
            part = paths[at : at + AT_ONCE]
            found += self._again(lambda tree, part=part: seen(tree, part))
        return found

    def read(self, path: str, most: int) -> tuple[Seen, bytes, Seen]:
        """Return a file's bytes, at most one more than `most`, and how it was before and after they were read.

        Raises Fault, Unavailable, Throttled.
        """
        return self._again(lambda tree: read(tree, path, most))

    def says(self) -> str:
        """Return how the server is spoken to; raises Unavailable."""
        tree = self._again(lambda tree: tree)
        session = tree.session
        how = "encrypted" if session.encrypt_data else "signed" if session.signing_required else "in clear"
        dialect = session.connection.dialect
        return f"{self._place.server} speaks SMB {dialect >> 8}.{dialect >> 4 & 15}, {how}"

    def close(self) -> None:
        """End the session."""
        tree, self._tree = self._tree, None
        if tree is not None:
            with suppress(Exception):
                tree.session.connection.disconnect(timeout=2)

    def _again(self, ask: Callable[[TreeConnect], T]) -> T:
        for left in (1, 0):
            try:
                if self._tree is None:
                    self._tree = _connected(self._place)
                return _within_session(ask, self._tree)
            except Dropped as error:
                self._drop()
                if not left:
                    raise Unavailable(
                        f"The file server {self._place.server} does not answer, or not as it should.",
                        fix="See that it runs and can be reached.",
                        detail=str(error),
                    ) from error
        raise AssertionError

    def _drop(self) -> None:
        tree, self._tree = self._tree, None
        if tree is not None:
            with suppress(Exception):
                tree.session.connection.disconnect(close=False)


def _within_session(ask: Callable[[TreeConnect], T], tree: TreeConnect) -> T:
    try:
        return ask(tree)
    except (MunimentError, Fault, Dropped):
        raise
    except SMBResponseException as error:
        raise meant(error) from error
    except Exception as error:
        # The library hands on whatever its thread that listens met, of any kind.
        raise Dropped(f"{type(error).__name__}: {error}") from error


def _connected(place: Place) -> TreeConnect:
    problem: Exception | None = None
    for address in place.addresses():
        connection = _Patient(uuid.UUID(bytes=Ids().random_bytes(16)), address, place.port, place.signing)
        try:
            connection.connect(timeout=10)
        except Exception as error:
            problem = error
            with suppress(Exception):
                connection.disconnect(close=False)
            continue
        try:
            return _admitted(connection, place)
        except BaseException:
            with suppress(Exception):
                connection.disconnect(close=False)
            raise
    raise Dropped(str(problem))


def _admitted(connection: Connection, place: Place) -> TreeConnect:
    try:
        session = Session(
            connection,
            place.user,
            place.password(),
            require_encryption=place.encryption,
            hostname_override=place.server,
            auth_protocol="ntlm",
        )
        session.connect()
        tree = TreeConnect(session, rf"\\{place.server}\{place.share}")
        tree.connect()
    except SMBResponseException as error:
        if error.status in PATIENCE:
            raise Throttled(0.0) from error
        if error.status in DROPPED:
            raise Dropped(str(error)) from error
        if error.status == NtStatus.STATUS_BAD_NETWORK_NAME:
            raise Unavailable(
                f"{place.server} has no share {place.share}.", fix="Mend the setting `share`."
            ) from error
        raise Unavailable(
            f"{place.server} does not let {place.user} use the share {place.share}.",
            fix="Check the settings user, domain and password, and what the account may do.",
            detail=f"status {error.status:#x}",
        ) from error
    except SMBAuthenticationError as error:
        raise Unavailable(
            f"{place.user} cannot sign in to {place.server}.",
            fix="Check the settings user, domain and password.",
            detail=str(error),
        ) from error
    except MunimentError:
        raise
    except Exception as error:
        if "encryption" in str(error) or "guest" in str(error):
            raise Unavailable(
                f"{place.server} does not encrypt or sign, or takes {place.user} for a guest.",
                fix="Let the server speak SMB 3 with encryption, or see the settings encryption and signing.",
                detail=str(error),
            ) from error
        raise Dropped(f"{type(error).__name__}: {error}") from error
    # Paths are of this server alone: it resolves nothing that leads elsewhere.
    tree.is_dfs_share = False
    return tree
