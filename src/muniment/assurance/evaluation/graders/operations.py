"""What a case took: time, tokens and cost.

Edge cases: a stage that was not timed is left out, and so is a figure that is below 0 or no number; tokens and cost
of 0 are left out as well, for an endpoint that does not say what it used says 0.
"""

from __future__ import annotations

import math

from muniment.assurance.evaluation.observation import Observation

_STAGES = ("search", "answer", "model")


def grade(seen: Observation) -> dict[str, float]:
    """Return the figures that are known."""
    times = {f"{stage}_ms": float(seen.stages[stage]) for stage in _STAGES if stage in seen.stages}
    used = {
        "prompt_tokens": float(seen.prompt_tokens),
        "completion_tokens": float(seen.completion_tokens),
        "cost": seen.cost,
    }
    return {name: value for name, value in times.items() if math.isfinite(value) and value >= 0} | {
        name: value for name, value in used.items() if math.isfinite(value) and value > 0
    }
