"""The S3 of moto on the loopback, with users, groups and policies that are enforced as AWS documents it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, unquote
from xml.sax.saxutils import escape

import pytest
from tests.simulators.s3_policies import Statement, is_allowed

REGION = "eu-west-1"
ADMIN = "admin"
"""The account itself: no policy binds it."""
_ACCOUNT = "123456789012"
_OF_BUCKET = {
    "policy": "BucketPolicy",
    "acl": "BucketAcl",
    "versioning": "BucketVersioning",
    "location": "BucketLocation",
    "tagging": "BucketTagging",
    "publicAccessBlock": "BucketPublicAccessBlock",
    "ownershipControls": "BucketOwnershipControls",
}
_OF_OBJECT = {"acl": "ObjectAcl", "tagging": "ObjectTagging", "attributes": "ObjectAttributes"}
_SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/[^,]+/([^/]+)/s3/aws4_request, *SignedHeaders=([^,]+)"
)
Answer = Callable[..., Any]


class S3:
    """A running server: changes it as the account does, and asks it as its users do."""

    def __init__(self, application: Any) -> None:
        import botocore.session
        from moto.iam.models import iam_backends
        from moto.s3.models import s3_backends

        self.url, self.region = "", REGION
        self._application = application
        self._iam = iam_backends[_ACCOUNT]["aws"]
        self._s3 = s3_backends[_ACCOUNT]["aws"]
        self._session = botocore.session.Session()
        self.keys: dict[str, tuple[str, str]] = {}
        """What each user signs requests with: the id of a key and its secret."""
        self.throttled = 0
        """How many of the next requests are refused as too many; the account's own are not."""
        self._clients: dict[str, Any] = {}
        self.buckets: list[str] = []
        self._groups: list[str] = []
        self.add_user(ADMIN)

    @staticmethod
    def arn_of(user: str) -> str:
        """Return the name of a user in the policies of buckets."""
        return f"arn:aws:iam::{_ACCOUNT}:user/{user}"

    def add_user(self, user: str, *groups: str) -> None:
        """Make a user with a key and no rights."""
        self._iam.create_user(REGION, user)
        key = self._iam.create_access_key(user)
        self.keys[user] = key.access_key_id, key.secret_access_key
        for group in groups:
            self.join(user, group)

    def add_group(self, group: str) -> None:
        """Make a group of users."""
        self._iam.create_group(group)
        self._groups.append(group)

    def join(self, user: str, group: str) -> None:
        """Put a user into a group."""
        self._iam.add_user_to_group(group, user)

    def leave(self, user: str, group: str) -> None:
        """Take a user out of a group."""
        self._iam.remove_user_from_group(group, user)

    def disable(self, user: str) -> None:
        """Let the key of a user open nothing."""
        self._iam.update_access_key(user, self.keys[user][0], "Inactive")

    def enable(self, user: str) -> None:
        """Let the key of a disabled user open again what it did."""
        self._iam.update_access_key(user, self.keys[user][0], "Active")

    def set_user_policy(self, user: str, *statements: Statement) -> None:
        """Say what a user may do, in place of what was said before."""
        self._iam.put_user_policy(user, "own", _policy(statements))

    def set_group_policy(self, group: str, *statements: Statement) -> None:
        """Say what the members of a group may do, in place of what was said before."""
        self._iam.put_group_policy(group, "own", _policy(statements))

    def add_bucket(self, bucket: str, versioned: bool = False) -> None:
        """Make a bucket that only the account may read."""
        admin = self.client(ADMIN)
        admin.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.buckets.append(bucket)
        if versioned:
            admin.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})

    def set_bucket_policy(self, bucket: str, *statements: Statement) -> None:
        """Say who may do what with a bucket, in place of what was said before."""
        if statements:
            self.client(ADMIN).put_bucket_policy(Bucket=bucket, Policy=_policy(statements))
        else:
            self.client(ADMIN).delete_bucket_policy(Bucket=bucket)

    def put(self, bucket: str, key: str, content: bytes) -> str:
        """Write an object, and return its version where the bucket keeps versions."""
        return self.client(ADMIN).put_object(Bucket=bucket, Key=key, Body=content).get("VersionId", "")

    def remove(self, bucket: str, key: str, version: str = "") -> None:
        """Remove an object, or one version of it for good."""
        self.client(ADMIN).delete_object(
            Bucket=bucket, Key=key, **({"VersionId": version} if version else {})
        )

    def can_read(self, user: str | None, bucket: str, key: str, version: str = "") -> bool:
        """Return whether the server gives an object to a user, or to anyone without a name."""
        from botocore.exceptions import ClientError

        try:
            named = {"VersionId": version} if version else {}
            self.client(user).get_object(Bucket=bucket, Key=key, **named)["Body"].read()
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] not in (403, 404, 405):
                raise
            return False
        return True

    def client(self, user: str | None) -> Any:
        """Return a client of botocore that signs as a user, or not at all."""
        from botocore import UNSIGNED
        from botocore.config import Config

        name = user or ""
        if name not in self._clients:
            key, secret = self.keys[user] if user else (None, None)
            self._clients[name] = self._session.create_client(
                "s3",
                region_name=REGION,
                endpoint_url=self.url,
                aws_access_key_id=key,
                aws_secret_access_key=secret,
                config=Config(
                    s3={"addressing_style": "path"},
                    retries={"total_max_attempts": 1},
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                    signature_version="s3v4" if user else UNSIGNED,
                ),
            )
        return self._clients[name]

    def __call__(self, environ: dict[str, Any], start: Answer) -> Iterable[bytes]:
        """Answer a request: S3's own only where policies allow it."""
        authorization = environ.get("HTTP_AUTHORIZATION", "")
        if environ["PATH_INFO"].startswith("/moto-api") or (authorization and "/s3/" not in authorization):
            return self._application(environ, start)
        try:
            refused = self._refusal(environ, authorization)
        except NotImplementedError as error:
            refused = "501 Not Implemented", "NotImplemented", str(error)
        if not refused:
            return self._application(environ, start)
        status, code, said = refused
        body = f"<Error><Code>{code}</Code><Message>{escape(said)}</Message></Error>".encode()
        start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

    def _refusal(self, environ: dict[str, Any], authorization: str) -> tuple[str, str, str] | None:
        user = self._signer(environ, authorization) if authorization else None
        if authorization and user is None:
            return "403 Forbidden", "SignatureDoesNotMatch", "No active key has signed this."
        if self.throttled and user != ADMIN:
            self.throttled -= 1
            return "503 Slow Down", "SlowDown", "Please reduce your request rate."
        path, _, query = environ["RAW_URI"].partition("?")
        bucket, _, key = unquote(path).lstrip("/").partition("/")
        asked = dict(parse_qsl(query, keep_blank_values=True))
        if "X-Amz-Signature" in asked:
            raise NotImplementedError("signatures in addresses")
        action = _action(environ["REQUEST_METHOD"], bucket, key, asked)
        resource = f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"
        own = self._statements_of(user) if user else []
        held = self._s3.buckets.get(bucket)
        of_bucket = _statements(held.policy) if held is not None and held.policy else []
        arn = self.arn_of(user) if user else None
        prefix = {"prefix": asked.get("prefix", "")} if action.startswith("s3:ListBucket") else {}
        if user == ADMIN or is_allowed(action, resource, arn, own, of_bucket, **prefix):
            return None
        return "403 Forbidden", "AccessDenied", "Access Denied"

    def _signer(self, environ: dict[str, Any], authorization: str) -> str | None:
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        signed = _SIGNED.match(authorization)
        user = next((name for name, (key, _) in self.keys.items() if signed and key == signed[1]), None)
        if signed is None or user is None or not self._is_active(user):
            return None
        held = {
            name.removeprefix("HTTP_").replace("_", "-").lower(): value for name, value in environ.items()
        }
        headers = {name: held.get(name, "") for name in signed[3].split(";")}
        request = AWSRequest(environ["REQUEST_METHOD"], environ["RAW_URI"], headers)
        request.context["timestamp"] = held["x-amz-date"]
        signer = S3SigV4Auth(Credentials(*self.keys[user]), "s3", signed[2])
        text = signer.string_to_sign(request, signer.canonical_request(request))
        return user if authorization.endswith(f"Signature={signer.signature(text, request)}") else None

    def _is_active(self, user: str) -> bool:
        return self._iam.users[user].access_keys[0].status == "Active"

    def _statements_of(self, user: str) -> list[Statement]:
        found = [policy for policy in self._iam.users[user].policies.values()]
        for group in self._iam.get_groups_for_user(user):
            found += group.policies.values()
        return [one for policy in found for one in _statements(policy)]

    def close(self) -> None:
        """Remove what was made, for other servers of this process hold it too."""
        for bucket in self.buckets:
            self._s3.buckets[bucket].keys.clear()
            self._s3.delete_bucket(bucket)
        for group in self._groups:
            self._iam.groups.pop(group, None)
        for user in self.keys:
            self._iam.users.pop(user, None)
            self._iam.access_keys.pop(self.keys[user][0], None)


