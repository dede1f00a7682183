"""A bucket of Amazon S3, or of what speaks its interface, as MinIO does.

An object is known by its key. Each pass lists the bucket; an overwritten object has another revision, and one under a
delete marker is not listed. Keys that end in a slash and hold nothing are folders, and no items.

Who may read is what the operator states by prefix (`readers`). Policies and lists of the account that owns the bucket
are not mirrored: they bind keys of programs, which are no people. With `access = "tags"`, an object is read by those
of its prefix who are also of the list that its own tag names; one without that tag, or whose tag names no list, is
nobody's.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from muniment.foundation.aws_signature import AwsKey, AwsSignature
from muniment.foundation.bucket import Bucket
from muniment.foundation.errors import BadInput
from muniment.knowledge.sources.connector import (
    UNREADABLE,
    AccessPage,
    Checked,
    Content,
    ContentPage,
    Gone,
    Item,
    Notice,
    People,
    Stated,
    Unreadable,
)
from muniment.knowledge.sources.connectors.s3_api import Listed, S3Api
from muniment.knowledge.sources.connectors.s3_keys import (
    MOST_ID_BYTES,
    id_of,
    is_addressable,
    key_of,
)
from muniment.knowledge.sources.http_api import origin_for_secrets
from muniment.knowledge.sources.item_path import path_of
from muniment.knowledge.sources.kinds import Doors
from muniment.knowledge.sources.reader_sets import scope_of
from muniment.knowledge.sources.source_settings import SourceSettings
from muniment.knowledge.sources.stated_readers import PathReaders, ReaderList, StatedReaders

PAGE = 500
_OVERWRITTEN = "overwritten"
"""No revision of anything."""


class Settings(SourceSettings):
    """Of this kind."""

    bucket: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{1,253}[a-z0-9]$")
    endpoint: str = ""
    """Address of the service; empty: Amazon's in the region."""
    region: str = Field(default="us-east-1", pattern=r"^[a-z0-9-]{1,40}$")
    prefix: str = ""
    """Only keys that begin with it are read."""
    access_key_id: str = ""
    """Empty: the credentials that AWS's own tools find for this process."""
    secret_access_key: str = ""
    """Reference."""
    access: Literal["readers", "tags"] = "readers"
    readers: tuple[PathReaders, ...] = ()
    """Who may read what, by the beginning of the key up to a slash."""
    tag: str = "readers"
    """Name of the tag by which an object names one of `tagged`."""
    tagged: dict[str, ReaderList] = Field(default_factory=dict[str, ReaderList])
    """Lists by value of the tag; no value is empty."""
    notice_secret: str = ""
    """Reference to what calls of the service must carry as a bearer token; empty: none is taken."""
    private_network: bool = False

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.access_key_id) != bool(self.secret_access_key):
            raise ValueError("state access_key_id and secret_access_key, or neither")
        if self.tagged and self.access != "tags":
            raise ValueError('tagged is read with access = "tags" only')
        if "" in self.tagged:
            raise ValueError("tagged: no value of the tag may be empty")
        return self


def connect(settings: SourceSettings, doors: Doors) -> S3:
    """Return a connection; raises BadInput for a key that is not there."""
    if not isinstance(settings, Settings):
        raise BadInput("These are settings of another kind.")
    return S3(settings, doors)


