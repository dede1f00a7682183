"""Rules about what other rooms put on record: documents that give orders, keys from new places, stale sources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from muniment.governance.audit.entry import StoredEntry
from muniment.governance.incidents.detection.detection_settings import (
    InjectionSettings,
    PlaceSettings,
    WithheldSettings,
)
from muniment.governance.incidents.detection.rule import account
from muniment.governance.incidents.incident import Finding


class Injection:
    """A document gives orders to models. Nothing else rests on that: what a model may do is bounded all the same."""

    name = "injection"
    minutes = 0.0

    def __init__(self, settings: InjectionSettings) -> None:
        self._settings = settings

    def look(self, entry: StoredEntry) -> Iterator[Finding]:
        """Take an entry in, and yield what is found with it."""
        document, source = entry.about.get("document"), entry.about.get("source")
        if entry.kind != "ingest.suspect" or not isinstance(document, str) or not isinstance(source, str):
            return
        patterns = ", ".join(str(one) for one in cast("Sequence[str]", entry.about.get("patterns") or ()))
        says = f"{document} of the source {source} reads like orders to a model ({patterns})."
        touches = (("source", source),)
        yield Finding(self.name, f"source:{source}", self._settings.severity, says, (entry.seq,), touches)


class Places:
    """An API key is used from a network that it was never used from."""

    name = "places"
    minutes = 0.0

    def __init__(self, settings: PlaceSettings) -> None:
        self._settings = settings

    def look(self, entry: StoredEntry) -> Iterator[Finding]:
        """Take an entry in, and yield what is found with it."""
        key, owner = entry.about.get("key"), entry.about.get("for")
        if entry.kind != "api_key.new_place" or not isinstance(key, str) or not isinstance(owner, str):
            return
        if entry.about.get("known") == 0:
            return
        says = f"The API key {key} of {owner} was used from a network that it was never used from."
        found = account(owner)
        touches = () if found is None else (found,)
        yield Finding(self.name, f"api_key:{key}", self._settings.severity, says, (entry.seq,), touches)


class Withheld:
    """Documents of a source are withheld, since what is known of who may read them is too old."""

    name = "withheld"
    minutes = 0.0

    def __init__(self, settings: WithheldSettings) -> None:
        self._settings = settings

    def look(self, entry: StoredEntry) -> Iterator[Finding]:
        """Take an entry in, and yield what is found with it."""
        source = entry.about.get("source")
        if entry.kind != "source.withheld" or not isinstance(source, str):
            return
        says = f"The source {source} is withheld: who may read it was not read to the end in time."
        touches = (("source", source),)
        yield Finding(self.name, f"source:{source}", self._settings.severity, says, (entry.seq,), touches)
