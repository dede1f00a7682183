"""An S3 bucket with object lock as a witness: it signs nothing, and lets nobody take back what was put there.

The name of each object holds size and root, so that whatever was put there later hides nothing, and a list of names,
deleted ones included, is the whole history.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from urllib.parse import quote

from muniment.foundation.bucket import Bucket, checksum, locked
from muniment.foundation.clock import Clock
from muniment.foundation.egress import Reply, Unreached
from muniment.foundation.errors import NotSetUp, Tampered, Unavailable
from muniment.governance.audit.checkpoint import Checkpoint
from muniment.governance.audit.witness import NOTHING, Forked, Seen

SECONDS = 10.0
_NAME = re.compile(r"([0-9]{20})-([0-9a-f]{64})")
_VERSION = re.compile(r"<(Version|DeleteMarker)>.*?<Key>([^<]*)</Key>.*?</\1>", re.DOTALL)
_SAFE = "-._~"
_REFUSED = frozenset({400, 401, 403, 404, 405, 409, 412})


class BucketWitness:
    """Fills `Witness` with a bucket."""

    signs = False

    def __init__(
        self,
        bucket: Bucket,
        prefix: str,
        origin: str,
        days: int,
        clock: Clock,
    ) -> None:
        """Objects of `origin` are kept for so many days."""
        self._bucket = bucket
        self._address = bucket.address.rstrip("/")
        self._prefix = f"{prefix}{origin}/"
        self._days = days
        self._clock = clock

    def public_key(self) -> str:
        """Return nothing: a bucket has no key."""
        return ""

    def check(self) -> None:
        """Raise NotSetUp unless the bucket was made with object lock."""
        reply = self._send("GET", "/?object-lock=")
        if reply.status != 200 or b"<ObjectLockEnabled>Enabled</ObjectLockEnabled>" not in reply.body:
            raise NotSetUp(
                f"The bucket {self._address} has no object lock, or will not say.",
                fix="Make one with object lock; a bucket without it holds on to nothing.",
            )

    def last(self, known: Seen) -> Seen:
        """Return the largest tree, the known one where nothing came after it; raises Forked for two of one size."""
        found = self._list(known)
        if not found:
            return known
        last = found[-1]
        if any(one.size == last.size and one.root != last.root for one in found):
            raise Forked(
                f"The bucket holds two different logs of size {last.size}.",
                fix="Keep both objects, and call your auditor.",
            )
        return last

    def history(self) -> list[Seen]:
        """Return every tree that it holds."""
        return self._list(NOTHING)

    def add(self, checkpoint: Checkpoint, seen: Seen, path: Sequence[bytes]) -> str:
        """Put a checkpoint there, which nobody can delete for the time set; return it unchanged."""
        content = checkpoint.text.encode()
        until = self._clock.now() + timedelta(days=self._days)
        headers = {
            "content-type": "text/plain; charset=utf-8",
            **checksum(content),
            **locked("compliance", until),
        }
        name = quote(self._object(Seen(checkpoint.size, checkpoint.root)), safe=_SAFE + "/")
        reply = self._send("PUT", f"/{name}", headers, content)
        if reply.status != 200:
            raise self._refusal(reply)
        return checkpoint.text

    def _list(self, known: Seen) -> list[Seen]:
        marker, version = self._object(known) if known.size else "", ""
        found: list[Seen] = []
        while True:
            asked = {
                "key-marker": marker,
                "prefix": self._prefix,
                "version-id-marker": version,
                "versions": "",
            }
            query = "&".join(
                f"{name}={quote(value, safe=_SAFE)}"
                for name, value in asked.items()
                if value or name == "versions"
            )
            reply = self._send("GET", f"/?{query}")
            if reply.status != 200:
                raise self._refusal(reply)
            text = reply.body.decode("utf-8", "replace")
            for _, name in _VERSION.findall(text):
                parts = _NAME.fullmatch(name.removeprefix(self._prefix))
                if parts is None:
                    raise Tampered(
                        f"The bucket holds {name[:200]!r}, which muniment did not put there.",
                        fix="Find out who did.",
                    )
                found.append(Seen(int(parts[1]), bytes.fromhex(parts[2])))
            if "<IsTruncated>true</IsTruncated>" not in text:
                return sorted(set(found), key=lambda one: (one.size, one.root))
            marker, version = _tag("NextKeyMarker", text), _tag("NextVersionIdMarker", text)
            if not marker:
                raise Unavailable("The bucket's list ends in the middle.", fix="Try again.")

    def _object(self, tree: Seen) -> str:
        return f"{self._prefix}{tree.size:020d}-{tree.root.hex()}"

    def _send(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, content: bytes = b""
    ) -> Reply:
        try:
            return self._bucket.ask(method, path, SECONDS, headers, content)
        except Unreached as error:
            raise Unavailable(
                f"The bucket {self._address} cannot be reached now ({error}).", fix="See that it can be."
            ) from error

    def _refusal(self, reply: Reply) -> Unavailable | NotSetUp:
        code = _tag("Code", reply.body.decode("utf-8", "replace"))[:60] or f"status {reply.status}"
        if reply.status in _REFUSED:
            return NotSetUp(
                f"The bucket {self._address} refuses ({code}).",
                fix="See its name, its object lock, and what the role may do (docs/guide/audit.md).",
            )
        return Unavailable(f"The bucket {self._address} cannot be used now ({code}).", fix="Try again.")


def _tag(name: str, text: str) -> str:
    found = re.search(rf"<{name}>([^<]*)</{name}>", text)
    return found[1] if found else ""
