"""Whether relevant documents were found as they are now.

Given only where a relevant document was ranked or cited: not finding one is for retrieval. Edge cases: a document
whose version is not told counts as out of date; a version newer than the current one is not the current one; an age
below 0, of clocks that differ, is 0, and one that is no number is left out.
"""

from __future__ import annotations

import math
from statistics import fmean

from muniment.assurance.evaluation.case import Case
from muniment.assurance.evaluation.observation import Observation


def grade(case: Case, seen: Observation) -> dict[str, float]:
    """Return `current`, and `age` where one is told."""
    found = [path for path in case.relevant if path in seen.ranked or path in seen.cited]
    if not found:
        return {}
    versions = [seen.versions[path] for path in found if path in seen.versions]
    ages = [max(version.age_days, 0.0) for version in versions if math.isfinite(version.age_days)]
    return {
        "current": sum(version.found == version.current for version in versions) / len(found),
        **({"age": fmean(ages)} if ages else {}),
    }
