"""The witnesses of the log, and the logs that this one witnesses, as the settings of a home say."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from muniment import settings as settings_file
from muniment.foundation.clock import Clock
from muniment.governance.audit import checkpoint as notes
from muniment.governance.audit.witness import Witness
from muniment.settings import Settings

if TYPE_CHECKING:
    from muniment.foundation.egress import Egress, Refusal
    from muniment.governance.audit.audit_settings import WitnessSettings

ON_REFUSED = Callable[["Refusal"], None]


def witnesses_of(
    home: Path, settings: Settings, tenant: str, clock: Clock, refused: ON_REFUSED
) -> dict[str, Callable[[], Witness]]:
    """Return what makes each witness that the settings name."""
    return {
        name: partial(_witness, name, one, home, settings, tenant, clock, refused)
        for name, one in settings.audit.witnesses.items()
    }


def folder_of(home: Path, one: WitnessSettings) -> Path:
    """Return where a witness that is a folder lies."""
    return home / Path(one.folder).expanduser()


def bucket_of(one: WitnessSettings) -> str:
    """Return the URL of a bucket: at AWS by its own host, elsewhere by a path."""
    if one.endpoint_url:
        return f"{one.endpoint_url.rstrip('/')}/{one.bucket}"
    return f"https://s3.{one.region}.amazonaws.com/{one.bucket}"


def address_of(one: WitnessSettings) -> str:
    """Return where a witness is reached over the network; empty for a folder."""
    return {"folder": "", "s3": bucket_of(one), "muniment": one.address}[one.kind]


def _witness(
    name: str,
    one: WitnessSettings,
    home: Path,
    settings: Settings,
    tenant: str,
    clock: Clock,
    refused: ON_REFUSED,
) -> Witness:
    origin = notes.origin(tenant)
    if one.kind == "folder":
        from muniment.governance.audit.folder_witness import FolderWitness

        return FolderWitness(folder_of(home, one), clock)
    if one.kind == "s3":
        from muniment.foundation.aws_signature import AwsSignature
        from muniment.foundation.bucket import Bucket
        from muniment.governance.audit.bucket_witness import BucketWitness

        address = bucket_of(one)
        door = _door(address, one, home, settings, refused)
        signature = AwsSignature("s3", one.region, f"The witness {name}")
        bucket = Bucket(address, signature, door)
        return BucketWitness(bucket, one.prefix, origin, one.retention_days, clock)
    from muniment.governance.audit.remote_witness import RemoteWitness

    key = partial(settings_file.secret_of, one.key, f"audit.witnesses.{name}.key", home)
    door = _door(one.address, one, home, settings, refused)
    return RemoteWitness(one.address, origin, one.public_key, key, door)


def _door(address: str, one: WitnessSettings, home: Path, settings: Settings, refused: ON_REFUSED) -> Egress:
    from muniment.foundation.egress import Egress
    from muniment.foundation.key_endpoint import origin_for_keys

    origin = origin_for_keys(address, "audit.witnesses")
    return Egress(
        {origin},
        {origin} if one.private_network else (),
        purpose="audit",
        rules=settings.network.rules(home),
        on_refused=refused,
    )
