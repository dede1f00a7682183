"""Whether two runs of a suite can be told apart by what its targets ask; numbers alone, no I/O.

Of each target's metric the signs of the cases' differences are turned at random, and the metrics are corrected for
all of them together (Holm): where none differs at 5 % the runs cannot be told apart, which is not to say that they
are alike.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from muniment.assurance.evaluation.comparison import SIGNIFICANT, matched
from muniment.assurance.evaluation.results import Run
from muniment.assurance.evaluation.statistics.many import holm
from muniment.assurance.evaluation.statistics.paired import flips


def apart(one: Run, other: Run, metrics: Collection[str]) -> bool:
    """Return whether any of these metrics differs; raises BadInput where the runs have no case in common."""
    both = matched(one, other)
    differences = both.after - both.before
    columns = [
        at
        for at, metric in enumerate(both.metrics)
        if metric.name in metrics and not np.isnan(differences[:, at]).all()
    ]
    if not columns:
        return False
    # A case that one of the two has no score of is no evidence, as one that did not change.
    chances = flips(np.nan_to_num(differences[:, columns]), both.weights).either()
    return min(holm([float(chance) for chance in chances])) < SIGNIFICANT
