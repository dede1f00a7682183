"""The door to the network: nothing leaves but to an origin that was allowed by name.

Invariants:
- a request to an origin (scheme, host, port) that is not allowed, or that the operator's list for its purpose lacks,
  opens no connection and asks no name server;
- the address is vetted and then connected to, so that a name cannot point elsewhere in between; TLS still verifies
  the name;
- an origin that is allowed as a name must resolve to public addresses, unless the origin itself is a literal
  address or `localhost`, which the operator then meant; where all must stay inside, to inside addresses only;
- link-local, multicast, unspecified and metadata addresses are refused always, and odd spellings of addresses;
- redirects are not followed, the environment is ignored, replies are bounded in size and time;
- each refusal is told to whoever made the door.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast, get_args

import httpx2

from muniment.foundation.addresses import Address, is_odd_spelling, literal, reach
from muniment.foundation.apart import apart
from muniment.foundation.egress_rules import OPEN, EgressRules, Purpose
from muniment.foundation.errors import BadInput, Denied
from muniment.foundation.telemetry.instruments import Counter
from muniment.foundation.telemetry.labels import Label

Client = httpx2.AsyncClient
"""The client's type, for code that may not import the library."""

MAX_REPLY_BYTES = 16 << 20
CONNECT_SECONDS = 10.0
_PORTS = {"http": 80, "https": 443}
Origin = tuple[str, str, int]
"""Scheme, host and port."""
Why = Literal["origin", "list", "address", "outside"]
REFUSED = Counter(
    "muniment.egress.refusals",
    "Requests that were not let out, by what they were for and why.",
    Label("muniment.purpose", *get_args(Purpose)),
    Label("muniment.reason", *get_args(Why)),
)
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the addresses of a name; raises OSError where there is none."""


class Refused(Denied):
    """The request would have left through a door that is shut; nothing was sent."""

    code = "egress-refused"

    def __init__(self, public: str, why: Why = "origin", *, fix: str = "") -> None:
        super().__init__(public, fix=fix)
        self.why: Why = why


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was refused, for the log."""

    purpose: Purpose
    host: str
    port: int
    why: Why


