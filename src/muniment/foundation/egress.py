"""The door to the network: nothing leaves but to an origin that was allowed by name.

Invariants:
- a request to an origin (scheme, host, port) that is not allowed opens no connection and asks no name server;
- the address is vetted and then connected to, so that a name cannot point elsewhere in between;
- an origin that is allowed as a name must resolve to public addresses, unless the origin itself is a literal
  address or `localhost`, which the operator then meant; link-local and unspecified ones are refused always,
  since cloud metadata services live there;
- redirects are not followed, proxies and the environment are ignored, replies are bounded in size and time.
"""

from __future__ import annotations

import asyncio
import ipaddress
import queue
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx2

from muniment.foundation.errors import BadInput, Denied

Client = httpx2.AsyncClient
"""The client's type, for code that may not import the library."""

MAX_REPLY_BYTES = 16 << 20
CONNECT_SECONDS = 10.0
_GRACE_SECONDS = 0.2
_PORTS = {"http": 80, "https": 443}
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Refused(Denied):
    """The request would have left through a door that is shut; nothing was sent."""

    code = "egress-refused"


class TooLarge(Exception):
    """The reply went past the bound and was cut."""


class Unreached(Exception):
    """No whole reply came within the time: the text says what kind of failure it was, and no more."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply, its body as it was sent."""

    status: int
    body: bytes


class Egress:
    """Clients that reach the allowed origins and nothing else."""

    def __init__(
        self,
        allowed_origins: Iterable[str],
        private_origins: Iterable[str] = (),
        max_reply_bytes: int = MAX_REPLY_BYTES,
        ca_file: Path | None = None,
    ) -> None:
        """`private_origins` are allowed too, and their names may resolve inside the operator's own network.

        With `ca_file`, only certificates that its authorities signed are taken.
        """
        private = frozenset(private_origins)
        self._allowed = {origin_of(origin): origin in private for origin in {*allowed_origins, *private}}
        self._max_reply_bytes = max_reply_bytes
        self._ca_file = ca_file
        self._trusting: ssl.SSLContext | None = None

    def client(self, timeout_seconds: float) -> Client:
        """Return a client to be closed by its caller; each wait of a request is bounded by the timeout."""
        timeout = httpx2.Timeout(timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds))
        return httpx2.AsyncClient(
            transport=_Vetted(self._allowed, self._max_reply_bytes, self._trusted()),
            timeout=timeout,
            follow_redirects=False,
            trust_env=False,
        )

    def exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_seconds: float
    ) -> Reply:
        """Send one request from synchronous code and return the whole reply, all of it within the timeout.

        Raises Refused, BadInput for a `ca_file` that cannot be used, and Unreached.
        """

        # A compressed reply could unfold past the bound.
        plain = {**headers, "accept-encoding": "identity"}

        async def send() -> Reply:
            async with (
                asyncio.timeout(timeout_seconds),
                self.client(timeout_seconds) as client,
                client.stream(method, url, headers=plain, content=body) as response,
            ):
                return Reply(response.status_code, b"".join([part async for part in response.aiter_raw()]))

        done: queue.SimpleQueue[Reply | Exception] = queue.SimpleQueue()

        def work() -> None:
            try:
                done.put(asyncio.run(send()))
            except Exception as error:
                done.put(error)

        # A thread of its own: the caller may have a running loop, and a name server that hangs cannot be cancelled.
        threading.Thread(target=work, name="exchange", daemon=True).start()
        try:
            found = done.get(timeout=timeout_seconds + _GRACE_SECONDS)
        except queue.Empty:
            raise Unreached("TimeoutError") from None
        if isinstance(found, Reply):
            return found
        if isinstance(found, (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, TooLarge, OSError)):
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


def origin_of(url: str) -> tuple[str, str, int]:
    """Return scheme, host in lower case without brackets or a trailing dot, and port; raises BadInput."""
    try:
        parsed = httpx2.URL(url)
        scheme, host, port = parsed.scheme, parsed.host.rstrip("."), parsed.port
    except (httpx2.InvalidURL, ValueError, TypeError) as error:
        raise BadInput(
            "An allowed origin is not a URL.", fix="Write https://HOST or http://HOST:PORT."
        ) from error
    if scheme not in _PORTS or not host or parsed.userinfo:
        raise BadInput(
            f"{scheme}://{host} cannot be an origin.", fix="Write https://HOST or http://HOST:PORT."
        )
    return scheme, host, port or _PORTS[scheme]


class _Vetted(httpx2.AsyncBaseTransport):
    def __init__(
        self,
        allowed: dict[tuple[str, str, int], bool],
        max_reply_bytes: int,
        trusted: ssl.SSLContext,
    ) -> None:
        self._allowed = allowed
        self._max_reply_bytes = max_reply_bytes
        self._inner = httpx2.AsyncHTTPTransport(verify=trusted, trust_env=False, retries=0)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            origin = origin_of(str(request.url))
        except BadInput as error:
            raise Refused("That address is not an origin that may be reached.") from error
        if origin not in self._allowed:
            raise Refused(
                f"{origin[0]}://{origin[1]}:{origin[2]} is not an origin that may be reached.",
                fix="Only addresses that settings.toml names may be.",
            )
        address = await _vetted_address(origin, self._allowed[origin])
        request.extensions = {**request.extensions, "sni_hostname": origin[1]}
        request.url = request.url.copy_with(host=str(address), port=origin[2])
        response = await self._inner.handle_async_request(request)
        stream = response.stream
        if not isinstance(stream, httpx2.AsyncByteStream):
            raise Refused("The reply is not a stream.")
        response.stream = _Bounded(stream, self._max_reply_bytes)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, limit: int) -> None:
        self._inner = inner
        self._left = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._inner:
            self._left -= len(part)
            if self._left < 0:
                raise TooLarge
            yield part

    async def aclose(self) -> None:
        await self._inner.aclose()


async def _vetted_address(origin: tuple[str, str, int], private: bool) -> _Address:
    _, host, port = origin
    literal = _literal(host)
    if literal is not None:
        return _checked(literal, own_network=True)
    try:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpx2.ConnectError(f"No address for {host}.") from error
    own_network = private or host == "localhost"
    addresses = [_checked(ipaddress.ip_address(entry[4][0]), own_network) for entry in found]
    if not addresses:
        raise httpx2.ConnectError(f"No address for {host}.")
    return addresses[0]


def _literal(host: str) -> _Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _checked(address: _Address, own_network: bool) -> _Address:
    """Every address of a name must pass: one bad one refuses the name."""
    inner = _embedded(address)
    always_refused = inner.is_link_local or inner.is_unspecified or inner.is_multicast
    if always_refused or not (own_network or inner.is_global):
        raise Refused(
            f"The allowed origin leads to {address}, which may not be reached.",
            fix="Name the address itself in settings.toml if that is what you mean.",
        )
    return address


def _embedded(address: _Address) -> _Address:
    """The IPv4 address inside an IPv6 one, where there is one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in ipaddress.ip_network("64:ff9b::/96"):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address
