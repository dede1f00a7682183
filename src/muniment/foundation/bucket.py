"""An S3 bucket: signed requests to it, and the headers of an object that nobody may replace or delete."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from muniment.foundation.aws_signature import AwsSignature
from muniment.foundation.egress import Egress, Reply


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bucket."""

    address: str
    """Such as `https://s3.eu-west-1.amazonaws.com/BUCKET`."""
    signature: AwsSignature
    egress: Egress

    def ask(
        self,
        method: str,
        path: str,
        seconds: float,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
    ) -> Reply:
        """Send one signed request; `path` is below the bucket, begins with `/` and is quoted.

        Raises as `AwsSignature.headers` and `Egress.exchange` do.
        """
        url = self.address.rstrip("/") + path
        signed = self.signature.headers(method, url, headers or {}, content)
        return self.egress.exchange(method, url, signed, content, seconds)


def checksum(content: bytes) -> dict[str, str]:
    """Return the headers by which the service checks what arrives."""
    return {
        "x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(content).digest()).decode(),
        "x-amz-sdk-checksum-algorithm": "SHA256",
    }


def locked(mode: str, until: datetime) -> dict[str, str]:
    """Return the headers by which an object is held until then."""
    return {
        "x-amz-object-lock-mode": mode.upper(),
        "x-amz-object-lock-retain-until-date": f"{until:%Y-%m-%dT%H:%M:%SZ}",
    }
