"""What a credential says of its tenant: where it is to be verified, and no proof of anything.

A server of several tenants gives each credential to the tenant that it names, which verifies it whole. The part is
inside what is hashed or signed, so that with another one in its place a credential holds nowhere.
"""

from __future__ import annotations

import re

from muniment.foundation.ids import Ids

NAME = "[a-z0-9][a-z0-9-]{0,31}"
"""A tenant's name, compared byte for byte."""
MARK = "."
"""Stands between the name and a secret, and in no secret."""
_NAME = re.compile(NAME)


def is_tenant_name(text: str) -> bool:
    """Return whether this can be a tenant's name."""
    return _NAME.fullmatch(text) is not None


def marked(tenant: str, secret: str) -> str:
    """Return a secret that names its tenant; without a name, as it is."""
    return f"{tenant}{MARK}{secret}" if tenant else secret


def tenant_in(secret: str) -> str:
    """Return the tenant that a secret names, or nothing."""
    name, mark, _ = secret.partition(MARK)
    return name if mark and is_tenant_name(name) else ""


class TenantIds(Ids):
    """Ids whose secrets name their tenant."""

    def __init__(self, ids: Ids, tenant: str) -> None:
        self._ids = ids
        self._tenant = tenant

    def secret(self) -> str:
        """Return 256 random bits, URL-safe, behind the tenant's name."""
        return marked(self._tenant, self._ids.secret())

    def random_bytes(self, count: int) -> bytes:
        return self._ids.random_bytes(count)
