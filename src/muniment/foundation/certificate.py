"""The server's own certificate and key: read whole, checked, and followed when their files change.

Invariants:
- what is served was checked first: in its time, and with the key that belongs to it;
- a replacement that does not pass changes nothing: the one before is served on, and that is told;
- connections that are open go on; the next handshake has the new certificate.
"""

from __future__ import annotations

import hashlib
import ssl
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from muniment.foundation.clock import Clock
from muniment.foundation.errors import BadInput

if TYPE_CHECKING:
    from cryptography import x509

CHECK_SECONDS = 2.0
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2; the suites of 1.3 are all good."""


class Unfit(BadInput):
    """A certificate or key that cannot be served."""

    code = "unfit-certificate"


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where certificate and key lie, in PEM."""

    certificate: Path
    """The server's own first, then those of the authorities between."""
    key: Path
    client_ca: Path | None = None
    """Authorities that vouch for clients; None: no client is asked for a certificate."""
    client_required: bool = False

    def state(self) -> object:
        """Return a value that differs once either file was replaced; follows links."""
        return _state(self.certificate), _state(self.key), self.client_ca and _state(self.client_ca)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says."""

    names: tuple[str, ...]
    """Host names and addresses that it is for."""
    expires: datetime
    fingerprint: str
    """SHA-256, hex."""

    def about(self) -> dict[str, str]:
        """Return what the log holds of it."""
        return {"sha256": self.fingerprint, "expires": self.expires.isoformat()}


def read(files: CertificateFiles, now: datetime) -> tuple[Certificate, ssl.SSLContext]:
    """Return the certificate, and a context that serves it; raises Unfit naming the file and the fix."""
    chain, key = _content(files.certificate, "certificate"), _content(files.key, "key")
    found = _checked(files, chain, key, now)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(files.certificate, files.key, password=_no_password)
    except (ssl.SSLError, OSError, ValueError) as error:
        why = getattr(error, "reason", "") or type(error).__name__
        raise Unfit(
            f"The certificate in {files.certificate} cannot be served ({why}).",
            fix="Have it made anew, for an EC key or an RSA key of at least 2048 bits.",
        ) from error
    if files.client_ca is not None:
        _ask_clients(context, files.client_ca, files.client_required)
    if (chain, key) != (_content(files.certificate, "certificate"), _content(files.key, "key")):
        raise Unfit(f"{files.certificate} changed while it was read.", fix="Try again.")
    return found, context


def _ask_clients(context: ssl.SSLContext, authorities: Path, required: bool) -> None:
    """Ask each client for a certificate; no session is resumed, so that each connection proves it anew."""
    try:
        context.load_verify_locations(cadata=_content(authorities, "client_ca").decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise Unfit(
            f"{authorities} holds no certificate of an authority that can be read.",
            fix="Let network.client_ca hold those that vouch for clients, in PEM.",
        ) from error
    context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0


class Served:
    """The certificate of a running server, and the next one once its files change."""

    def __init__(
        self,
        files: CertificateFiles,
        clock: Clock,
        on_change: Callable[[Certificate, Unfit | None], None],
    ) -> None:
        """`on_change` is told what is served now, and of a replacement that was refused why.

        Raises Unfit where the files cannot be served.
        """
        self.files = files
        self._clock = clock
        self._on_change = on_change
        self._state = files.state()
        self._doubted: object = None
        self.certificate, self.context = read(files, clock.now())
        self._current = self.context
        self._expiry_told = False
        self.context.sni_callback = self._choose

    def renew(self) -> None:
        """Serve what the files hold now; files that do not fit are tried again, and told of the second time.

        For certificate and key are two files: for a moment they may not belong together.
        """
        self._tell_expiry()
        state = self.files.state()
        if state == self._state:
            return
        try:
            found, context = read(self.files, self._clock.now())
        except Unfit as error:
            if self._doubted == state:
                self._state = state
                self._on_change(self.certificate, error)
            self._doubted = state
            return
        self.certificate, self._current, self._state = found, context, state
        self._doubted, self._expiry_told = None, False
        self._on_change(found, None)

    @contextmanager
    def followed(self, every_seconds: float = CHECK_SECONDS) -> Generator[None]:
        """Let a thread follow the files until the block ends."""
        stop = threading.Event()

        def follow() -> None:
            while not stop.wait(every_seconds):
                self.renew()

        threading.Thread(target=follow, name="certificate", daemon=True).start()
        try:
            yield
        finally:
            stop.set()

    def _choose(
        self, connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _: ssl.SSLContext
    ) -> None:
        connection.context = self._current

    def _tell_expiry(self) -> None:
        if not self._expiry_told and self._clock.now() >= self.certificate.expires:
            self._expiry_told = True
            self._on_change(self.certificate, _expired(self.files, self.certificate.expires))


def _checked(files: CertificateFiles, chain: bytes, key: bytes, now: datetime) -> Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    try:
        own = x509.load_pem_x509_certificates(chain)[0]
        starts, ends = own.not_valid_before_utc, own.not_valid_after_utc
        public = own.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except Exception as error:
        raise Unfit(
            f"{files.certificate} holds no certificate that can be read.",
            fix="Let it hold the server's certificate, then those of the authorities between, in PEM.",
        ) from error
    if now >= ends:
        raise _expired(files, ends)
    if now < starts:
        raise Unfit(
            f"The certificate in {files.certificate} holds only from {starts:%Y-%m-%d %H:%M} UTC on.",
            fix="See that this machine's clock is right, or wait.",
        )
    if public != _public_half(files, key):
        raise Unfit(
            f"The key in {files.key} does not belong to the certificate in {files.certificate}.",
            fix="Put the key there that the certificate was made for.",
        )
    return Certificate(_names(own), ends, hashlib.sha256(own.public_bytes(Encoding.DER)).hexdigest())


def _public_half(files: CertificateFiles, key: bytes) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    try:
        return (
            load_pem_private_key(key, None)
            .public_key()
            .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        )
    except TypeError as error:
        raise Unfit(
            f"The key in {files.key} is locked by a password.",
            fix="Store it without one, readable by this account alone.",
        ) from error
    except Exception as error:
        raise Unfit(
            f"{files.key} holds no private key that can be read.", fix="Let it hold one key, in PEM."
        ) from error


def _names(own: x509.Certificate) -> tuple[str, ...]:
    from cryptography import x509

    try:
        said = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    addresses = [str(address) for address in said.get_values_for_type(x509.IPAddress)]
    return (*said.get_values_for_type(x509.DNSName), *addresses)


def _expired(files: CertificateFiles, ends: datetime) -> Unfit:
    return Unfit(
        f"The certificate in {files.certificate} expired on {ends:%Y-%m-%d %H:%M} UTC.",
        fix="Have it renewed, and put the new one in its place.",
    )


def _content(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unfit(
            f"network.{what}: {path} cannot be read ({error.strerror}).",
            fix="Mend the path or its permissions.",
        ) from error


def _state(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev


def _no_password() -> str:
    """Asked for a locked key, where the library would otherwise ask at the terminal."""
    raise ValueError