async def look_up(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a name, as this machine finds them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class TooLarge(Exception):
    """The reply went past the bound and was cut."""


How = Literal["connect", "time", "size", "broken"]
"""How a request failed: without a connection, so that nothing was sent; too late, too large, or in the middle."""


class Unreached(Exception):
    """No whole reply came within the time: the text says what kind of failure it was, and no more."""

    def __init__(self, said: str, how: How = "broken") -> None:
        super().__init__(said)
        self.how: How = how


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply, its body as it was sent."""

    status: int
    body: bytes
    kind: str = ""
    """Its media type, in lower case, without parameters."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """By name in lower case."""

    def document(self) -> dict[str, Any]:
        """Return the JSON object of its body, empty where that holds none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


class Egress:
    """Clients that reach the allowed origins and nothing else."""

    def __init__(
        self,
        allowed_origins: Iterable[str],
        private_origins: Iterable[str] = (),
        max_reply_bytes: int = MAX_REPLY_BYTES,
        ca_file: Path | None = None,
        *,
        purpose: Purpose = "models",
        rules: EgressRules = OPEN,
        resolve: Resolve = look_up,
        on_refused: Callable[[Refusal], None] | None = None,
    ) -> None:
        """`private_origins` are allowed too, and their names may resolve inside the operator's own network.

        With `ca_file`, or that of the rules, only certificates that its authorities signed are taken.
        """
        private = frozenset(private_origins)
        self._allowed = {origin_of(origin): origin in private for origin in {*allowed_origins, *private}}
        self._max_reply_bytes = max_reply_bytes
        self._ca_file = ca_file or rules.ca_file
        self._purpose: Purpose = purpose
        self._rules = rules
        self._resolve = resolve
        self._on_refused = on_refused
        self._trusting: ssl.SSLContext | None = None

    async def way(self, origin: Origin) -> tuple[list[Address], Address | None]:
        """Return the addresses of an origin, none where a proxy looks them up, and the proxy's if one is needed.

        Raises Refused, and OSError where a name has no address.
        """
        try:
            return await self._way(origin)
        except Refused as error:
            REFUSED.add(1, self._purpose, error.why)
            if self._on_refused is not None:
                self._on_refused(Refusal(self._purpose, origin[1], origin[2], error.why))
            raise

    async def _way(self, origin: Origin) -> tuple[list[Address], Address | None]:
        self._check_named(origin)
        rules, own_network = self._rules, self._own_network(origin)
        if rules.proxy is not None and rules.proxy_resolves and not (rules.private or own_network):
            found = list[Address]()
        else:
            found = await self._addresses(origin[1], origin[2], own_network)
            if rules.proxy is None or all(reach(one) == "inside" for one in found):
                return found, None
        return found, (await self._addresses(*rules.proxy, own_network=True))[0]

    def _own_network(self, origin: Origin) -> bool:
        host = origin[1]
        return self._allowed.get(origin, False) or literal(host) is not None or host == "localhost"

    def _check_named(self, origin: Origin) -> None:
        _, host, port = origin
        if origin not in self._allowed:
            raise Refused(
                f"{origin[0]}://{host}:{port} is not an origin that may be reached.",
                fix="Only addresses that settings.toml names may be.",
            )
        if not self._rules.lists_host(self._purpose, host, port):
            raise Refused(
                f"{host}:{port} is not on the list of what may be reached.",
                "list",
                fix=f"Add it to network.allow.{self._purpose} if it may be.",
            )

    async def _addresses(self, host: str, port: int, own_network: bool) -> list[Address]:
        """Every address of a name must pass: one bad one refuses the name."""
        own = literal(host)
        said = [host] if own is not None else await self._resolve(host, port)
        found = [one for one in (literal(text) for text in said) if one is not None]
        if not found or len(found) != len(said):
            raise OSError(f"No address for {host}.")
        for one in found:
            self._check(one, own_network or self._rules.private)
        return found

    def _check(self, address: Address, own_network: bool) -> None:
        where = reach(address)
        if where == "never" or (where == "inside" and not own_network):
            raise Refused(
                f"The allowed origin leads to {address}, which may not be reached.",
                "address",
                fix="Name the address itself in settings.toml if that is what you mean; link-local, multicast and "
                "metadata addresses are never reached.",
            )
        if where == "outside" and self._rules.private:
            raise Refused(
                f"The allowed origin leads to {address}, outside your own network.",
                "outside",
                fix="Use an endpoint inside it, or set network.private = false.",
            )

    def client(
        self, timeout_seconds: float, most_bytes: int | None = None, on_cut: Callable[[], None] | None = None
    ) -> Client:
        """Return a client to be closed by its caller; each wait of a request is bounded by the timeout.

        `most_bytes` bounds its replies further; `on_cut` is told of one that is cut, for callers whose library
        does not pass the error on.
        """
        timeout = httpx2.Timeout(timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds))
        most = self._max_reply_bytes if most_bytes is None else min(most_bytes, self._max_reply_bytes)
        return httpx2.AsyncClient(
            transport=_Vetted(self, most, self._trusted(), self._rules.proxy, on_cut),
            timeout=timeout,
            follow_redirects=False,
            trust_env=False,
        )

    def exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout_seconds: float,
        most_bytes: int | None = None,
    ) -> Reply:
        """Send one request from synchronous code and return the whole reply, all of it within the timeout.

        `most_bytes` bounds the reply further. Raises Refused, BadInput for a `ca_file` that cannot be used, and
        Unreached.
        """

        # A compressed reply could unfold past the bound.
        plain = {**headers, "accept-encoding": "identity"}

        async def send() -> Reply:
            async with (
                asyncio.timeout(timeout_seconds),
                self.client(timeout_seconds, most_bytes) as client,
                client.stream(method, url, headers=plain, content=body) as response,
            ):
                whole = b"".join([part async for part in response.aiter_raw()])
                kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Reply(response.status_code, whole, kind, headers)

        found = apart(send, timeout_seconds)
        if isinstance(found, Reply):
            return found
        if isinstance(found, (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, TooLarge, OSError)):
            raise Unreached(type(found).__name__, _how(found)) from found
        raise found

    def addresses(self, origin: Origin, timeout_seconds: float) -> list[Address]:
        """Return the addresses by which an origin may be reached now; raises Refused, and Unreached without any."""
        found = apart(lambda: self.way(origin), timeout_seconds)
        if isinstance(found, tuple):
            return found[0]
        if isinstance(found, OSError):
            raise Unreached(type(found).__name__) from found
        raise found

    def _trusted(self) -> ssl.SSLContext:
        """Reading the authorities takes forty milliseconds, so that is done once."""
        if self._trusting is None:
            self._trusting = self._read_authorities()
        return self._trusting

    def _read_authorities(self) -> ssl.SSLContext:
        if self._ca_file is None:
            return httpx2.create_ssl_context(trust_env=False)
        try:
            return ssl.create_default_context(cafile=self._ca_file)
        except OSError as error:
            raise BadInput(
                f"{self._ca_file} cannot be used as a file of certificate authorities.",
                fix="Let it hold PEM certificates, and mend its permissions.",
            ) from error


