"""Which rules are at work, as the settings say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from muniment.governance.incidents.detection.acting import Hasty, Rejections
from muniment.governance.incidents.detection.detection_settings import DetectionSettings, Freezes
from muniment.governance.incidents.detection.noticed import Injection, Places, Withheld
from muniment.governance.incidents.detection.reading import Breadth, Canaries, Denials
from muniment.governance.incidents.detection.rule import Rule
from muniment.governance.incidents.detection.spending import Spending


def rules_of(settings: DetectionSettings, resolve: Callable[[str], str | None]) -> Sequence[Rule]:
    """Return new rules that have read nothing; `resolve` gives the id of a document by id or SOURCE/PATH."""
    every: Sequence[tuple[bool, Callable[[], Rule]]] = (
        (settings.denials.enabled, lambda: Denials(settings.denials)),
        (settings.breadth.enabled, lambda: Breadth(settings.breadth)),
        (settings.canaries.enabled, lambda: Canaries(settings.canaries, resolve)),
        (settings.injection.enabled, lambda: Injection(settings.injection)),
        (settings.rejections.enabled, lambda: Rejections(settings.rejections)),
        (settings.hasty.enabled, lambda: Hasty(settings.hasty)),
        (settings.spending.enabled, lambda: Spending(settings.spending)),
        (settings.places.enabled, lambda: Places(settings.places)),
        (settings.withheld.enabled, lambda: Withheld(settings.withheld)),
    )
    return [make() for enabled, make in every if enabled]


def freezes_of(settings: DetectionSettings) -> Mapping[str, Freezes]:
    """Return which kinds of what each rule touches are frozen at once, by the rule's name."""
    return {
        "denials": settings.denials.freeze,
        "breadth": settings.breadth.freeze,
        "canaries": settings.canaries.freeze,
        "injection": settings.injection.freeze,
        "rejections": settings.rejections.freeze,
        "hasty": settings.hasty.freeze,
        "spending": settings.spending.freeze,
        "places": settings.places.freeze,
        "withheld": settings.withheld.freeze,
    }
