"""Claims, good and bad, put to the gate: what is caught, what is blocked by mistake, and what it takes.

Run by `muniment bench citations [--good 1000] [--bad 2000] [--attribution FILE] [--tune FILE]
[--judge MODEL [--judge-pairs 60]]`. The sample company is ingested, and its passages are those of real searches.
Good claims are its sentences as they are, in other words by rule (`wording.py`) and in other words by hand
(`paraphrases.txt`). Bad ones are of six kinds, each made from a sentence by a seeded rule. The attribution files hold
a JSON object a line: `claim`, `evidence` (a list), `title`, `supported`.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks import attribution, first_sentence, wording
from benchmarks.bars import Bar, Progress, bar, p50
from benchmarks.machine import described
from benchmarks.options import checked, whole_number
from benchmarks.past_the_door import SERVED
from muniment import app
from muniment.assistant.gate import Gate, Verified
from muniment.foundation.shipped import shipped
from muniment.governance.identity.principal import OPERATOR
from muniment.inference.messages import Draft, Mark
from muniment.inference.providers.sentences import pieces
from muniment.knowledge import library
from muniment.knowledge.passage import Passage
from muniment.knowledge.retrieval.visibility import visible

READER = "alice"
KINDS = ("invented quote", "altered number or name", "negation flipped", "quote of another passage",
         "quote of a forbidden document", "right quote, other claim")  # fmt: skip
_STRICT = {"invented quote", "quote of another passage", "quote of a forbidden document"}


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a passage that was found for its reader, and the passages that were found beside it."""

    text: str
    n: int
    passages: tuple[Passage, ...]


def run(options: Mapping[str, object], progress: Progress) -> dict[str, object]:
    """Return the bars."""
    checked(options, "good", "bad", "attribution", "tune", "show", "judge", "judge_pairs")
    good, bad = whole_number(options, "good", 1000), whole_number(options, "bad", 2000)
    chance = random.Random(7)
    with (
        tempfile.TemporaryDirectory(prefix="muniment-citations-") as temporary,
        closing(app.create(Path(temporary) / "home", settings=SERVED)) as workspace,
    ):
        sample = shipped("examples/acme")
        workspace.directory.import_file(sample / "directory.toml", OPERATOR)
        progress("ingesting the sample company")
        workspace.ingest(sample / "documents", "acme")
        progress("searching for what claims may rest on")
        sentences, hidden = _sentences(workspace, chance)
        bars = _judged(sentences, hidden, good, bad, chance, bool(options.get("show")), progress)
        bars += first_sentence.bars(workspace, READER, progress)
    if options.get("attribution"):
        tune = options.get("tune")
        bars += attribution.bars(
            Path(str(options["attribution"])),
            Path(str(tune)) if tune else None,
            progress,
            str(options.get("judge") or ""),
            whole_number(options, "judge_pairs", 60),
        )
    return {"name": "citations", "machine": described(), "bars": bars}


def _sentences(workspace: app.Workspace, chance: random.Random) -> tuple[list[Sentence], list[str]]:
    """Return sentences that the reader may be shown, and ones of documents that the reader may not read."""
    readable: list[str] = []
    hidden: list[str] = []
    principal = workspace.principal(READER)
    with workspace.database.read() as connection:
        rights = visible(connection, principal)
        for document in sorted(library.documents(connection), key=lambda one: one.path):
            text = library.version_text(connection, document.id, document.version) or ""
            found = [one for one in _plain(text) if 6 <= len(one.split()) <= 40 and one[-1] in ".!"]
            (readable if rights.may_read(document) else hidden).extend(found)
    chance.shuffle(readable)
    sentences: list[Sentence] = []
    for text in readable:
        passages = workspace.search(text, as_=READER, k=8).passages
        n = next((at for at, one in enumerate(passages, 1) if text in " ".join(one.text.split())), None)
        if n is not None:
            sentences.append(Sentence(text, n, passages))
        if len(sentences) == 700:
            break
    known = " ".join(readable)
    return sentences, [one for one in hidden if one not in known]


def _plain(text: str) -> list[str]:
    return [
        " ".join(text[piece.start : piece.end].split()) for piece in pieces(text) if piece.kind == "sentence"
    ]


