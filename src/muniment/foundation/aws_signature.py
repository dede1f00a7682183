"""Signs requests to AWS (Signature Version 4) with a key that was given, or the credentials of this process.

Only the signer and the search for credentials are botocore's; what is signed leaves by `egress`.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from muniment.foundation.errors import NotSetUp, Unavailable
from muniment.foundation.secret import Secret


@dataclass(frozen=True, slots=True)
class AwsKey:
    """An access key, of AWS or of a service that signs as AWS does."""

    id: str
    secret: Secret


class AwsSignature:
    """The signature for one service in one region."""

    def __init__(self, service: str, region: str, needed_by: str, key: AwsKey | None = None) -> None:
        """`needed_by` says who needs it, where the extra that brings it is missing.

        Without a key, the credentials are those that AWS's own tools find for this process.
        """
        self._service = service
        self._region = region
        self._needed_by = needed_by
        self._key = key
        self._finding = threading.Lock()
        self._credentials: Any = None

    def headers(self, method: str, url: str, headers: Mapping[str, str], content: bytes) -> dict[str, str]:
        """Return the headers with those of the signature.

        Raises NotSetUp without the extra or credentials, Unavailable where credentials cannot be renewed now.
        """
        auth, requests = self.botocore("auth"), self.botocore("awsrequest")
        request = requests.AWSRequest(method=method, url=url, data=content, headers=dict(headers))
        # S3 has its own way of quoting paths, and wants the digest of the body.
        signer = auth.S3SigV4Auth if self._service == "s3" else auth.SigV4Auth
        signer(self._frozen_credentials(), self._service, self._region).add_auth(request)
        return {str(name): str(value) for name, value in request.headers.items()}

    def botocore(self, module: str) -> Any:
        """Return a module of botocore; raises NotSetUp without the extra."""
        try:
            return importlib.import_module(f"botocore.{module}")
        except ImportError as error:
            raise NotSetUp(
                f"{self._needed_by} needs the extra `aws`.", fix='Run: pip install "muniment[aws]"'
            ) from error

    def _frozen_credentials(self) -> Any:
        with self._finding:
            if self._credentials is None:
                self._credentials = self._find_credentials()
        try:
            return self._credentials.get_frozen_credentials()
        except Exception as error:
            raise Unavailable(
                "The AWS credentials cannot be renewed now.",
                fix="See that their source can be reached; nothing can be asked until then.",
                detail=type(error).__name__,
            ) from error

    def _find_credentials(self) -> Any:
        if self._key is not None:
            return self.botocore("credentials").Credentials(self._key.id, self._key.secret.reveal())
        session = self.botocore("session").get_session()
        config = self.botocore("config").Config(
            connect_timeout=2, read_timeout=2, retries={"total_max_attempts": 2}
        )
        session.set_default_client_config(config)
        try:
            found = session.get_credentials()
        except Exception as error:
            raise NotSetUp(
                "The AWS credentials cannot be used.",
                fix="Mend the profile, role or variables that AWS's own tools use here.",
                detail=type(error).__name__,
            ) from error
        if found is None:
            raise NotSetUp(
                "There are no AWS credentials.",
                fix="Give this process a role, a profile or variables, as AWS's own tools expect them.",
            )
        return found
