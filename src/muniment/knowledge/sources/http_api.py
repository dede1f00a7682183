"""JSON over HTTP, as connectors to hosted services speak it.

Invariants:
- credentials go to the configured origin only: a link to another one, in a page or a redirect, is not taken with
  them;
- an answer that is cut, too large, too deep or of another shape is none: it raises, and never reads as empty;
- a service that wants to be left alone raises Throttled with the time that it asked for.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Protocol, cast
from urllib.parse import urlencode, urljoin

from muniment.foundation.clock import Clock
from muniment.foundation.database import storable
from muniment.foundation.egress import Egress, Refused, Reply, Unreached, origin_of
from muniment.foundation.errors import BadInput, Unavailable
from muniment.foundation.secret import Secret
from muniment.knowledge.sources.connector import Throttled, Unreadable

SECONDS = 30.0
MAX_JSON_BYTES = 8 << 20
MOST_PAGES = 100_000
"""Of one listing; a service that goes on past that goes round in circles."""
_EARLY_SECONDS = 60.0
"""Before its end, a token is fetched anew."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
Object = Mapping[str, object]


class Refusal(Unavailable):
    """The service answered with a status that is no success; a connector catches those that mean something to it."""

    def __init__(self, place: str, reply: Reply, *, fix: str = "") -> None:
        super().__init__(f"{place} answered {_status(reply.status)}.", fix=fix)
        self.reply = reply

    @property
    def status(self) -> int:
        """Return the status of the answer."""
        return self.reply.status


class Malformed(Unavailable):
    """The service answered with something that cannot be understood."""

    def __init__(self, public: str) -> None:
        super().__init__(public, fix="See that the address is that of the service itself.")


class TooLarge(Malformed):
    """The answer was cut, for it was larger than was asked for."""


class Credentials(Protocol):
    """What proves to a service who asks."""

    def header(self) -> str:
        """Return the value of the `authorization` header; raises Unavailable, BadInput."""
        ...

    def renew(self) -> bool:
        """Forget what the service refused; return whether there can be something better."""
        ...


