"""By which ways people are told that something waits for them, as the settings of a home say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from muniment import settings as settings_file
from muniment.settings import Settings

if TYPE_CHECKING:
    from muniment.actions.notify import Channel
    from muniment.actions.senders import Sends
    from muniment.foundation.egress import Egress, Refusal


def senders_of(home: Path, settings: Settings, refused: Callable[[Refusal], None]) -> dict[Channel, Sends]:
    """Return the ways that the settings name."""
    from muniment.actions.senders import ByMail, ByWebhook
    from muniment.foundation.egress import Egress
    from muniment.foundation.mail_server import MailServer

    smtp, webhook = settings.notifications.smtp, settings.notifications.webhook
    rules = settings.network.rules(home)
    found: dict[Channel, Sends] = {}

    def door(origin: str, private: bool, proxied: bool) -> Egress:
        return Egress(
            {origin},
            {origin} if private else (),
            purpose="notifications",
            rules=rules if proxied else replace(rules, proxy=None),
            on_refused=refused,
        )

    if smtp is not None:
        host = f"[{smtp.host}]" if ":" in smtp.host else smtp.host
        server = MailServer(
            smtp.host,
            smtp.port_used,
            smtp.tls,
            door(f"https://{host}:{smtp.port_used}", smtp.private_network, proxied=False),
            smtp.sender.rpartition("@")[2],
            smtp.user,
            partial(settings_file.secret_of, smtp.password, "notifications.smtp.password", home),
            rules.ca_file,
        )
        found["mail"] = ByMail(server, smtp.sender)
    if webhook is not None:
        secret = partial(settings_file.secret_of, webhook.secret, "notifications.webhook.secret", home)
        found["webhook"] = ByWebhook(
            webhook.url, secret, door(_origin(webhook.url), webhook.private_network, proxied=True)
        )
    return found


def _origin(url: str) -> str:
    from muniment.foundation.egress import origin_of

    scheme, host, port = origin_of(url)
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
