"""The one HTTP request that a call is: where each argument goes, in a spelling that nothing on the way changes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast
from urllib.parse import quote, unquote, urlencode, urlsplit

from muniment.actions.manifest import HttpOperation
from muniment.actions.runners.call import ToolCall, ToolFailed
from muniment.actions.runners.credentials import Request
from muniment.foundation.canonical import canonical

_PLACE = re.compile(r"\{([^{}]*)\}")
_FIXED_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&()*+,;=:@-]|\{[^{}/]*\})*)*")
_FIXED_QUERY = re.compile(r"[A-Za-z0-9._~=&:,-]*")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_TAG = re.compile(r"[!#-~]{1,200}")
"""What an ETag may hold between its quotes (RFC 9110), as far as it is ASCII."""
_KEY = re.compile(r"[!-~]{1,200}")
_OURS = frozenset({"authorization", "host", "content-length", "content-type", "accept", "idempotency-key"})


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that is ready to be signed and sent."""

    origin: str
    request: Request
    headers: Mapping[str, str]

    @property
    def url(self) -> str:
        """Return where it goes."""
        return self.origin + self.request.target


def prepare(call: ToolCall, runs: HttpOperation) -> Prepared:
    """Return the request of a call; raises ToolFailed where an argument or the manifest does not fit one."""
    try:
        parts = urlsplit(runs.url)
    except ValueError as error:
        raise _misstated("runs.url is no address") from error
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.fragment or "{" in parts.netloc:
        raise _misstated("runs.url is no address")
    if not _FIXED_PATH.fullmatch(parts.path) or not _FIXED_QUERY.fullmatch(parts.query):
        raise _misstated("runs.url holds characters that have to be encoded")
    in_path = set(_PLACE.findall(parts.path))
    target = _path(parts.path, call.arguments) or "/"
    query = "&".join(part for part in (parts.query, _query(call, runs), _dry(call, runs)) if part)
    target += f"?{query}" if query else ""
    body = _body(call, in_path | set(runs.query), runs.method)
    origin = f"{parts.scheme}://{parts.netloc}"
    return Prepared(origin, Request(runs.method, target, body), _headers(call, runs, body))


def _path(template: str, arguments: Mapping[str, object]) -> str:
    def spelled(match: re.Match[str]) -> str:
        value = _scalar(match[1], arguments.get(match[1]))
        # A slash, though encoded, is a separator to some servers.
        if (
            not value
            or "/" in value
            or "\\" in value
            or any(ord(one) < 32 or ord(one) == 127 for one in value)
        ):
            raise _unfit(match[1])
        return quote(value, safe="")

    path = "/".join(_PLACE.sub(spelled, segment) for segment in template.split("/"))
    if any(unquote(segment) in (".", "..") for segment in path.split("/")):
        raise ToolFailed("refused", "The address would lead elsewhere.", certain=True)
    return path


def _query(call: ToolCall, runs: HttpOperation) -> str:
    pairs: list[tuple[str, str]] = []
    for name in runs.query:
        value = call.arguments.get(name)
        if isinstance(value, Sequence) and not isinstance(value, str):
            pairs += [(name, _scalar(name, one)) for one in cast("Sequence[object]", value)]
        elif value is not None:
            pairs.append((name, _scalar(name, value)))
    return urlencode(pairs, safe="", quote_via=quote)


def _dry(call: ToolCall, runs: HttpOperation) -> str:
    if not call.dry_run:
        return ""
    if not runs.dry_run or not _FIXED_QUERY.fullmatch(runs.dry_run):
        raise ToolFailed("refused", "This tool cannot say what would happen.", certain=True)
    return runs.dry_run


def _body(call: ToolCall, elsewhere: set[str], method: str) -> bytes:
    inside = {name: value for name, value in call.arguments.items() if name not in elsewhere}
    if method == "GET":
        if inside:
            raise _misstated("runs.query leaves out arguments, and a GET has no body")
        return b""
    takes = set(cast("Mapping[str, object]", call.manifest.arguments.get("properties", {})))
    return canonical(inside) if takes - elsewhere or inside else b""


def _headers(call: ToolCall, runs: HttpOperation, body: bytes) -> dict[str, str]:
    headers = {"accept": "application/json"}
    if body:
        headers["content-type"] = "application/json"
    if runs.method != "GET":
        if not _KEY.fullmatch(call.key):
            raise ToolFailed("refused", "The key of the call cannot be sent.", certain=True)
        headers["idempotency-key"] = call.key
    if runs.version_header and call.version:
        name = runs.version_header
        if not _HEADER.fullmatch(name) or name.lower() in _OURS:
            raise _misstated("runs.version_header is no header for that")
        if not _TAG.fullmatch(call.version):
            raise ToolFailed("refused", "The version of the record cannot be sent.", certain=True)
        headers[name.lower()] = f'"{call.version}"'
    return headers


def _scalar(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return canonical(value).decode()
    raise _unfit(name)


def _unfit(name: str) -> ToolFailed:
    return ToolFailed("refused", f"{name} cannot stand in an address.", certain=True)


def _misstated(what: str) -> ToolFailed:
    return ToolFailed(
        "refused", f"The manifest cannot be used: {what}.", certain=True, fix="Mend it and add it again."
    )
