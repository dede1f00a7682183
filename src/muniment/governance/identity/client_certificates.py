"""Services that prove who they are by the certificate of their connection (RFC 8705, section 2).

Invariants:
- a certificate names a service only where the settings name that very certificate, or one name in it, byte for byte;
- the connection has proven the key, and that the authority of the settings vouches; its time is checked here again;
- it opens the scopes that the settings give it and no other, while the service is active.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, model_validator

from muniment.foundation import thumbprint
from muniment.foundation.clock import Clock
from muniment.foundation.errors import BadInput, Denied, Unauthenticated
from muniment.governance.audit.entry import Entry
from muniment.governance.audit.log import AuditLog
from muniment.governance.identity.directory import Directory
from muniment.governance.identity.directory_file import name_problem
from muniment.governance.identity.principal import Actor, Principal
from muniment.governance.identity.scopes import BY_KEY_ALONE, checked_scopes


class ClientCertificateSettings(BaseModel):
    """`[identity.client_certificates.NAME]`"""

    model_config = ConfigDict(extra="forbid", frozen=True)

    service: str
    """The service of the directory that it is."""
    sha256: str = Field("", pattern=r"^([0-9a-f]{64})?$")
    """Of the certificate in DER, hex."""
    uri: str = ""
    """A URI among its alternative names, in place of the digest."""
    dns: str = ""
    """A host name among its alternative names, in place of the digest."""
    scopes: tuple[str, ...]
    """What it opens; not what only an API key opens."""

    @model_validator(mode="after")
    def _makes_sense(self) -> ClientCertificateSettings:
        if sum(bool(one) for one in (self.sha256, self.uri, self.dns)) != 1:
            raise ValueError("name it by one of sha256, uri and dns")
        if problem := name_problem(self.service):
            raise ValueError(f"service: a name {problem}")
        try:
            scopes = checked_scopes(self.scopes)
        except BadInput as error:
            raise ValueError(str(error)) from error
        if alone := sorted(scopes & BY_KEY_ALONE):
            raise ValueError(f"only an API key has the scope '{alone[0]}'")
        return self


@dataclass(frozen=True, slots=True)
class Presented:
    """A service that came with a certificate."""

    principal: Principal
    actor: Actor
    scopes: frozenset[str]


class ClientCertificates:
    """The certificates that one workspace knows services by."""

    def __init__(
        self,
        known: Mapping[str, ClientCertificateSettings],
        directory: Directory,
        audit: AuditLog,
        clock: Clock,
    ) -> None:
        self._known = known
        self._directory = directory
        self._audit = audit
        self._clock = clock

    def verify(self, certificate: bytes) -> Presented:
        """Return whose certificate, in DER, a connection came with; raises Unauthenticated."""
        from cryptography import x509

        digest = thumbprint.of(certificate)
        try:
            found = x509.load_der_x509_certificate(certificate)
            starts, ends = found.not_valid_before_utc, found.not_valid_after_utc
            names = _names(found)
        except ValueError as error:
            raise _refused("cannot be read") from error
        if not starts <= self._clock.now() < ends:
            raise _refused("out of its time")
        named = [one for one in self._known.values() if _is(one, digest, names)]
        if len(named) != 1:
            raise _refused("no service's, or of several")
        principal = Principal("service", named[0].service)
        if self._directory.active_since(principal) is None:
            raise _refused("no active account")
        actor = Actor(principal.ref, "http", f"cert_{digest[:16]}")
        return Presented(principal, actor, frozenset(named[0].scopes))

    def permit(self, presented: Presented, needed: Sequence[str]) -> None:
        """Refuse what its scopes do not name, and what names no scope; raises Denied."""
        missing = next((scope for scope in needed if scope not in presented.scopes), None)
        if needed and missing is None:
            return
        about = {"reason": "scope", "scope": missing}
        self._audit.record([Entry("certificate.refused", presented.actor, about)])
        raise Denied(
            f"This certificate does not have the scope '{missing}'."
            if missing
            else "Certificates do not open this.",
            fix="See identity.client_certificates.",
        )


def _is(one: ClientCertificateSettings, digest: str, names: frozenset[tuple[str, str]]) -> bool:
    if one.sha256:
        return one.sha256 == digest
    return (("uri", one.uri) if one.uri else ("dns", one.dns)) in names


def _names(found: object) -> frozenset[tuple[str, str]]:
    from cryptography import x509

    assert isinstance(found, x509.Certificate)
    try:
        said = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    uris = {("uri", one) for one in said.get_values_for_type(x509.UniformResourceIdentifier)}
    return frozenset(uris | {("dns", one) for one in said.get_values_for_type(x509.DNSName)})


def _refused(detail: str) -> Unauthenticated:
    return Unauthenticated("The client certificate does not hold.", detail=detail)
