"""The key-encryption key in AWS KMS: a symmetric key, by the service's JSON interface.

The tenant travels as encryption context. Requests leave by `egress`, so that they are bounded in time and reach the
one address that was named.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from muniment.foundation.aws_error import error_name
from muniment.foundation.aws_signature import AwsSignature
from muniment.foundation.egress import Reply
from muniment.foundation.errors import MunimentError, NotSetUp, Tampered, Unavailable
from muniment.foundation.key_endpoint import KeyEndpoint
from muniment.foundation.key_provider import (
    Condition,
    KeyRefused,
    KeyState,
    KeyUnreachable,
    ProviderName,
    Wrapped,
)

DELETION_DAYS = 7
"""The shortest time that AWS waits before it deletes a key; the key opens nothing meanwhile."""
_PASSING = frozenset(
    {
        "ThrottlingException",
        "Throttling",
        "RequestLimitExceeded",
        "KMSInternalException",
        "DependencyTimeoutException",
        "KeyUnavailableException",
        "ServiceUnavailable",
        "InternalFailure",
    }
)
_NOT_BOUND = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})
_CONDITIONS: Mapping[str, Condition] = {
    "Enabled": "enabled",
    "Disabled": "disabled",
    "PendingDeletion": "pending deletion",
    "PendingReplicaDeletion": "pending deletion",
    "Unavailable": "unreachable",
}
_ARN = re.compile(r"arn:[a-z0-9-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]{1,64}")
_LEFT = (
    "AWS KMS keeps every version of a key for decryption; to leave one behind, let keys.aws.key name a new key, "
    "run `muniment keys rewrap`, then disable the old key at AWS"
)


class AwsKms:
    """Fills `KeyProvider` on one key of AWS KMS."""

    def __init__(self, key: str, region: str, address: str, endpoint: KeyEndpoint) -> None:
        """`key` is an ARN, an id, or `alias/NAME`; credentials are found as AWS's own tools find them."""
        self._key = key
        self._url = address.rstrip("/") + "/"
        self._endpoint = endpoint
        self._signature = AwsSignature("kms", region, "The provider aws-kms")
        self.place = f"AWS KMS in {region} ({key})"

    @property
    def name(self) -> ProviderName:
        return "aws-kms"

    def ensure(self) -> None:
        """Leave the key to the service: whoever runs the account makes it and says who may use it."""

    def wrap(self, context: Mapping[str, str], plaintext: bytes) -> Wrapped:
        """Encrypt under the key's newest version, which AWS does not name."""
        body = {"KeyId": self._key, "Plaintext": _text(plaintext), "EncryptionContext": dict(context)}
        said = self._ask("Encrypt", body)
        try:
            sealed = base64.b64decode(str(said["CiphertextBlob"]), validate=True)
            return Wrapped(self.name, str(said["KeyId"]), "", sealed)
        except (KeyError, ValueError) as error:
            raise KeyRefused(f"{self.place} gave no ciphertext.", fix="See keys.aws.endpoint_url.") from error

    def unwrap(self, context: Mapping[str, str], wrapped: Wrapped) -> bytes:
        """Decrypt, with the very key that the keyring names and no other."""
        if not self._is_ours(wrapped.key):
            raise NotSetUp(
                f"The keyring was wrapped by the key {wrapped.key[:200]}, not by {self._key}.",
                fix="Run `muniment keys rewrap` to go over to this one, or set keys.aws.key back.",
            )
        body = {
            "KeyId": wrapped.key,
            "CiphertextBlob": _text(wrapped.sealed),
            "EncryptionContext": dict(context),
        }
        said = self._ask("Decrypt", body)
        try:
            return base64.b64decode(str(said["Plaintext"]), validate=True)
        except (KeyError, ValueError) as error:
            raise KeyRefused(f"{self.place} gave no plaintext.", fix="See keys.aws.endpoint_url.") from error

    def describe(self) -> KeyState:
        """Ask for the key's state, which our role need not be allowed."""
        try:
            found = self._metadata()
        except KeyUnreachable as error:
            return KeyState(self.name, self._key, "unreachable", note=error.public)
        except KeyRefused as error:
            absent = error.detail.startswith("NotFoundException")
            return KeyState(self.name, self._key, "absent" if absent else "unknown", note=str(error))
        except MunimentError as error:
            return KeyState(self.name, self._key, "unknown", note=str(error))
        condition = _CONDITIONS.get(str(found.get("KeyState")), "unknown")
        return KeyState(self.name, str(found.get("Arn", self._key)), condition, self._newest(found))

    def rotate(self) -> str:
        """Let AWS make new key material."""
        found = self._metadata()
        self._ask("RotateKeyOnDemand", {"KeyId": found.get("KeyId")})
        return self._newest(found)

    def retire(self, newest: str) -> str:
        """Say that AWS cannot."""
        return _LEFT

    def disable(self, wrapped: Wrapped) -> str:
        """Disable the key that wrapped."""
        self._ask("DisableKey", {"KeyId": wrapped.key})
        return f"{wrapped.key} is disabled at AWS."

    def enable(self, wrapped: Wrapped) -> str:
        """Enable the key that wrapped."""
        self._ask("EnableKey", {"KeyId": wrapped.key})
        return f"{wrapped.key} is enabled at AWS."

    def destroy(self) -> str:
        """Schedule the key's deletion as soon as AWS allows; it opens nothing from now on."""
        found = self._metadata()
        body = {"KeyId": found.get("KeyId"), "PendingWindowInDays": DELETION_DAYS}
        when = self._ask("ScheduleKeyDeletion", body).get("DeletionDate")
        day = f"{datetime.fromtimestamp(when, UTC):%F}" if isinstance(when, int | float) else "in a week"
        return (
            f"{found.get('Arn')} opens nothing now and is deleted on {day}; until then AWS can cancel that."
        )

    def _is_ours(self, key: str) -> bool:
        """An alias may lead to any key: then the keyring says which one it is."""
        if _ARN.fullmatch(key) is None:
            return False
        return self._key.startswith("alias/") or ":alias/" in self._key or key.endswith(self._key)

    def _metadata(self) -> dict[str, Any]:
        found = self._ask("DescribeKey", {"KeyId": self._key}).get("KeyMetadata")
        return found if isinstance(found, dict) else {}

    def _newest(self, found: Mapping[str, Any]) -> str:
        """Count the rotations, which our role need not be allowed."""
        try:
            rotations = self._ask("ListKeyRotations", {"KeyId": found.get("KeyId")}).get("Rotations")
        except MunimentError:
            return ""
        return str(1 + len(rotations)) if isinstance(rotations, list) else ""

    def _ask(self, action: str, body: Mapping[str, object]) -> dict[str, Any]:
        content = json.dumps(body).encode()
        reply = self._endpoint.call(
            "POST", self._url, lambda: self._signed(action, content), content, _is_passing
        )
        if reply.status == 200:
            return reply.document()
        raise self._refusal(error_name(reply) or f"status {reply.status}", reply.document())

    def _signed(self, action: str, content: bytes) -> dict[str, str]:
        headers = {
            "content-type": "application/x-amz-json-1.1",
            "x-amz-target": f"TrentService.{action}",
        }
        try:
            return self._signature.headers("POST", self._url, headers, content)
        except Unavailable as error:
            raise KeyUnreachable(error.public, fix=error.fix, detail=error.detail) from error

    def _refusal(self, error: str, said: Mapping[str, Any]) -> MunimentError:
        detail = f"{error}: {str(said.get('message') or said.get('Message') or '')[:400]}"
        if error in _NOT_BOUND:
            return Tampered("The wrapped key does not open with this key in this place.", detail=detail)
        fixes = {
            "DisabledException": "Enable the key at AWS, or leave the workspace closed.",
            "KMSInvalidStateException": "Cancel its deletion at AWS and enable it, or leave the workspace closed.",
            "NotFoundException": "Check keys.aws (key, region, endpoint_url); a deleted key is gone for ever.",
            "AccessDeniedException": "Let the key's policy allow our role to use it (docs/guide/keys.md).",
        }
        return KeyRefused(
            f"{self.place} refuses ({error}).",
            fix=fixes.get(error, "See the credentials and the key's policy; --debug shows its words."),
            detail=detail,
        )


def _is_passing(reply: Reply) -> bool:
    return reply.status >= 500 or reply.status == 429 or error_name(reply) in _PASSING


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