def _judged(
    sentences: Sequence[Sentence],
    hidden: Sequence[str],
    good: int,
    bad: int,
    chance: random.Random,
    show: bool,
    progress: Progress,
) -> list[Bar]:
    gate = Gate()
    seconds: list[float] = []
    progress(f"judging {good:,} good claims and {bad:,} bad ones")
    blocked: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for kind, draft, passages in _good(sentences, good, chance):
        started = time.perf_counter()
        passed = isinstance(gate.check(draft, passages), Verified)
        seconds.append(time.perf_counter() - started)
        asked[kind] += 1
        blocked[kind] += not passed
        if show and not passed:
            progress(f"blocked: {gate.check(draft, passages)}")
    caught: Counter[str] = Counter()
    made: Counter[str] = Counter()
    for kind, draft, passages in _bad(sentences, hidden, bad, chance):
        started = time.perf_counter()
        passed = isinstance(gate.check(draft, passages), Verified)
        seconds.append(time.perf_counter() - started)
        made[kind] += 1
        caught[kind] += not passed
        if show and passed:
            progress(f"passed, {kind}: {draft}")
    bars = [
        bar(
            f"caught: {kind} ({made[kind]})",
            100 if kind in _STRICT else None,
            100 * caught[kind] / made[kind],
            "%",
            True,
        )
        for kind in KINDS
    ]
    soft = [kind for kind in KINDS if kind not in _STRICT]
    share = 100 * sum(caught[kind] for kind in soft) / sum(made[kind] for kind in soft)
    bars.append(bar("caught: altered or unsupported claims together", 90, share, "%", True))
    bars.append(bar("good claims blocked", 2, 100 * blocked.total() / asked.total(), "%"))
    bars += [
        bar(f"good claims blocked, {kind} ({asked[kind]})", None, 100 * blocked[kind] / asked[kind], "%")
        for kind in sorted(asked)
    ]
    return [*bars, bar("gate, per claim, p50", 25, p50(seconds), "ms"),
            bar("gate, per claim, longest", None, 1000 * max(seconds), "ms"),
            bar("gate, per claim, mean", None, 1000 * statistics.fmean(seconds), "ms")]  # fmt: skip


def _good(
    sentences: Sequence[Sentence], count: int, chance: random.Random
) -> list[tuple[str, Draft, Sequence[Passage]]]:
    found: list[tuple[str, Draft, Sequence[Passage]]] = []
    for quote, claims, _ in by_hand():
        passage = _alone(quote)
        found += [("by hand", Draft(claim, (Mark(1, quote),)), [passage]) for claim in claims]
    found = found[: count // 4]
    by_rule = [
        ("by rule", Draft(said, (Mark(one.n, one.text),)), one.passages)
        for one in sentences
        if (said := wording.said_otherwise(one.text, chance)) is not None
    ]
    found += by_rule[: (count - len(found)) * 2 // 3]
    verbatim = [("verbatim", Draft(one.text, (Mark(one.n, one.text),)), one.passages) for one in sentences]
    while len(found) < count:
        found += verbatim[: count - len(found)]
    return found


def _bad(
    sentences: Sequence[Sentence], hidden: Sequence[str], count: int, chance: random.Random
) -> list[tuple[str, Draft, Sequence[Passage]]]:
    names = wording.names_of([one.text for one in sentences])
    by_kind: dict[str, list[tuple[str, Draft, Sequence[Passage]]]] = {kind: [] for kind in KINDS}
    each = -(-count // len(KINDS))
    while min(len(one) for one in by_kind.values()) < each:
        for one in chance.sample(list(sentences), len(sentences)):
            for kind, draft in _spoilt(one, sentences, names, hidden, chance).items():
                by_kind[kind].append((kind, draft, one.passages))
    unsupported = [
        ("right quote, other claim", Draft(claim, (Mark(1, quote),)), [_alone(quote)])
        for quote, _, claims in by_hand()
        for claim in claims
    ]
    by_kind["right quote, other claim"][: len(unsupported)] = unsupported
    return [one for kind in KINDS for one in by_kind[kind][:each]][:count]


def _spoilt(
    one: Sentence,
    sentences: Sequence[Sentence],
    names: Sequence[str],
    hidden: Sequence[str],
    chance: random.Random,
) -> dict[str, Draft]:
    """Return a bad claim of each kind that can be made from a sentence."""
    made: dict[str, Draft] = {}
    mark = Mark(one.n, one.text)
    words = one.text.split()
    cut = chance.randrange(1, len(words) - 1)
    invented = " ".join([*words[:cut], chance.choice(("indeed", "however", "surely")), *words[cut:]])
    made["invented quote"] = Draft(one.text, (Mark(one.n, invented),))
    if (other := wording.altered(one.text, names, chance)) is not None:
        made["altered number or name"] = Draft(other, (mark,))
    if (other := wording.flipped(one.text)) is not None:
        made["negation flipped"] = Draft(other, (mark,))
    elsewhere = [n for n, p in enumerate(one.passages, 1) if one.text not in " ".join(p.text.split())]
    if elsewhere:
        made["quote of another passage"] = Draft(one.text, (Mark(chance.choice(elsewhere), one.text),))
    secret = chance.choice(list(hidden))
    made["quote of a forbidden document"] = Draft(secret, (Mark(chance.randrange(0, 10), secret),))
    near = [s for s in _plain(one.passages[one.n - 1].text) if s != one.text and len(s.split()) > 5]
    if near:
        made["right quote, other claim"] = Draft(chance.choice(near), (mark,))
    return made


def by_hand() -> list[tuple[str, list[str], list[str]]]:
    """Return each sentence of `paraphrases.txt` with the claims that it proves, and those that it does not."""
    found: list[tuple[str, list[str], list[str]]] = []
    for line in Path(__file__).with_name("paraphrases.txt").read_text("utf-8").splitlines():
        if line.startswith("+ "):
            found[-1][1].append(line[2:])
        elif line.startswith("- "):
            found[-1][2].append(line[2:])
        elif line and not line.startswith("#"):
            found.append((line, [], []))
    return found


def _alone(text: str) -> Passage:
    return Passage("doc", "", 1, "doc:1:0", None, (0, len(text)), 1.0, text, "", "acme", "", "text/plain")
