"""A bucket whose policy lets the people in question read what the settings say that they may."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from tests.simulators.s3_policies import Statement, statement
from tests.simulators.s3_server import ADMIN, REGION, S3, s3
from tests.simulators.sources.scene import GUEST, PEOPLE, STRANGER

from muniment.knowledge.access import nearest
from muniment.knowledge.sources.kinds import KINDS

READER = "muniment"
_ANYONE = (*PEOPLE, GUEST)
_KEPT = ExitStack()
_servers: list[S3] = []


def _server() -> S3:
    """Return a server with everybody's keys, made once: it takes as long to start as a scene to play."""
    if not _servers:
        made = _KEPT.enter_context(s3())
        for name in (*_ANYONE, STRANGER, READER):
            made.add_user(name)
        actions = ["s3:ListBucket", "s3:GetObject", "s3:GetObjectTagging"]
        made.set_user_policy(READER, statement("Allow", actions, "arn:aws:s3:::*"))
        _servers.append(made)
    return _servers[0]


def end_server() -> None:
    """End what scenes shared."""
    _servers.clear()
    _KEPT.close()


class S3Scene:
    """Fills `Scene`: the operator states readers by key, or lists that the tags of objects name."""

    kind = KINDS["s3"]

    def __init__(self, place: Path, access: Literal["readers", "tags"]) -> None:
        self.server = _server()
        self.bucket = f"company-{len(self.server.buckets)}"
        self._arn = f"arn:aws:s3:::{self.bucket}/"
        self._access = access
        self.can = frozenset({"deny", "unreadable", "throttle"})
        if access == "readers":
            self.can |= {"folders", "break"}
        self._lists: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        """By key or prefix: who is allowed and who is denied."""
        self._keys: set[str] = set()
        self._locked: set[str] = set()
        self.server.add_bucket(self.bucket)
        self._secret = place / "s3-secret"
        self._secret.write_text(self.server.keys[READER][1])

    @property
    def settings(self) -> Mapping[str, object]:
        stated = {
            "bucket": self.bucket,
            "endpoint": self.server.url,
            "region": REGION,
            "access_key_id": self.server.keys[READER][0],
            "secret_access_key": f"file:{self._secret}",
            "access": self._access,
        }
        if self._access == "tags":
            return {**stated, "tagged": tagged(), "readers": [{"allow": _ours(_ANYONE)}]}
        lists = [
            {"path": path, "allow": _ours(allow), "deny": _ours(deny)}
            for path, (allow, deny) in sorted(self._lists.items())
        ]
        return {**stated, "readers": lists}

    def put(self, path: str, text: str) -> None:
        self.server.put(self.bucket, path, text.encode())
        if path in self._lists:
            self._tag(path)
        if path not in self._keys:
            self._keys.add(path)
            self._state_policy()

    def remove(self, path: str) -> None:
        self._keys.discard(path)
        self.server.remove(self.bucket, path)

    def move(self, path: str, to: str) -> None:
        raise NotImplementedError

    def allow(self, path: str, who: Collection[str], deny: Collection[str] = ()) -> None:
        self._lists[path] = tuple(sorted(who)), tuple(sorted(deny))
        self._tag(path)
        self._state_policy()

    def inherit(self, path: str) -> None:
        del self._lists[path]
        self._state_policy()

    def team(self, name: str, members: Collection[str]) -> None:
        raise NotImplementedError

    def share_by_link(self, path: str) -> None:
        raise NotImplementedError

    def lock(self, path: str, locked: bool) -> None:
        (self._locked.add if locked else self._locked.discard)(path)
        self._state_policy()

    def throttle(self, answers: int) -> None:
        self.server.throttled = answers

    def reads(self, who: str, path: str) -> bool:
        return self.server.can_read(who, self.bucket, path)

    def close(self) -> None:
        self.server.throttled = 0

    def _tag(self, path: str) -> None:
        if self._access == "tags":
            tags = [{"Key": "readers", "Value": value(*self._lists[path])}]
            client = self.server.client(ADMIN)
            client.put_object_tagging(Bucket=self.bucket, Key=path, Tagging={"TagSet": tags})

    def _state_policy(self) -> None:
        self.server.set_bucket_policy(self.bucket, *map(self._allowing, sorted(self._keys)), *self._locking())

    def _allowing(self, key: str) -> Statement:
        allow, deny = nearest(key, self._lists) or ((), ())
        arns = [self.server.arn_of(one) for one in allow if one not in deny]
        return statement("Allow", "s3:GetObject", self._arn + key, arns)

    def _locking(self) -> list[Statement]:
        reader = self.server.arn_of(READER)
        return [statement("Deny", "s3:GetObject", self._arn + key, reader) for key in sorted(self._locked)]


def value(allow: Collection[str], deny: Collection[str] = ()) -> str:
    """Return the value of the tag that names a list."""
    return f"{'+'.join(sorted(allow))}/{'+'.join(sorted(deny))}"


def tagged() -> dict[str, dict[str, list[str]]]:
    """Return every list that a tag may name, by value."""
    allowed = [some for count in range(5) for some in itertools.combinations(_ANYONE, count)]
    denied = [(), *((one,) for one in _ANYONE)]
    return {
        value(allow, deny): {"allow": _ours(allow), "deny": _ours(deny)}
        for allow, deny in itertools.product(allowed, denied)
    }


def _ours(names: Collection[str]) -> list[str]:
    return [f"user:{name}" for name in names]