class S3:
    """Fills `Connector` and `Notifies`."""

    def __init__(self, settings: Settings, doors: Doors) -> None:
        self._settings = settings
        self._doors = doors
        self._stated = StatedReaders(settings.readers)
        endpoint = (settings.endpoint or f"https://s3.{settings.region}.amazonaws.com").rstrip("/")
        egress = doors.egress([origin_for_secrets(endpoint, "endpoint")], settings.private_network)
        secret = doors.secret(settings.secret_access_key, "secret_access_key")
        key = AwsKey(settings.access_key_id, secret) if secret is not None else None
        signature = AwsSignature("s3", settings.region, "A bucket as a source", key)
        bucket = Bucket(f"{endpoint}/{settings.bucket}", signature, egress)
        self._api = S3Api(bucket, doors.clock)

    def check(self) -> Checked:
        """List a page, and read the tags of its first object where they count."""
        found, more = self._listed("")
        says = [f"{len(found)}{' and more' if more else ''} objects"]
        warnings: list[str] = []
        if not self._settings.readers:
            warnings.append("No readers are stated, so that nobody reads anything. State [[readers]].")
        objects = [one for one in found if is_addressable(one.key)]
        if self._settings.access == "tags" and objects and self._tags(objects[0].key) is None:
            warnings.append("Tags cannot be seen, so that nobody reads anything. Grant s3:GetObjectTagging.")
        return Checked(says, warnings)

    def people(self) -> Iterable[People]:
        """Return nobody: the readers are accounts of ours."""
        return ()

    def access(self, cursor: str) -> AccessPage:
        found, more = self._listed(key_of(cursor))
        stated: dict[str, Stated] = {}
        for one in found:
            if _is_folder(one):
                continue
            try:
                stated[_name(one.key)] = self._of(one.key)
            except Gone:
                continue
        revisions = self._settled(key_of(cursor), found)
        scopes = {scope_of(one): one for one in stated.values()}
        items = {name: scope_of(one) for name, one in stated.items()}
        return AccessPage(scopes, items, (), _cursor(found, more), more, revisions)

    def _settled(self, after: str, found: Sequence[Listed]) -> Mapping[str, str]:
        """Return the revisions to which the readers belong that were told since the page was listed."""
        revisions = {_name(one.key): one.revision for one in found}
        if self._settings.access == "tags":
            again = {_name(one.key): one.revision for one in self._listed(after)[0]}
            revisions = {
                name: one if again.get(name) == one else _OVERWRITTEN for name, one in revisions.items()
            }
        return revisions

    def changes(self, cursor: str) -> ContentPage:
        found, more = self._listed(key_of(cursor))
        items = [_item(one) for one in found if not _is_folder(one)]
        return ContentPage(items, (), _cursor(found, more), more)

    def fetch(self, item: Item) -> Content:
        """Return an object's bytes, and where tags count the scope in which it was before and after."""
        key = key_of(item.id)
        if self._settings.access == "readers":
            return Content(self._api.content(key))
        before = self._of(key)
        content = self._api.content(key)
        if self._of(key) != before:
            raise Unreadable("Its tags changed while it was read.", why="unreachable")
        return Content(content, scope=scope_of(before))

    def notice(self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> Notice | None:
        """Take any call with the token for a change of something: the bucket is then read."""
        expected = self._doors.secret(self._settings.notice_secret, "notice_secret")
        said = {name.lower(): value for name, value in headers.items()}.get("authorization", "")
        scheme, _, token = said.partition(" ")
        if expected is None or scheme.lower() != "bearer":
            return None
        right = hmac.compare_digest(token.strip().encode(), expected.reveal().encode())
        return Notice() if right else None

    def close(self) -> None:
        """Nothing is held open."""

    def _listed(self, after: str) -> tuple[Sequence[Listed], bool]:
        return self._api.page(self._settings.prefix, after, PAGE)

    def _of(self, key: str) -> Stated:
        """Return who may read an object; raises Gone."""
        stated = self._stated.of(key)
        if self._settings.access == "readers":
            return stated
        by = self._settings.tagged.get((self._tags(key) or {}).get(self._settings.tag, ""))
        return UNREADABLE if by is None else _narrowed(stated, by)

    def _tags(self, key: str) -> Mapping[str, str] | None:
        return self._api.tags(key) if is_addressable(key) else None


def _narrowed(stated: Stated, by: ReaderList) -> Stated:
    """Return what lets in those of `stated` who are also of a list."""
    if not stated.clauses or not by.allow:
        return Stated(sensitivity=stated.sensitivity)
    clauses = (*stated.clauses, frozenset(by.allow))
    return Stated(clauses, stated.deny | frozenset(by.deny), stated.sensitivity)


def _is_folder(one: Listed) -> bool:
    return one.key.endswith("/") and not one.size


def _item(one: Listed) -> Item:
    problem = ""
    if not is_addressable(one.key):
        problem = "Its key has a part . or .., which no address can name."
    elif len(id_of(one.key).encode()) > MOST_ID_BYTES:
        problem = "Its key holds too many characters that no name can."
    path = path_of(one.key)
    return Item(
        _name(one.key), path, one.revision, size=one.size, modified_at=one.modified_at, problem=problem
    )


def _name(key: str) -> str:
    """Return the id of an object; of one whose id would be too long, an id that leads nowhere."""
    name = id_of(key)
    return name if len(name.encode()) <= MOST_ID_BYTES else hashlib.sha256(key.encode()).hexdigest()


def _cursor(found: Sequence[Listed], more: bool) -> str:
    return id_of(found[-1].key) if more else ""
