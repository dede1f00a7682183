"""What is said of the network: where the server listens, and what may be reached and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from muniment.interfaces.examining.check import Check

if TYPE_CHECKING:
    from datetime import datetime

    from muniment.foundation.egress import Origin
    from muniment.foundation.egress_rules import EgressRules, Purpose
    from muniment.settings import Settings

SOON = timedelta(days=14)
LOOK_UP_SECONDS = 5.0


def listening(settings: Settings, home: Path, now: datetime) -> Iterator[Check]:
    """Say where `serve` would listen, whether it may, and by which certificate."""
    from muniment.foundation.errors import MunimentError
    from muniment.interfaces.listening import check_bind, is_local

    server, network = settings.server, settings.network
    where = f"{server.host}:{server.port}"
    try:
        check_bind(settings, server.host)
    except MunimentError as error:
        yield Check("listening", "fail", error.public, error.fix)
        return
    files, local = network.files(home), is_local(server.host)
    how = "over TLS" if files else "in clear, from this machine alone"
    if not (files or local):
        how = f"in clear, from the proxies {', '.join(network.trusted_proxies)} alone"
    yield Check("listening", "ok", f"{where}, {how}; answers to {', '.join(server.allowed_hosts)}")
    if files is not None:
        yield _certificate(settings, home, now)
    if not local and settings.identity.mode == "local":
        yield Check(
            "listening",
            "warn",
            "other machines reach it, and people sign in by one-time links",
            'Let them sign in through your identity provider: identity.mode = "oidc".',
        )
    if not local and all(host in ("127.0.0.1", "localhost", "[::1]") for host in server.allowed_hosts):
        yield Check(
            "listening",
            "warn",
            "other machines reach it, and it answers to names of this machine only",
            "Name the host in server.allowed_hosts.",
        )


def _certificate(settings: Settings, home: Path, now: datetime) -> Check:
    from muniment.foundation.certificate import read
    from muniment.foundation.errors import MunimentError

    files = settings.network.files(home)
    if files is None:
        return Check("certificate", "ok", "none")
    try:
        found, _ = read(files, now)
        mode = files.key.stat().st_mode
    except (MunimentError, OSError) as error:
        fix = error.fix if isinstance(error, MunimentError) else ""
        return Check("certificate", "fail", getattr(error, "public", str(error)), fix)
    says = f"for {', '.join(found.names) or 'no name'}, until {found.expires:%Y-%m-%d}"
    if mode & 0o007:
        return Check(
            "certificate", "fail", f"{files.key} is open to every account here", f"chmod 600 {files.key}"
        )
    if found.expires - now < SOON:
        return Check(
            "certificate", "warn", f"{says}, which is soon", "Renew it; the server takes the new files up."
        )
    if not set(found.names) & set(settings.server.allowed_hosts) and not any(
        "*" in one for one in found.names
    ):
        return Check(
            "certificate",
            "warn",
            f"{says}; the server answers to none of these",
            "Let server.allowed_hosts and the certificate name the same host.",
        )
    if mode & 0o070:
        return Check("certificate", "warn", f"{says}; a group can read its key", f"chmod 600 {files.key}")
    if files.client_ca is not None:
        known, how = len(settings.identity.client_certificates), settings.network.client_certificates
        says += f"; clients' certificates are {how}, by {files.client_ca}, and {known} of them are services"
    return Check("certificate", "ok", says)


@dataclass(frozen=True, slots=True)
class Destination:
    """Something outside that the settings name."""

    purpose: Purpose
    name: str
    origin: Origin
    own_network: bool


def outbound(settings: Settings, home: Path) -> Iterator[Check]:
    """Say of each destination why it may be reached, and where it leads now; connects to none."""
    from muniment.foundation.errors import MunimentError

    try:
        found = list(destinations(settings, home))
        rules = settings.network.rules(home)
    except MunimentError as error:
        yield Check("outbound", "fail", error.public, error.fix)
        return
    if not found:
        yield Check("outbound", "ok", "the settings name nothing to reach")
    for one in found:
        yield _reached(one, rules)
    if rules.proxy is not None:
        host, port = rules.proxy
        if rules.proxy_resolves:
            yield Check(
                "outbound",
                "warn",
                f"the proxy {host}:{port} looks up names, so their addresses are not vetted here",
                "Set network.proxy_resolves = false where this machine can look names up.",
            )
        else:
            yield Check("outbound", "ok", f"outside addresses through the proxy {host}:{port}")


def _reached(one: Destination, rules: EgressRules) -> Check:
    from muniment.foundation.addresses import reach
    from muniment.foundation.egress import Egress, Refused, Unreached

    scheme, host, port = one.origin
    shown = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    says = f"{one.name} {shown}: {rules.why(one.purpose)}"
    direct = scheme not in ("http", "https")
    named = f"{'https' if direct else scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    rules = replace(rules, proxy=None) if direct else rules
    door = Egress({named}, {named} if one.own_network else (), purpose=one.purpose, rules=rules)
    try:
        origin = ("https", host, port) if direct else one.origin
        addresses = door.addresses(origin, LOOK_UP_SECONDS)
    except Refused as error:
        return Check("outbound", "fail", f"{one.name} {shown}: {error.public}", error.fix)
    except Unreached:
        return Check(
            "outbound", "warn", f"{says}, and its name has no address now", "Mend the name or name server."
        )
    where = f"leads to {', '.join(map(str, addresses))}" if addresses else "the proxy looks it up"
    if scheme == "http" and not (addresses and all(a.is_loopback for a in addresses)):
        return Check("outbound", "warn", f"{says}, {where}, in clear", "Use https.")
    inside = bool(addresses) and all(reach(a) == "inside" for a in addresses)
    return Check("outbound", "ok", f"{says}, {where}{' (inside)' if inside else ''}")


def destinations(settings: Settings, home: Path) -> Iterator[Destination]:
    """Yield what the settings name to reach; connects to none. Raises BadInput for a reference to nothing."""
    from muniment import settings as settings_file
    from muniment.foundation.egress import origin_of
    from muniment.foundation.postgres_address import place_of

    private = {origin_of(one) for one in settings_file.private_origins(settings)}
    for name, model in settings.models.items():
        if model.address:
            origin = origin_of(model.address)
            yield Destination("models", f"models.{name}", origin, origin in private)
    if settings.identity.mode == "oidc":
        for name, issuer in settings.identity.issuers.items():
            urls = (issuer.issuer, issuer.jwks_origin, issuer.token_origin)
            for origin in dict.fromkeys(origin_of(url) for url in urls if url):
                yield Destination("identity", f"identity.issuers.{name}", origin, issuer.private_network)
    keys = settings_file.key_settings(settings)
    if keys.provider == "vault":
        yield Destination("keys", "keys.vault", origin_of(keys.vault.address), own_network=True)
    elif keys.provider == "aws-kms":
        address = keys.aws.endpoint_url or f"https://kms.{keys.aws.region}.amazonaws.com"
        yield Destination("keys", "keys.aws", origin_of(address), own_network=True)
    url = settings_file.database_url(settings, home)
    place = None if url is None else place_of(url.reveal())
    if place is not None:
        yield Destination("database", "database.url", ("postgresql", *place), own_network=True)
    yield from _of_tools(settings)
    yield from _notified(settings)
    yield from _witnessing(settings)


def _witnessing(settings: Settings) -> Iterator[Destination]:
    from muniment.app.witnessing import address_of
    from muniment.foundation.egress import origin_of

    for name, one in settings.audit.witnesses.items():
        if address := address_of(one):
            yield Destination("audit", f"audit.witnesses.{name}", origin_of(address), one.private_network)


def _of_tools(settings: Settings) -> Iterator[Destination]:
    from muniment.foundation.egress import origin_of

    tools = settings.tools
    for address in dict.fromkeys((*tools.origins, *tools.private_origins)):
        yield Destination("tools", "tools.origins", origin_of(address), address in tools.private_origins)
    for name, server in tools.servers.items():
        yield Destination("tools", f"tools.servers.{name}", origin_of(server.url), server.private_network)


def _notified(settings: Settings) -> Iterator[Destination]:
    from muniment.foundation.egress import origin_of

    told = settings.notifications
    if told.smtp is not None:
        smtp = ("smtp", told.smtp.host, told.smtp.port_used)
        yield Destination("notifications", "notifications.smtp", smtp, told.smtp.private_network)
    if told.webhook is not None:
        origin = origin_of(told.webhook.url)
        yield Destination("notifications", "notifications.webhook", origin, told.webhook.private_network)
    if settings.telemetry.otlp is not None:
        otlp = settings.telemetry.otlp
        yield Destination("telemetry", "telemetry.otlp", origin_of(otlp.endpoint), otlp.private_network)
