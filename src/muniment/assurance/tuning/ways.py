"""The ranking constants that tuning tries.

With vectors it tries how much they count: on five collections, BM25's constants moved nDCG@10 beside vectors by less
than can be told from noise. Without vectors it tries those.
"""

from __future__ import annotations

from dataclasses import replace

from muniment.knowledge.retrieval.fuse import FusionSettings
from muniment.knowledge.retrieval.versions import Constants

DENSE = tuple(step / 10 for step in range(11))
TITLE = (1.0, 2.0, 4.0)
SATURATION = ((0.9, 0.4), (1.2, 0.75), (2.0, 0.5))
"""k1 and b."""


def ways(present: Constants, dense: bool) -> list[Constants]:
    """Return the present constants and the others to try, the nearest first."""
    if dense:
        others = [replace(present, fusion=FusionSettings(weight)) for weight in DENSE]
        others.sort(key=lambda one: (abs(one.fusion.dense - present.fusion.dense), one.fusion.dense))
    else:
        others = [
            replace(present, lexical=replace(present.lexical, title=title, k1=k1, b=b))
            for title in TITLE
            for k1, b in SATURATION
        ]
    return list(dict.fromkeys([present, *others]))