def _how(error: Exception) -> How:
    if isinstance(error, TooLarge):
        return "size"
    if isinstance(
        error,
        (
            httpx2.ConnectError,
            httpx2.ConnectTimeout,
            httpx2.PoolTimeout,
            httpx2.ProxyError,
            httpx2.InvalidURL,
        ),
    ):
        return "connect"
    return "time" if isinstance(error, (httpx2.TimeoutException, TimeoutError)) else "broken"


def origin_of(url: str) -> Origin:
    """Return scheme, host in lower case without brackets or a trailing dot, and port; raises BadInput."""
    try:
        parsed = httpx2.URL(url)
        scheme, host, port = parsed.scheme, parsed.host.rstrip(".").lower(), parsed.port
    except (httpx2.InvalidURL, ValueError, TypeError) as error:
        raise BadInput(
            "An allowed origin is not a URL.", fix="Write https://HOST or http://HOST:PORT."
        ) from error
    if scheme not in _PORTS or not host or parsed.userinfo:
        raise BadInput(
            f"{scheme}://{host} cannot be an origin.", fix="Write https://HOST or http://HOST:PORT."
        )
    if is_odd_spelling(host):
        raise BadInput(
            f"{host} is an address in an unusual spelling.", fix="Write it as 192.0.2.1 or [2001:db8::1]."
        )
    return scheme, host, port or _PORTS[scheme]


class _Vetted(httpx2.AsyncBaseTransport):
    def __init__(
        self,
        egress: Egress,
        max_reply_bytes: int,
        trusted: ssl.SSLContext,
        proxy: tuple[str, int] | None,
        on_cut: Callable[[], None] | None,
    ) -> None:
        self._egress = egress
        self._max_reply_bytes = max_reply_bytes
        self._trusted = trusted
        self._proxy = proxy
        self._on_cut = on_cut
        self._inner: dict[tuple[Origin, Address | None], httpx2.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            origin = origin_of(str(request.url))
        except BadInput as error:
            raise Refused("That address is not an origin that may be reached.") from error
        try:
            addresses, proxy = await self._egress.way(origin)
        except OSError as error:
            raise httpx2.ConnectError(f"No address for {origin[1]}.") from error
        request.extensions = {**request.extensions, "sni_hostname": origin[1]}
        inner = self._transport(origin, proxy)
        response = await _first_reached(
            inner, request, [str(one) for one in addresses] or [origin[1]], origin[2]
        )
        stream = response.stream
        if not isinstance(stream, httpx2.AsyncByteStream):
            raise Refused("The reply is not a stream.")
        response.stream = _Bounded(stream, self._max_reply_bytes, self._on_cut)
        return response

    async def aclose(self) -> None:
        for inner in self._inner.values():
            await inner.aclose()

    def _transport(self, origin: Origin, proxy: Address | None) -> httpx2.AsyncHTTPTransport:
        """Connections of one name are no other's, though their address may be the same."""
        made = self._inner.get((origin, proxy))
        if made is None:
            by = None
            if proxy is not None and self._proxy is not None:
                by = httpx2.Proxy(f"http://{f'[{proxy}]' if proxy.version == 6 else proxy}:{self._proxy[1]}")
            made = httpx2.AsyncHTTPTransport(verify=self._trusted, trust_env=False, retries=0, proxy=by)
            self._inner[origin, proxy] = made
        return made


async def _first_reached(
    inner: httpx2.AsyncHTTPTransport, request: httpx2.Request, hosts: Sequence[str], port: int
) -> httpx2.Response:
    for host in hosts[:-1]:
        request.url = request.url.copy_with(host=host, port=port)
        try:
            return await inner.handle_async_request(request)
        except httpx2.ConnectError:
            continue
    request.url = request.url.copy_with(host=hosts[-1], port=port)
    return await inner.handle_async_request(request)


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, limit: int, on_cut: Callable[[], None] | None) -> None:
        self._inner = inner
        self._left = limit
        self._on_cut = on_cut

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._inner:
            self._left -= len(part)
            if self._left < 0:
                if self._on_cut is not None:
                    self._on_cut()
                raise TooLarge
            yield part

    async def aclose(self) -> None:
        await self._inner.aclose()
