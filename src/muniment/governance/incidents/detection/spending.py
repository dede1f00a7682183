"""A rule about what language models are asked for: many times the tokens of the hours before."""

from __future__ import annotations

from collections.abc import Iterator

from muniment.governance.audit.entry import StoredEntry
from muniment.governance.incidents.detection.detection_settings import SpendingSettings
from muniment.governance.incidents.detection.rule import Recent, account, person, seconds
from muniment.governance.incidents.incident import Finding

_HOURS = 6
"""Those before the last one are what it is compared with."""


class Spending:
    """Somebody uses many times the tokens of the hours before."""

    name = "spending"
    minutes = 60.0 * _HOURS

    def __init__(self, settings: SpendingSettings) -> None:
        self._settings = settings
        self._recent = Recent[tuple[float, int, str]](self.minutes)
        self._reported = Recent[None](60)

    def look(self, entry: StoredEntry) -> Iterator[Finding]:
        """Take an entry in, and yield what is found with it."""
        if entry.kind != "model.call" or entry.about.get("phase") != "ended":
            return
        used = sum(_number(entry.about.get(name)) for name in ("prompt_tokens", "completion_tokens"))
        subject, now = person(entry), seconds(entry.at)
        model = str(entry.about.get("endpoint") or "").partition("@")[0]
        self._recent.add(subject, entry, (now, used, model))
        held = self._recent.held(subject)
        last = [(seq, tokens, name) for seq, (at, tokens, name) in held if at > now - 3600]
        spent = sum(tokens for _, tokens, _ in last)
        before = sum(tokens for _, (_, tokens, _) in held) - spent
        usual = before / (_HOURS - 1)
        if spent < self._settings.tokens or spent < self._settings.times * usual:
            return
        if self._reported.due(subject, entry):
            says = f"{subject} used {spent:,} tokens within an hour; in the hours before, {usual:,.0f} each."
            touches = [one for one in (account(subject),) if one is not None]
            touches += sorted({("endpoint", name) for _, _, name in last if name})
            entries = tuple(seq for seq, _, _ in last)
            yield Finding(self.name, subject, self._settings.severity, says, entries, tuple(touches))


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
