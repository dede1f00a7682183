"""That a server began and ended, with which code and settings, and which of these differ from the last time."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import cast

from muniment.foundation.errors import MunimentError
from muniment.governance.audit.actor import Actor
from muniment.governance.audit.entry import Entry, Json
from muniment.governance.audit.log import AuditLog

BEGAN = "server.started"
_SHOWN = 12
"""Hex digits of a digest that are recorded."""
_ITSELF = Actor("muniment", "python")


def differing(
    now: Mapping[str, object], shipped: Mapping[str, object], commit: Callable[[str], str]
) -> dict[str, str]:
    """Return the settings that are not as shipped, by name, each with a keyed digest of its value.

    A change of a value shows, and nobody can guess it. `commit` gives the keyed digest of a text.
    """
    known = dict(_leaves(shipped))
    found: dict[str, str] = {}
    for name, value in sorted(_leaves(now), key=lambda leaf: leaf[0]):
        if value not in (None, "") and known.get(name) != value:
            said = json.dumps([name, value], sort_keys=True, ensure_ascii=False)
            found[name] = commit(said).rpartition(":")[2][:_SHOWN]
    return found


class Serving:
    """The times that a server ran, of one workspace."""

    def __init__(self, audit: AuditLog, code: str, source: str, settings: Mapping[str, str]) -> None:
        """`source` is the digest of the code; `settings` are what `differing` gives."""
        self._audit = audit
        self._code = code
        self._source = source
        self._settings = settings

    @contextmanager
    def recorded(self) -> Generator[None]:
        """Put on record that a server runs while the block does; raises Unavailable where that cannot be."""
        last = self._audit.last_of(BEGAN)
        about: dict[str, Json] = {
            "code": self._code,
            "source": self._source,
            "settings": dict(self._settings),
            "changed": self._changed(last.about) if last else [],
        }
        self._audit.record([Entry(BEGAN, _ITSELF, about)])
        try:
            yield
        finally:
            with suppress(MunimentError):
                self._audit.record([Entry("server.stopped", _ITSELF, {})])

    def _changed(self, last: Mapping[str, Json]) -> list[str]:
        before = cast("Mapping[str, str]", last.get("settings") or {})
        names = {name for name in {*before, *self._settings} if before.get(name) != self._settings.get(name)}
        return sorted(names) + (["code"] if last.get("source") != self._source else [])


def _leaves(value: object, at: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, one in cast("Mapping[str, object]", value).items():
            yield from _leaves(one, f"{at}.{key}" if at else str(key))
    else:
        yield at, value
