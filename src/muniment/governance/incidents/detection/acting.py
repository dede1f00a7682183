"""Rules about actions: what people keep rejecting, and approvals that nobody can have read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import cast

from muniment.governance.audit.entry import Json, StoredEntry
from muniment.governance.incidents.detection.detection_settings import HastySettings, RejectionSettings
from muniment.governance.incidents.detection.rule import Recent, account
from muniment.governance.incidents.incident import Finding

_MOST_ACTIONS = 10_000


class Rejections:
    """People reject again and again what somebody, or an agent of theirs, proposes."""

    name = "rejections"

    def __init__(self, settings: RejectionSettings) -> None:
        self._settings = settings
        self.minutes = settings.minutes
        self._recent = Recent[tuple[str, str]](settings.minutes)
        self._proposed: OrderedDict[str, tuple[str, str, str]] = OrderedDict()

    def look(self, entry: StoredEntry) -> Iterator[Finding]:
        """Take an entry in, and yield what is found with it."""
        made = entry.about.get("action")
        if not isinstance(made, str):
            return
        if entry.kind == "action.proposed":
            agent = cast("Mapping[str, Json]", entry.about.get("agent") or {})
            model = str(agent.get("model") or "").partition("@")[0]
            self._proposed[made] = (_requester(entry), str(entry.about.get("tool") or ""), model)
            while len(self._proposed) > _MOST_ACTIONS:
                self._proposed.popitem(last=False)
        if entry.kind != "action.rejected" or made not in self._proposed:
            return
        subject, tool, model = self._proposed[made]
        count = self._recent.add(subject, entry, (tool, model))
        if count >= self._settings.count and self._recent.due(subject, entry):
            held = self._recent.held(subject)
            says = f"{len(held)} proposals of {subject} were rejected within {self.minutes:g} minutes."
            touches = [one for one in (account(subject),) if one is not None]
            touches += sorted({("tool", tool) for _, (tool, _) in held if tool})
            touches += sorted({("endpoint", model) for _, (_, model) in held if model})
            entries = tuple(seq for seq, _ in held)
            yield Finding(self.name, subject, self._settings.severity, says, entries, tuple(touches))


class Hasty:
    """Somebody approves faster than anybody reads."""

    name = "hasty"

    def __init__(self, settings: HastySettings) -> None:
        self._settings = settings
        self.minutes = settings.minutes
        self._recent = Recent[float](settings.minutes)

    def look(self, entry: StoredEntry) -> Iterator[Finding]:
        """Take an entry in, and yield what is found with it."""
        took = entry.about.get("seconds")
        if entry.kind != "action.approved" or not isinstance(took, (int, float)):
            return
        if took >= self._settings.seconds:
            return
        count = self._recent.add(entry.actor, entry, float(took))
        if count >= self._settings.count and self._recent.due(entry.actor, entry):
            held = self._recent.held(entry.actor)
            says = (
                f"{entry.actor} approved {len(held)} actions within {self.minutes:g} minutes, each less than "
                f"{self._settings.seconds:g} seconds after it was shown."
            )
            found = account(entry.actor)
            entries = tuple(seq for seq, _ in held)
            touches = () if found is None else (found,)
            yield Finding(self.name, entry.actor, self._settings.severity, says, entries, touches)


def _requester(entry: StoredEntry) -> str:
    named = entry.about.get("requester") or entry.about.get("principal")
    return named if isinstance(named, str) else entry.actor
