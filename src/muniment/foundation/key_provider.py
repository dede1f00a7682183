"""The port to whoever keeps the key-encryption key: a file, or a key service of the customer.

Invariants of each:
- what was wrapped opens only in the same context, under the key and the version that wrapped it;
- every call ends within a bounded time, and a failure of any kind gives no key;
- no error names a token or a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from muniment.foundation.errors import Unavailable

ProviderName = Literal["local", "vault", "aws-kms"]
Condition = Literal["enabled", "disabled", "pending deletion", "absent", "unreachable", "unknown"]


class KeyUnreachable(Unavailable):
    """The key service did not answer in time, or could not answer now; a later try may go through."""

    code = "key-unreachable"


class KeyRefused(Unavailable):
    """The key was switched off, destroyed or forbidden to us; it stays so until somebody changes that."""

    code = "key-refused"
    exit_code = 4


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A key as its wrapping key sealed it."""

    provider: str
    key: str
    """Which key of the provider wrapped it."""
    version: str
    """Which version of that key; empty where the service does not say."""
    sealed: bytes
    """Names its own algorithm, and its version where the service needs that."""


@dataclass(frozen=True, slots=True)
class KeyState:
    """How a wrapping key is, as far as its provider says."""

    provider: str
    key: str
    condition: Condition
    newest: str = ""
    """The version that wraps now."""
    versions: tuple[str, ...] = ()
    """The versions that still unwrap, oldest first; empty where the service does not say."""
    note: str = ""


class KeyProvider(Protocol):
    """Wraps and unwraps the tenant key under one key that never leaves its keeper."""

    @property
    def name(self) -> ProviderName:
        """Which kind of keeper this is."""
        ...

    @property
    def place(self) -> str:
        """Where the key lies, in words that hold no secret."""
        ...

    def ensure(self) -> None:
        """Make the key where it is ours to make and absent."""
        ...

    def wrap(self, context: Mapping[str, str], plaintext: bytes) -> Wrapped:
        """Seal a key under the newest version, bound to `context`."""
        ...

    def unwrap(self, context: Mapping[str, str], wrapped: Wrapped) -> bytes:
        """Open what `wrap` made in the same context.

        Raises Tampered for another context, key or any changed byte, KeyUnreachable where a later try may go
        through, and KeyRefused or NotSetUp where the key is switched off, gone or forbidden.
        """
        ...

    def describe(self) -> KeyState:
        """Return how the key is; never raises for a key or service that is not there."""
        ...

    def rotate(self) -> str:
        """Make a new version, which wraps from now on; return it. Older ones still unwrap."""
        ...

    def retire(self, newest: str) -> str:
        """Let versions older than `newest` open nothing more; return what is left to do by hand, or nothing."""
        ...

    def disable(self, wrapped: Wrapped) -> str:
        """Let `wrapped` open no more until `enable`; return how, in a sentence."""
        ...

    def enable(self, wrapped: Wrapped) -> str:
        """Take back `disable`; return how, in a sentence."""
        ...

    def destroy(self) -> str:
        """Make the key useless for ever, or as nearly as its keeper allows; return how, in a sentence."""
        ...
