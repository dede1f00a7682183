"""The places that get a copy of the log, as the settings of a home say."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from muniment import settings as settings_file
from muniment.foundation.clock import Clock
from muniment.governance.audit.checkpoint import origin
from muniment.governance.audit.sinks.copies import Place
from muniment.governance.audit.sinks.sink_settings import (
    CloudWatchSettings,
    FolderSettings,
    S3Settings,
    SinkSettings,
    SyslogSettings,
)
from muniment.settings import Settings

if TYPE_CHECKING:
    from muniment.foundation.egress import Egress, Refusal
    from muniment.governance.audit.sinks.sink import Sink


def places_of(
    home: Path, settings: Settings, tenant: str, clock: Clock, refused: Callable[[Refusal], None]
) -> dict[str, Place]:
    """Return the places that the settings name."""

    def door(url: str, private: bool) -> Egress:
        from muniment.foundation.egress import Egress

        found = urlsplit(url)
        at = f"{found.scheme}://{found.netloc}"
        rules = settings.network.rules(home)
        return Egress({at}, {at} if private else (), purpose="audit", rules=rules, on_refused=refused)

    def sink(name: str, stated: SinkSettings) -> Sink:
        if isinstance(stated, FolderSettings):
            from muniment.governance.audit.sinks.folder_sink import FolderSink

            return FolderSink(home / Path(stated.path).expanduser(), stated.wait_seconds)
        if isinstance(stated, S3Settings):
            return _s3(stated, door(stated.address, bool(stated.endpoint_url)), clock)
        if isinstance(stated, CloudWatchSettings):
            return _cloudwatch(stated, door(stated.address, bool(stated.endpoint_url)))
        if isinstance(stated, SyslogSettings):
            from muniment.governance.audit.sinks.syslog_sink import SyslogSink

            host = f"[{stated.host}]" if ":" in stated.host else stated.host
            way = door(f"https://{host}:{stated.port}", stated.private_network)
            ca_file = settings.network.rules(home).ca_file
            return SyslogSink(stated.host, stated.port, stated.tls, tenant, way, ca_file)
        from muniment.governance.audit.sinks.ocsf_sink import OcsfSink

        token = partial(settings_file.secret_of, stated.token, f"audit.sinks.{name}.token", home)
        return OcsfSink(stated.url, origin(tenant), token, door(stated.url, stated.private_network))

    return {
        name: Place(
            sink(name, stated), stated.kind, stated.alarm_seconds, stated.required, stated.start == "now"
        )
        for name, stated in settings.audit.sinks.items()
    }


def _s3(stated: S3Settings, door: Egress, clock: Clock) -> Sink:
    from muniment.foundation.aws_signature import AwsSignature
    from muniment.foundation.bucket import Bucket
    from muniment.governance.audit.sinks.s3_sink import S3Sink

    signature = AwsSignature("s3", stated.region, "The sink s3")
    return S3Sink(
        bucket=Bucket(stated.address, signature, door),
        prefix=stated.prefix,
        lock=stated.lock,
        lock_days=stated.lock_days,
        wait=stated.wait_seconds,
        clock=clock,
    )


def _cloudwatch(stated: CloudWatchSettings, door: Egress) -> Sink:
    from muniment.foundation.aws_signature import AwsSignature
    from muniment.governance.audit.sinks.cloudwatch_sink import CloudWatchSink

    signature = AwsSignature("logs", stated.region, "The sink cloudwatch")
    return CloudWatchSink(stated.address, stated.group, stated.stream, signature, door)
