"""Fit the two figures of the support check on labelled pairs of claim and evidence.

    python benchmarks/calibrate_support.py --pairs FILE

FILE is as `muniment bench citations --attribution` takes it. The claims of `paraphrases.txt` are fitted beside it and
weigh as much, so that short claims over one sentence are judged as well as long ones. The printed constants belong
into assistant/support.py.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.attribution import Pair, macro_f1, read
from benchmarks.citations import by_hand
from muniment.assistant.facts import faults
from muniment.assistant.support import covered


def measured(pairs: Sequence[Pair]) -> list[tuple[float, int, bool]]:
    """Return of each pair the words covered, the facts missing, and its label."""
    return [
        (
            covered(pair.claim, f"{pair.text} {pair.title}"),
            min(4, len(faults(pair.claim, pair.evidence, [pair.title]))),
            pair.supported,
        )
        for pair in pairs
    ]


def main() -> None:
    """Try every pair of figures and print the best."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=Path, required=True)
    labelled = measured(read(parser.parse_args().pairs))
    by_people = [
        Pair(claim, (quote,), "", good)
        for quote, right, wrong in by_hand()
        for good, claims in ((True, right), (False, wrong))
        for claim in claims
    ]
    known = measured(by_people)
    best = (0.0, 0.0, 0.0)
    for threshold in range(300, 901, 25):
        for cost in range(0, 501, 25):
            quality = sum(
                macro_f1([c - cost / 1000 * f >= threshold / 1000 for c, f, _ in part], [y for *_, y in part])
                for part in (labelled, known)
            )
            best = max(best, (quality / 2, threshold / 1000, cost / 1000))
    print(f"THRESHOLD = {best[1]}\nEACH_FAULT = {best[2]}\nmean macro-F1 {best[0]:.3f}")


if __name__ == "__main__":
    main()
