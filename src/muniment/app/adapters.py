"""Which database, and which keeper of the key, the settings of a home mean."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from muniment import settings as settings_file
from muniment.foundation.database import Database
from muniment.foundation.errors import NotSetUp
from muniment.foundation.ids import Ids
from muniment.foundation.kek_file import KekFile
from muniment.foundation.key_provider import KeyProvider, Wrapped
from muniment.foundation.keyring_file import open_keyring
from muniment.foundation.keys import Keyring
from muniment.foundation.sqlcipher import SqlCipherDatabase
from muniment.settings import Settings

if TYPE_CHECKING:
    from muniment.foundation.postgres import PostgresDatabase

DATABASE_FILE = "muniment.db"


def database_of(home: Path, settings: Settings, tenant: str, key: bytes) -> Database:
    if settings_file.database_url(settings, home) is None:
        return SqlCipherDatabase(home / DATABASE_FILE, key)
    return _postgres_database(home, settings, tenant, key)


def _postgres_database(home: Path, settings: Settings, tenant: str, key: bytes) -> PostgresDatabase:
    from muniment.foundation.postgres import PostgresDatabase, schema_of
    from muniment.foundation.postgres_address import reached

    url = settings_file.database_url(settings, home)
    if url is None:
        raise NotSetUp("The settings name no database.url.", fix="See docs/guide/postgres.md.")
    address = reached(url.reveal(), settings.network.rules(home))
    return PostgresDatabase(address, schema_of(tenant), key)


def rows_elsewhere(place: Path, settings: Settings, provider: KeyProvider | None = None) -> PostgresDatabase:
    """Return the database of a home that lies in Postgres, with the mark of its keys where `provider` opens them.

    Raises as `open_keyring` does; the database is neither asked nor migrated.
    """
    key = b""
    if provider is not None:
        key = open_keyring(provider, settings_file.keyring_file(place), Ids()).data_key("database")
    return _postgres_database(place, settings, settings.workspace.tenant, key)


def frozen_database(file: Path, keyring: Keyring) -> Database:
    return SqlCipherDatabase(file, keyring.data_key("database"), frozen=True)


def key_provider(
    settings: Settings, home: Path, ids: Ids | None = None, wrapped: Wrapped | None = None
) -> KeyProvider:
    """Return the keeper of the key that the settings name, or of the one that wrapped `wrapped`; asks it nothing."""
    keys = settings_file.key_settings(settings, wrapped)
    if keys.provider == "local":
        return KekFile(settings_file.kek_file(settings, home), ids or Ids())
    from muniment.foundation.egress import Egress
    from muniment.foundation.key_endpoint import MAX_REPLY_BYTES, KeyEndpoint, origin_for_keys

    rules = settings.network.rules(home)
    if keys.provider == "vault":
        from muniment.foundation.vault_transit import VaultTransit

        vault = keys.vault
        origin = origin_for_keys(vault.address, "keys.vault.address")
        ca_file = home / Path(vault.ca_file).expanduser() if vault.ca_file else None
        egress = Egress((), {origin}, MAX_REPLY_BYTES, ca_file, purpose="keys", rules=rules)
        endpoint = KeyEndpoint(origin, egress, keys.timeout_seconds)
        token = partial(settings_file.vault_token, settings, home)
        return VaultTransit(vault.address, vault.mount, vault.key, token, endpoint, vault.namespace)
    from muniment.foundation.aws_kms import AwsKms

    address = keys.aws.endpoint_url or f"https://kms.{keys.aws.region}.amazonaws.com"
    origin = origin_for_keys(address, "keys.aws.endpoint_url")
    egress = Egress((), {origin}, MAX_REPLY_BYTES, purpose="keys", rules=rules)
    endpoint = KeyEndpoint(origin, egress, keys.timeout_seconds)
    return AwsKms(keys.aws.key, keys.aws.region, address, endpoint)
