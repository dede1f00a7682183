"""Calibrate the quotes provider on a suite of questions, so that it stays silent when nothing supports an answer.

    python benchmarks/calibrate_quotes.py --home HOME --suite evals/sample [--parts reranker|vectors|words]

HOME is a workspace that holds the suite's documents. Cases with odd numbers fit the weights and the threshold;
cases with even numbers only report. The printed constants belong into inference/providers/quotes.py.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import muniment
from muniment.app import Workspace
from muniment.assurance.evaluation.case import Case
from muniment.assurance.evaluation.suite_file import read_suite
from muniment.inference import weights
from muniment.inference.messages import NumberedPassage
from muniment.inference.providers.evidence import Weighed, weigh
from muniment.inference.providers.quotes import (
    WITH_RERANKER,
    WITH_VECTORS,
    WORDS_ONLY,
    Calibration,
    choose,
    judge,
)
from muniment.inference.reranking import OnnxReranker, Reranker
from muniment.settings import weight_folders

FEATURES = ("cosine", "own", "near", "around", "fits", "rank", "judged")
USED = {
    "reranker": ("cosine", "near", "around", "fits", "rank", "judged"),
    "vectors": ("cosine", "own", "near", "around", "fits", "rank"),
    "words": ("own", "near", "around", "fits", "rank"),
}
SHIPPED = {"reranker": WITH_RERANKER, "vectors": WITH_VECTORS, "words": WORDS_ONLY}
RIDGE = 1.0
MARGIN = 0.3
"""How far above the strongest piece of a case that must abstain the threshold is set, in log odds."""


@dataclass(frozen=True)
class Seen:
    case: Case
    weighed: list[Weighed]
    good: list[bool]


def plain(text: str) -> str:
    return " ".join(re.sub(r"[\s|;]+", " ", text).casefold().split())


def holds(text: str, fact: Sequence[str]) -> bool:
    return any(plain(spelling) in plain(text) for spelling in fact)


def look(workspace: Workspace, case: Case, k: int, reranker: Reranker | None, words_only: bool) -> Seen:
    found = workspace.search(case.question, as_=case.asker, k=k)
    passages = [NumberedPassage(n, p.title, p.heading, p.text) for n, p in enumerate(found.passages, 1)]
    paths = {n: p.path for n, p in enumerate(found.passages, 1)}
    weighed = weigh(case.question, passages, None if words_only else workspace.embedder)
    if reranker is not None:
        weighed = judge(case.question, weighed, reranker)
    good = [
        not case.abstain
        and paths[one.passage.n] in case.relevant
        and any(holds(one.text, fact) for fact in case.facts)
        for one in weighed
    ]
    return Seen(case, weighed, good)


def matrix(weighed: Sequence[Weighed], names: Sequence[str]) -> np.ndarray:
    return np.array([[*(getattr(one, name) for name in names), 1.0] for one in weighed])


def fit(seen: Sequence[Seen], names: Sequence[str]) -> np.ndarray:
    """Ridge logistic regression by Newton steps on scaled features; good and other pieces weigh the same in sum."""
    rows = np.vstack([matrix(one.weighed, names) for one in seen if one.weighed])
    labels = np.concatenate([np.array(one.good, float) for one in seen if one.weighed])
    scale = np.append(rows[:, :-1].std(axis=0) + 1e-9, 1.0)
    rows = rows / scale
    weights = np.where(labels > 0, 0.5 / max(labels.sum(), 1), 0.5 / max((1 - labels).sum(), 1)) * len(seen)
    beta = np.zeros(rows.shape[1])
    penalty = RIDGE * np.diag([1.0] * len(names) + [0.0])
    for _ in range(60):
        p = 1 / (1 + np.exp(-rows @ beta))
        gradient = rows.T @ (weights * (labels - p)) - penalty @ beta
        hessian = (rows.T * (weights * p * (1 - p))) @ rows + penalty
        step = np.linalg.solve(hessian, gradient)
        beta += step
        if np.abs(step).max() < 1e-8:
            break
    return beta / scale


def calibration(beta: np.ndarray, names: Sequence[str], threshold: float, further: float) -> Calibration:
    values = dict.fromkeys(FEATURES, 0.0) | dict(zip(names, map(float, beta), strict=False))
    return Calibration(**values, bias=float(beta[-1]), threshold=threshold, further=further)


def strongest(one: Seen, rule: Calibration) -> float:
    return max((rule.probability(piece) for piece in one.weighed), default=0.0)


def report(seen: Sequence[Seen], rule: Calibration, show: bool) -> str:
    silent = [one for one in seen if one.case.abstain]
    asked = [one for one in seen if not one.case.abstain]
    kept = sum(not choose(one.weighed, rule) for one in silent)
    right = whole = wrong = 0
    for one in asked:
        text = " ".join(f"{c.text}" for c in choose(one.weighed, rule))
        whole += all(holds(text, fact) for fact in one.case.facts)
        right += any(holds(text, fact) for fact in one.case.facts)
        wrong += bool(text)
        if show and not all(holds(text, fact) for fact in one.case.facts):
            best = f"{strongest(one, rule):.2f}"
            print(f"  {one.case.id} {one.case.question} wants {one.case.facts}, best {best}: {text[:200]}")
    if show:
        for one in silent:
            if text := " / ".join(c.text for c in choose(one.weighed, rule)):
                print(
                    f"  {one.case.id} MUST ABSTAIN {strongest(one, rule):.2f} {one.case.question}: {text[:200]}"
                )
    return (
        f"abstained {kept}/{len(silent)}; all facts {whole}/{len(asked)}; some fact {right}/{len(asked)}; "
        f"answered {wrong}/{len(asked)}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--suite", type=Path, default=Path("evals/sample"))
    parser.add_argument("--passages", type=int, default=8)
    parser.add_argument("--parts", choices=sorted(USED), default="reranker", help="which weights take part")
    parser.add_argument("--show", action="store_true", help="print each miss")
    options = parser.parse_args()
    workspace = muniment.open(options.home)
    cases = read_suite(options.suite).cases
    reranker = None
    if options.parts == "reranker":
        found = weights.find(weights.RERANKING, weight_folders(workspace.settings))
        if found is None:
            parser.error("the weights of the cross-encoder are not here")
        reranker = OnnxReranker(found)
    words_only = options.parts == "words"
    seen = [look(workspace, case, options.passages, reranker, words_only) for case in cases]
    odd = [one for one in seen if int(one.case.id[1:]) % 2]
    even = [one for one in seen if not int(one.case.id[1:]) % 2]
    names = USED[options.parts]
    beta = fit(odd, names)
    loose = calibration(beta, names, 0.0, 0.75)
    highest = max((strongest(one, loose) for one in odd if one.case.abstain), default=0.5)
    threshold = 1 / (1 + (1 - highest) / highest * np.exp(-MARGIN))
    rule = calibration(beta, names, round(float(threshold), 3), 0.75)
    print(rule)
    print("fitted   odd ", report(odd, rule, False))
    print("fitted   even", report(even, rule, False))
    shipped = SHIPPED[options.parts]
    print("shipped  odd ", report(odd, shipped, options.show))
    print("shipped  even", report(even, shipped, options.show))


if __name__ == "__main__":
    main()
