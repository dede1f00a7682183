"""Mail on a server that speaks IMAP: the folders of listed accounts, each message an item, each folder a scope.

A message is known by account, folder, UIDVALIDITY and UID, and never changes; what is moved is another. What is
marked `\\Deleted` is gone. An account that cannot sign in is inactive, and its mail is nobody's until it can again.

Narrower than the source where access lists can be read in two ways (see `imap_rights`), where only groups that the
operator lists count, and where a folder belongs to no listed account: it is not read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar, cast

from pydantic import Field

from muniment.foundation.clock import timestamp
from muniment.foundation.egress import Refused, Unreached
from muniment.foundation.errors import BadInput, Unavailable
from muniment.foundation.imap import ImapServer, ImapSession, Mailbox, Opened, Rejected, Tls, Value, speakable
from muniment.knowledge.sources.connector import (
    UNREADABLE,
    AccessPage,
    Account,
    Checked,
    Content,
    ContentPage,
    Gone,
    Item,
    People,
    Stated,
    Unreadable,
)
from muniment.knowledge.sources.connectors.imap_accounts import Listed, listed
from muniment.knowledge.sources.connectors.imap_names import Place, box_id, place_of, shown
from muniment.knowledge.sources.connectors.imap_rights import stated
from muniment.knowledge.sources.kinds import Doors
from muniment.knowledge.sources.source_settings import SourceSettings

T = TypeVar("T")
PAGE = 500
SECONDS = 30.0
"""How long one answer of the server may take."""
SPAN = 50_000
"""UIDs that are asked for at once, so that no answer is longer than a line may be."""
_MOST_SPANS = 100_000
_REFUSED = frozenset({"AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED", "CONTACTADMIN"})
_SHUT = frozenset({"NONEXISTENT", "TRYCREATE", "NOPERM", "ACL", ""})
"""Of a folder that is listed and cannot be opened; Dovecot gives no code where a list keeps its owner out."""
_NO_MAIL = frozenset({b"\\noselect", b"\\nonexistent"})


class Settings(SourceSettings):
    """Of a mail server."""

    server: str = Field(min_length=1)
    """Its name, which its certificate proves."""
    port: int = Field(default=993, ge=1, le=65535)
    tls: Tls = "implicit"
    """"none" only to a server on this machine."""
    ca_file: str = ""
    """The authorities that signed its certificate, where those of the system did not."""
    private_network: bool = False
    """Whether its name may lead into the operator's own network."""
    users: tuple[str, ...] = ()
    """The accounts, by the name that they sign in with."""
    accounts_file: str = ""
    """A TOML file of accounts: `[users.NAME]` with `groups`, `email` and, where no master signs in, `password`."""
    master: str = ""
    """Who signs in for others, as `USER*MASTER`; empty: each account by its own password."""
    master_password: str = ""
    """A reference such as `env:NAME`."""
    separator: str = Field(default="*", min_length=1, max_length=1)


def connect(settings: SourceSettings, doors: Doors) -> ImapConnector:
    """Return a connection."""
    return ImapConnector(cast("Settings", settings), doors)


@dataclass(frozen=True, slots=True)
class _Cursor:
    """Behind which message of which folder of which account a pass goes on."""

    account: str = ""
    mailbox: bytes = b""
    validity: int = 0
    uid: int = 0

    @classmethod
    def read(cls, text: str) -> _Cursor:
        if not text:
            return cls()
        account, mailbox, validity, uid = json.loads(text)
        return cls(account, mailbox.encode("latin-1"), validity, uid)

    def written(self) -> str:
        return json.dumps([self.account, self.mailbox.decode("latin-1"), self.validity, self.uid])