@dataclass(frozen=True, slots=True)
class FixedToken:
    """Fills `Credentials` by a token that an operator was given, read anew for each connection."""

    secret: Callable[[], Secret | None]
    setting: str
    scheme: str = "Bearer"

    def header(self) -> str:
        return f"{self.scheme} {_revealed(self.secret, self.setting)}"

    def renew(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class NameAndPassword:
    """Fills `Credentials` by the Basic scheme."""

    name: str
    secret: Callable[[], Secret | None]
    setting: str

    def header(self) -> str:
        pair = f"{self.name}:{_revealed(self.secret, self.setting)}"
        return "Basic " + base64.b64encode(pair.encode()).decode("ascii")

    def renew(self) -> bool:
        return False


@dataclass(slots=True)
class GrantedToken:
    """Fills `Credentials` by a token that the service grants for a while, as OAuth 2.0 calls it."""

    egress: Egress
    url: str
    form: Callable[[], Mapping[str, str]]
    """The request for a token, its secret with it."""
    clock: Clock
    place: str
    seconds: float = SECONDS
    _token: str = field(default="", init=False, repr=False)
    _until: float = field(default=0.0, init=False)

    def header(self) -> str:
        if not self._token or self.clock.now().timestamp() >= self._until:
            self._fetch()
        return f"Bearer {self._token}"

    def renew(self) -> bool:
        had, self._token = bool(self._token), ""
        return had

    def _fetch(self) -> None:
        now = self.clock.now().timestamp()
        headers = {"accept": "application/json", "content-type": "application/x-www-form-urlencoded"}
        body = urlencode(self.form()).encode()
        reply = exchanged(
            self.egress, "POST", self.url, headers, body, self.seconds, MAX_JSON_BYTES, self.place
        )
        heed(reply, self.clock, self.place)
        if reply.status != HTTPStatus.OK:
            raise Refusal(
                f"{self.place}, asked for a token,",
                reply,
                fix="See that the client and its secret are right.",
            )
        said = object_of(reply.body, self.place)
        token, lives = text_in(said, "access_token"), said.get("expires_in", 0)
        if not token or text_in(said, "token_type").lower() != "bearer":
            raise Malformed(f"{self.place} granted no bearer token.")
        if isinstance(lives, str) and lives.isdecimal():
            lives = int(lives[:9])
        if not isinstance(lives, (int, float)) or isinstance(lives, bool):
            raise Malformed(f"{self.place} does not say how long its token lasts.")
        self._token, self._until = token, now + lives - min(_EARLY_SECONDS, lives / 2)


def client_credentials(
    client: str, secret: Callable[[], Secret | None], setting: str, scope: str
) -> Callable[[], Mapping[str, str]]:
    """Return the form by which a client asks for a token of its own."""
    return lambda: {
        "grant_type": "client_credentials",
        "client_id": client,
        "client_secret": _revealed(secret, setting),
        "scope": scope,
    }


class HttpApi:
    """One service at one origin."""

    def __init__(
        self,
        egress: Egress,
        base: str,
        credentials: Credentials,
        clock: Clock,
        place: str,
        headers: Mapping[str, str] | None = None,
        seconds: float = SECONDS,
    ) -> None:
        """`base` goes before addresses that are paths; `place` names the service in errors."""
        self._egress = egress
        self._base = base.rstrip("/")
        self._origin = origin_of(base)
        self._credentials = credentials
        self._clock = clock
        self._place = place
        self._headers = dict(headers or {})
        self._seconds = seconds

    def get(
        self,
        url: str,
        query: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Object:
        """Return the JSON object at a path or a link; raises Refusal, Malformed, Throttled, Unavailable."""
        return object_of(self.reply("GET", self.address(url, query), headers).body, self._place)

    def post(self, url: str, sent: object, headers: Mapping[str, str] | None = None) -> Object:
        """Send JSON and return the JSON object that comes back; raises as `get` does."""
        more = {"content-type": "application/json", **(headers or {})}
        reply = self.reply("POST", self.address(url), more, json.dumps(sent).encode())
        return object_of(reply.body, self._place)

    def pages(
        self,
        url: str,
        query: Mapping[str, str | int] | None,
        following: Callable[[Object], str],
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[Object]:
        """Return a listing page by page; `following` gives the link to the next page, empty after the last."""
        at, seen = self.address(url, query), set[str]()
        while at:
            if at in seen or len(seen) >= MOST_PAGES:
                raise Malformed(f"The pages of {self._place} go round in circles.")
            seen.add(at)
            page = self.get(at, headers=headers)
            yield page
            onward = following(page)
            at = self.address(onward) if onward else ""

    def address(self, url: str, query: Mapping[str, str | int] | None = None) -> str:
        """Return the whole address of a path or a link; raises Malformed for a link to another origin."""
        whole = self._base + url if url.startswith("/") and not url.startswith("//") else url
        try:
            own = origin_of(whole) == self._origin
        except BadInput:
            own = False
        if not own:
            raise Malformed(f"{self._place} gave a link that leads elsewhere.")
        if query:
            whole += ("&" if "?" in whole else "?") + urlencode(query)
        return whole

    def content(
        self,
        url: str,
        most_bytes: int,
        query: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        elsewhere: Collection[str] = (),
    ) -> Reply:
        """Return the bytes at a path or a link.

        A redirect is followed within the origin, and without credentials to the origins of `elsewhere`. Raises as
        `get` does, and Unreadable for more than `most_bytes`.
        """
        there = {origin_of(one) for one in elsewhere}
        at, own = self.address(url, query), True
        for _ in range(_MOST_REDIRECTS):
            try:
                reply = self._asked("GET", at, headers, b"", most_bytes, own)
            except TooLarge as error:
                raise Unreadable(f"More than {most_bytes:,} bytes.", why="size") from error
            if reply.status not in _REDIRECTS:
                return self._successful(reply)
            at = urljoin(at, reply.headers.get("location", ""))
            try:
                to = origin_of(at)
            except BadInput as error:
                raise Malformed(f"{self._place} led to no address.") from error
            if to != self._origin and to not in there:
                raise Unavailable(
                    f"{self._place} led to {to[1]}, which it may not.",
                    fix="Allow that host if it may be asked.",
                )
            own = own and to == self._origin
        raise Malformed(f"{self._place} led on and on.")

    def reply(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Reply:
        """Return the answer to one request of any kind; raises as `get` does."""
        return self._successful(self._asked(method, self.address(url), headers, body, MAX_JSON_BYTES, True))

    def _asked(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        body: bytes,
        most_bytes: int,
        own: bool,
    ) -> Reply:
        reply = self._once(method, url, headers, body, most_bytes, own)
        if reply.status == HTTPStatus.UNAUTHORIZED and own and self._credentials.renew():
            return self._once(method, url, headers, body, most_bytes, own)
        return reply

    def _once(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        body: bytes,
        most_bytes: int,
        own: bool,
    ) -> Reply:
        sent = {"accept": "application/json"}
        if own:
            sent |= {**self._headers, **(headers or {}), "authorization": self._credentials.header()}
        reply = exchanged(self._egress, method, url, sent, body, self._seconds, most_bytes, self._place)
        heed(reply, self._clock, self._place)
        return reply

    def _successful(self, reply: Reply) -> Reply:
        if not 200 <= reply.status < 300:
            fix = ""
            if reply.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
                fix = "See that the credentials are right, and that their account may read."
            raise Refusal(self._place, reply, fix=fix)
        return reply


def exchanged(
    egress: Egress,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    seconds: float,
    most_bytes: int,
    place: str,
) -> Reply:
    """Return the answer to one request; raises Unavailable, and TooLarge for one past `most_bytes`."""
    try:
        return egress.exchange(method, url, headers, body, seconds, most_bytes)
    except Unreached as error:
        if error.how == "size":
            raise TooLarge(f"{place} answered with more than {most_bytes:,} bytes.") from error
        raise Unavailable(
            f"{place} gave no answer ({error}).", fix="See that it can be reached from here."
        ) from error
    except (Refused, BadInput) as error:
        raise Unavailable(error.public, fix=error.fix) from error


def heed(reply: Reply, clock: Clock, place: str) -> None:
    """Raise Throttled for an answer that asks for patience, and Unavailable for a failure of the service."""
    stated = reply.headers.get("retry-after", "").strip()
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS or (
        reply.status == HTTPStatus.SERVICE_UNAVAILABLE and stated
    ):
        raise Throttled(seconds_of(stated, clock))
    if reply.status >= 500:
        raise Unavailable(f"{place} answered {_status(reply.status)}.", fix="It is asked again later.")


def seconds_of(stated: str, clock: Clock) -> float:
    """Return how long a `Retry-After` asks to wait, in seconds or until a date; 0 where it cannot be told."""
    if stated.isascii() and stated.isdecimal():
        return float(stated[:9])
    try:
        at = parsedate_to_datetime(stated)
    except (TypeError, ValueError):
        return 0.0
    whole = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (whole - clock.now()).total_seconds())


def origin_for_secrets(url: str, setting: str) -> str:
    """Return the origin of a service; raises BadInput for one to which credentials would travel in clear."""
    scheme, host, port = origin_of(url)
    if scheme != "https" and host not in ("localhost", "127.0.0.1", "::1"):
        raise BadInput(
            f"{setting} is not https.", fix="Credentials would cross the network in clear: use https."
        )
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def object_of(body: bytes, place: str) -> Object:
    """Return the JSON object of an answer; raises Malformed."""
    try:
        found: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{place} answered with no JSON.") from error
    return as_object(found, f"The answer of {place}")


def as_object(found: object, what: str) -> Object:
    """Return a value that has to be an object; raises Malformed."""
    if not isinstance(found, dict):
        raise Malformed(f"{what} is no JSON object.")
    return cast("Object", found)


def objects_in(holder: Object, name: str) -> list[Object]:
    """Return a field that has to be a list of objects; raises Malformed, for a missing one too."""
    found = holder.get(name)
    if not isinstance(found, list):
        raise Malformed(f"{name} is no list.")
    return [as_object(one, f"Something in {name}") for one in cast("Sequence[object]", found)]


def object_in(holder: Object, name: str) -> Object:
    """Return a field that has to be an object, empty where it is missing; raises Malformed."""
    found = holder.get(name)
    return {} if found is None else as_object(found, name)


def text_in(holder: Object, name: str) -> str:
    """Return a field that has to be text, empty where it is missing; raises Malformed.

    What no file or database can hold is replaced.
    """
    found = holder.get(name)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise Malformed(f"{name} is no text.")
    return found if storable(found) else _storable(found)


def stated_in(holder: Object, name: str) -> str:
    """Return a field that has to be text as it is, and not empty, such as an id; raises Malformed."""
    found = text_in(holder, name)
    if not found or found != holder[name]:
        raise Malformed(f"{name} is missing, or holds what no name can.")
    return found


def _revealed(secret: Callable[[], Secret | None], setting: str) -> str:
    found = secret()
    if found is None:
        raise BadInput(f"{setting} is empty.", fix='Write "env:NAME" or "file:PATH".')
    return found.reveal().strip()


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


def _status(status: int) -> str:
    try:
        return f"{status} ({HTTPStatus(status).phrase})"
    except ValueError:
        return str(status)