def _policy(statements: Iterable[Statement]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def _statements(policy: str | bytes) -> list[Statement]:
    found = json.loads(policy)["Statement"]
    return found if isinstance(found, list) else [found]


def _action(method: str, bucket: str, key: str, asked: dict[str, str]) -> str:
    verb = {"GET": "Get", "HEAD": "Get", "PUT": "Put", "DELETE": "Delete"}.get(method, method)
    named = next((name for part, name in (_OF_OBJECT if key else _OF_BUCKET).items() if part in asked), None)
    if named:
        return f"s3:{verb}{named}"
    if key:
        return f"s3:{verb}Object" + ("Version" if "versionId" in asked and verb != "Put" else "")
    if not bucket:
        return "s3:ListAllMyBuckets"
    listed = "s3:ListBucketVersions" if "versions" in asked else "s3:ListBucket"
    return listed if verb == "Get" else f"s3:{verb}Bucket"


@contextmanager
def s3() -> Iterator[S3]:
    """Run a server without buckets; skips where moto is not installed."""
    moto = pytest.importorskip("moto.server", reason="the package moto with flask is not installed")
    pytest.importorskip("botocore", reason="the package botocore is not installed")
    from moto.iam.access_control import PermissionResult
    from moto.s3.models import FakeBucket
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Say nothing."""

    server = S3(moto.DomainDispatcherApplication(moto.create_backend_app))
    with pytest.MonkeyPatch.context() as patch:
        # It would apply to everyone what a policy says of one user; the answer is known here already.
        patch.setattr(FakeBucket, "get_permission", lambda *_: PermissionResult.PERMITTED)
        running = make_server("127.0.0.1", 0, server, threaded=True, request_handler=Quiet)
        server.url = f"http://127.0.0.1:{running.server_port}"
        thread = threading.Thread(target=running.serve_forever, args=[0.02], daemon=True)
        thread.start()
        try:
            yield server
        finally:
            running.shutdown()
            thread.join()
            running.server_close()
            server.close()
