"""Where traces and counts of a home go, as its settings say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from muniment import settings as settings_file
from muniment.foundation.clock import Clock
from muniment.foundation.ids import Ids
from muniment.foundation.version import VERSION
from muniment.settings import Settings

if TYPE_CHECKING:
    from muniment.foundation.egress import Refusal
    from muniment.foundation.otlp.sending import Sending
    from muniment.foundation.telemetry.instruments import Reads


def sending_of(
    home: Path,
    settings: Settings,
    clock: Clock,
    ids: Ids,
    refused: Callable[[Refusal], None],
    reads: Reads | None,
) -> Sending | None:
    """Return what hands traces to the collector of the settings, and with `reads` counts; None where there is none.

    Raises NotSetUp without the extra, BadInput for a reference that leads nowhere.
    """
    stated = settings.telemetry.otlp
    if stated is None:
        return None
    from muniment.foundation.egress import Egress, origin_of
    from muniment.foundation.otlp.messages import Messages
    from muniment.foundation.otlp.sending import MOST_REPLY_BYTES, Collector, Sending

    scheme, host, port = origin_of(stated.endpoint)
    origin = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    headers = {
        name: secret
        for name, reference in stated.headers.items()
        if (secret := settings_file.secret_of(reference, f"telemetry.otlp.headers.{name}", home))
    }
    egress = Egress(
        {origin},
        {origin} if stated.private_network else (),
        MOST_REPLY_BYTES,
        purpose="telemetry",
        rules=settings.network.rules(home),
        on_refused=refused,
    )
    collector = Collector(stated.endpoint, headers, stated.seconds, stated.sample_ratio)
    return Sending(collector, egress, Messages(VERSION, ids.new("proc")), clock, reads)