@dataclass(frozen=True, slots=True)
class _Found:
    """Messages of one folder, which is open in the session."""

    session: ImapSession
    account: str
    mailbox: Mailbox
    validity: int
    uids: Sequence[int]
    problem: str = ""
    """Why the folder cannot be read."""

    def folder(self) -> str:
        """Return where the folder lies, for people."""
        return f"{self.account.replace('/', '_')}/{shown(self.mailbox.name, self.mailbox.delimiter)}"

    def places(self) -> Iterator[Place]:
        return (Place(self.account, self.mailbox.name, self.validity, uid) for uid in self.uids)


class ImapConnector:
    """Fills `Connector`."""

    def __init__(self, settings: Settings, doors: Doors) -> None:
        self._settings = settings
        self._doors = doors
        own = settings.ca_file
        self._server = ImapServer(
            settings.server,
            settings.port,
            settings.tls,
            doors.egress([f"https://{settings.server}:{settings.port}"], settings.private_network),
            doors.home / Path(own).expanduser() if own else None,
            SECONDS,
        )
        self._session: tuple[str, ImapSession] | None = None
        self._selected: tuple[bytes, Opened] | None = None
        self._met = False
        """Whether any account could sign in, so that one that cannot is refused for itself."""

    def check(self) -> Checked:
        """Sign in for each account."""
        accounts = self._listed()
        refused = [name for name in accounts if self._enter(name) is None]
        says = [f"{len(accounts)} accounts, {len(accounts) - len(refused)} of which sign in"]
        warnings = [f"{name} cannot sign in: its mail is nobody's" for name in refused[:10]]
        first = next(name for name in accounts if name not in refused)
        if "ACL" not in cast("ImapSession", self._enter(first)).capabilities:
            warnings.append("the server keeps no access lists: each account reads its own mail only")
        return Checked(says, warnings)

    def people(self) -> Iterable[People]:
        """Return the listed accounts; those that cannot sign in now are inactive."""
        accounts = self._listed()
        yield People(
            [
                Account(name, name, one.email, active=self._enter(name) is not None)
                for name, one in accounts.items()
            ]
        )

    def access(self, cursor: str) -> AccessPage:
        """Return the access lists of the next folders."""
        groups = {name: one.groups for name, one in self._listed().items()}
        scopes: dict[str, Stated] = {}
        items: dict[str, str] = {}

        def take(found: _Found) -> None:
            scope = box_id(found.account, found.mailbox.name)
            if scope not in scopes and not found.problem:
                scopes[scope] = self._stated(found, groups)
            items.update((place.id(), scope) for place in found.places())

        following = self._walk(cursor, take)
        return AccessPage(scopes, items, (), following, bool(following))

    def changes(self, cursor: str) -> ContentPage:
        """Return the next messages."""
        items: list[Item] = []

        def take(found: _Found) -> None:
            if found.problem:
                name = box_id(found.account, found.mailbox.name)
                items.append(Item(name, found.folder(), "", problem=found.problem))
                return
            facts = found.session.fetch(_set_of(found.uids), "(UID RFC822.SIZE INTERNALDATE)")
            for place in found.places():
                if place.uid in facts:
                    items.append(_item(place, found.folder(), facts[place.uid]))

        following = self._walk(cursor, take)
        return ContentPage(items, (), following, bool(following))

    def fetch(self, item: Item) -> Content:
        """Return a message as it was delivered."""
        place = place_of(item.id)
        found = self._again(lambda: self._read(place))
        if found is None:
            raise Gone(f"{item.path} is no more.")
        return Content(found)

    def close(self) -> None:
        """End the session."""
        if self._session is not None:
            self._session[1].close()
        self._session = self._selected = None

    def _read(self, place: Place) -> bytes | None:
        session = self._enter(place.account) if place.account in self._listed() else None
        if session is None:
            raise Unreadable(f"{place.account} cannot sign in now.")
        opened = self._open(session, place.mailbox, kept=True)
        if opened is None or opened.validity != place.validity:
            return None
        most = self._doors.max_file_bytes + 1
        found = session.fetch(str(place.uid), f"(UID BODY.PEEK[]<0.{most}>)", most + (1 << 16))
        bodies = [value for key, value in found.get(place.uid, {}).items() if key.startswith(b"BODY[]")]
        body = bodies[0] if bodies else None
        return body if isinstance(body, bytes) else None

    def _walk(self, text: str, take: Callable[[_Found], None]) -> str:
        """Give the next PAGE messages, folder by folder; return where to go on from, empty at the end."""
        cursor, left = _Cursor.read(text), PAGE
        for account in self._listed():
            if account < cursor.account:
                continue
            session = self._enter(account)
            if session is None:
                continue
            for mailbox in self._asked(lambda session=session: _own_mailboxes(session)):
                if (account, mailbox.name) < (cursor.account, cursor.mailbox):
                    continue
                if not speakable(mailbox.name):
                    take(_Found(session, account, mailbox, 0, (), "The folder's name cannot be sent."))
                    continue
                opened = self._open(session, mailbox.name)
                if opened is None:
                    take(_Found(session, account, mailbox, 0, (), "The folder's owner may not read it."))
                    continue
                here = (account, mailbox.name, opened.validity)
                after = cursor.uid if here == (cursor.account, cursor.mailbox, cursor.validity) else 0
                uids = self._asked(
                    lambda session=session, opened=opened, after=after: _uids(session, opened, after)
                )
                part = uids[:left]
                if not part:
                    continue
                found = _Found(session, account, mailbox, opened.validity, part)
                self._asked(lambda found=found: take(found))
                left -= len(part)
                if left <= 0:
                    return _Cursor(*here, part[-1]).written()
        return ""

    def _stated(self, found: _Found, groups: dict[str, frozenset[str]]) -> Stated:
        """Return who reads a folder; nobody where the server does not say."""
        session, name = found.session, found.mailbox.name
        if "ACL" not in session.capabilities:
            return stated([(found.account.encode(), b"r")], groups)
        try:
            entries = session.access_list(name)
            owner = found.account.encode()
            if owner not in [identifier for identifier, _ in entries]:
                entries.append((owner, session.own_rights(name)))
        except Rejected:
            return UNREADABLE
        return stated(entries, groups)

    def _open(self, session: ImapSession, mailbox: bytes, kept: bool = False) -> Opened | None:
        """Open a folder; None where there is none any more, or where its owner may not read it."""
        if kept and self._selected is not None and self._selected[0] == mailbox:
            return self._selected[1]
        self._selected = None
        try:
            opened = self._asked(lambda: session.open(mailbox), _SHUT)
        except Rejected:
            return None
        self._selected = (mailbox, opened)
        return opened

    def _listed(self) -> dict[str, Listed]:
        settings = self._settings
        file = (
            self._doors.home / Path(settings.accounts_file).expanduser() if settings.accounts_file else None
        )
        return listed(settings.users, file, settings.separator if settings.master else "")

    def _enter(self, account: str) -> ImapSession | None:
        """Return a session of an account, the one that is open if it is that one's; None where it is refused."""
        if self._session is not None and self._session[0] == account:
            return self._session[1]
        session = self._signed_in(account)
        if session is None and not self._met:
            others = (name for name in self._listed() if name != account)
            if not any(self._tried(name) for name in others):
                field = "master_password" if self._settings.master else "accounts_file"
                raise Unavailable(
                    f"No account of {self._settings.server} can sign in.", fix=f"Check {field} and the names."
                )
        if session is not None:
            self.close()
            self._session = (account, session)
        return session

    def _tried(self, account: str) -> bool:
        session = self._signed_in(account)
        if session is not None:
            session.close()
        return session is not None

    def _signed_in(self, account: str) -> ImapSession | None:
        user, password = self._credentials(account)
        try:
            session = self._asked(lambda: self._server.sign_in(user, password), _REFUSED)
        except Rejected:
            return None
        self._met = True
        return session

    def _credentials(self, account: str) -> tuple[str, str]:
        settings = self._settings
        if settings.master:
            user = f"{account}{settings.separator}{settings.master}"
            reference, field = settings.master_password, "master_password"
        else:
            user, reference = account, self._listed()[account].password
            field = f"accounts_file: users.{account}.password"
        secret = self._doors.secret(reference, field) if reference else None
        if secret is None:
            raise BadInput(f"{field}: no password is there.", fix="Write env:NAME or file:PATH, and set it.")
        if "\0" in secret.reveal():
            raise BadInput(f"{field}: this cannot be a password.", fix="Take the null character out.")
        return user, secret.reveal()

    def _again(self, ask: Callable[[], T]) -> T:
        """Ask once more in a new session where an old one had ended."""
        had = self._session is not None
        try:
            return self._asked(ask)
        except Unavailable:
            self.close()
            if not had:
                raise
        return self._asked(ask)

    def _asked(self, ask: Callable[[], T], known: frozenset[str] = frozenset()) -> T:
        """Return what the server says; raises Rejected for the codes that are known, else Unavailable."""
        try:
            return ask()
        except Rejected as error:
            if str(error) in known:
                raise
            raise Unavailable(
                f"{self._settings.server} will not say ({error or 'without a reason'}).",
                fix="See the log of the mail server.",
            ) from error
        except (Unreached, Refused) as error:
            self.close()
            raise Unavailable(
                f"{self._settings.server}:{self._settings.port} cannot be asked ({error}).",
                fix="Check server, port, tls, ca_file and private_network.",
            ) from error


