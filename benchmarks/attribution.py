"""Checkers of support on labelled pairs of claim and evidence: words alone, models, and the default.

Each lexical baseline gets the threshold that suits it best on the pairs for tuning (or, without them, on the very
pairs it is measured on); so does the cross-encoder. The default keeps the one that it ships with.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks import judge
from benchmarks.bars import Bar, Progress, bar, p50
from muniment import settings
from muniment.assistant.facts import faults
from muniment.assistant.support import THRESHOLD, covered, support
from muniment.foundation.errors import BadInput
from muniment.inference import weights
from muniment.inference.reranking import OnnxReranker
from muniment.knowledge.retrieval.wording import terms


@dataclass(frozen=True, slots=True)
class Pair:
    """A claim, what it is said to rest on, and whether people found that it does."""

    claim: str
    evidence: tuple[str, ...]
    title: str
    supported: bool

    @property
    def text(self) -> str:
        """Return the evidence as one text."""
        return " ".join(" ".join(self.evidence).split())


def bars(
    path: Path, tune: Path | None, progress: Progress, judge_by: str = "", judged: int = 60
) -> list[Bar]:
    """Return the macro-F1 of each checker; with a model to judge by, also that of its verdicts on so many pairs."""
    pairs, tuning = read(path), read(tune) if tune else read(path)
    progress(f"checking {len(pairs):,} labelled pairs")
    found: list[Bar] = []
    best = 0.0
    for name, score in LEXICAL.items():
        value = _tuned(score, tuning, pairs)
        best = max(best, value)
        found.append(bar(f"macro-F1, {name}", None, value, ""))
    encoder = _cross_encoder()
    if encoder is not None:
        found.append(bar("macro-F1, cross-encoder", None, _tuned(encoder, tuning, pairs), ""))
    own = macro_f1([default(pair) >= THRESHOLD for pair in pairs], [pair.supported for pair in pairs])
    found.append(bar("macro-F1, the default (words and facts)", best + 0.05, own, "", True))
    return found + (_judged(judge_by, pairs, judged, progress) if judge_by else [])


def _judged(name: str, pairs: Sequence[Pair], count: int, progress: Progress) -> list[Bar]:
    """Return how a language model judges some of the pairs, beside the default on the same ones."""
    chosen = random.Random(7).sample(list(pairs), min(count, len(pairs)))
    labels = [pair.supported for pair in chosen]
    seconds: list[float] = []
    verdicts: list[bool | None] = []
    with judge.judging(name) as model:
        progress(f"asking {name} about {len(chosen)} of them")
        for pair in chosen:
            started = time.perf_counter()
            verdicts.append(judge.verdict(model, pair.claim, pair.title, pair.text))
            seconds.append(time.perf_counter() - started)
    own = [default(pair) >= THRESHOLD for pair in chosen]
    these = f"{len(chosen)} pairs"
    return [
        bar(
            f"macro-F1, {name} as judge, {these}",
            None,
            macro_f1([one is True for one in verdicts], labels),
            "",
        ),
        bar(f"macro-F1, the default, the same {these}", None, macro_f1(own, labels), "", True),
        bar(f"found supported by {name}", None, 100 * verdicts.count(True) / len(chosen), "%"),
        bar("supported, as people found", None, 100 * sum(labels) / len(chosen), "%"),
        bar(f"no verdict of {name}", None, float(verdicts.count(None)), "pairs"),
        bar(f"{name}, per pair, p50", None, p50(seconds) / 1000, "s"),
    ]


def read(path: Path) -> list[Pair]:
    """Return the pairs of a file; raises BadInput naming the line."""
    found: list[Pair] = []
    for at, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        try:
            one = json.loads(line)
            found.append(
                Pair(one["claim"], tuple(one["evidence"]), one.get("title", ""), bool(one["supported"]))
            )
        except (ValueError, KeyError, TypeError) as error:
            raise BadInput(
                f"{path}: line {at} is no pair.", fix="It needs claim, evidence, supported."
            ) from error
    return found


def default(pair: Pair) -> float:
    """Return the support that the gate would find."""
    missing = len(faults(pair.claim, pair.evidence, [pair.title]))
    return support(pair.claim, pair.evidence, pair.title, missing)


def _bigrams(pair: Pair) -> float:
    stated, known = terms(pair.claim), terms(pair.text)
    own, near = set(pairwise(stated)), set(pairwise(known))
    return len(own & near) / len(own) if own else 0.0


def _common_run(pair: Pair) -> float:
    """ROUGE-L recall: the longest common subsequence of words, as a share of the claim's (Lin, 2004)."""
    stated, known = terms(pair.claim), terms(pair.text)
    row = [0] * (len(known) + 1)
    for word in stated:
        before = 0
        for at, other in enumerate(known, 1):
            kept = row[at]
            row[at] = before + 1 if word == other else max(row[at], row[at - 1])
            before = kept
    return row[-1] / len(stated) if stated else 0.0


LEXICAL: dict[str, Callable[[Pair], float]] = {
    "words covered": lambda pair: covered(pair.claim, f"{pair.text} {pair.title}"),
    "word pairs": _bigrams,
    "ROUGE-L": _common_run,
}


def _cross_encoder() -> Callable[[Pair], float] | None:
    found = weights.find(weights.RERANKING, settings.weight_folders(settings.Settings()))
    if found is None:
        return None
    model = OnnxReranker(found)
    return lambda pair: float(model.score(pair.claim, [pair.text])[0])


def _tuned(score: Callable[[Pair], float], tuning: Sequence[Pair], pairs: Sequence[Pair]) -> float:
    scores = [score(pair) for pair in tuning]
    labels = [pair.supported for pair in tuning]
    threshold = max(sorted(set(scores)), key=lambda t: macro_f1([one >= t for one in scores], labels))
    return macro_f1([score(pair) >= threshold for pair in pairs], [pair.supported for pair in pairs])


def macro_f1(found: Sequence[bool], labels: Sequence[bool]) -> float:
    """Return the mean of the F1 of both classes."""
    total = 0.0
    for label in (True, False):
        hit = sum(one == label == other for one, other in zip(found, labels, strict=True))
        said = sum(one == label for one in found) + sum(one == label for one in labels)
        total += 2 * hit / said if said else 0.0
    return total / 2