def _own_mailboxes(session: ImapSession) -> list[Mailbox]:
    """Return the account's own folders that hold mail, and not those of others that it is shown."""
    others: list[bytes] = []
    if "NAMESPACE" in session.capabilities:
        own, *foreign = session.namespaces()
        others = [prefix for part in foreign for prefix in part if prefix not in own]
        if b"" in others:
            raise Unreached("folders of others that cannot be told apart")
    return [
        one
        for one in session.mailboxes()
        if not one.flags & _NO_MAIL
        and not any(
            one.name.startswith(prefix) or one.name == prefix.rstrip(one.delimiter) for prefix in others
        )
    ]


def _uids(session: ImapSession, opened: Opened, after: int) -> list[int]:
    """Return the UIDs behind one that are not marked as deleted, at least a page of them if there are."""
    if opened.messages <= SPAN:
        return [uid for uid in session.search("UNDELETED", "UID", f"{after + 1}:*") if uid > after]
    found: list[int] = []
    for _ in range(_MOST_SPANS):
        if len(found) >= PAGE or after + 1 >= opened.next_uid:
            return found
        until = min(after + SPAN, opened.next_uid - 1)
        found += [uid for uid in session.search("UNDELETED", "UID", f"{after + 1}:{until}") if uid > after]
        after = until
    raise Unreached("too many numbers between messages")


def _set_of(uids: Sequence[int]) -> str:
    """Return UIDs in order as a set, those in a row as a range."""
    ranges: list[list[int]] = []
    for uid in uids:
        if ranges and ranges[-1][1] == uid - 1:
            ranges[-1][1] = uid
        else:
            ranges.append([uid, uid])
    return ",".join(str(first) if first == last else f"{first}:{last}" for first, last in ranges)


def _item(place: Place, folder: str, facts: dict[bytes, Value]) -> Item:
    size, received = facts.get(b"RFC822.SIZE"), facts.get(b"INTERNALDATE")
    if not isinstance(size, bytes) or not size.isdigit():
        raise Unreached("malformed")
    modified = ""
    if isinstance(received, bytes):
        with suppress(ValueError):
            at = datetime.strptime(received.decode("ascii", "replace").strip(), "%d-%b-%Y %H:%M:%S %z")
            modified = timestamp(at.astimezone(UTC))
    name = f"{place.uid}.eml"
    return Item(place.id(), f"{folder}/{name}", place.id(), name, int(size[:18]), modified)
