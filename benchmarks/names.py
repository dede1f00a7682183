"""How many names of persons and places are labelled, how many that are none, and what it costs.

Run by `muniment bench sensitive --names`, with the real labeller in its child process. The set that ships is made
from a seed: English sentences as companies write them, lists and table rows among them, with names of many
countries, and sentences that hold none. `--data FILE` is measured beside it, by its spans of kind PERSON and
LOCATION; what is found inside an ADDRESS there counts neither way.

A name counts as found where a label lies over any of it, of whichever kind: persons and places are meant to be
treated alike. `whole` is the share of names of which no letter is left. The time of a request is that of reading
the labels of eight passages and of taking names out of them, beside the same request where names are allowed.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from benchmarks.bars import Bar, bar
from muniment import app
from muniment.foundation.sandbox import Limits
from muniment.governance.identity.principal import OPERATOR
from muniment.governance.privacy.handling import PROMPTS
from muniment.governance.privacy.kinds import Finding
from muniment.inference import prompts
from muniment.inference.messages import NumberedPassage
from muniment.inference.redaction import Guarded
from muniment.knowledge import name_labels
from muniment.knowledge.ingestion import labeller
from muniment.knowledge.ingestion.labeller import Labeller

Spans = tuple[tuple[str, int, int], ...]
NEUTRAL = "address"
KINDS = {"PERSON": "person", "LOCATION": "place", "ADDRESS": NEUTRAL}
EACH = 400
ROUNDS = 200
_BATCH = 32
_FIRST = (
    "Maria",
    "Thomas",
    "Aisha",
    "Wei",
    "Priya",
    "Kofi",
    "Ingrid",
    "Luca",
    "Yuki",
    "Olga",
    "John",
    "Grace",
)
_LAST = ("Gonzalez", "Meyer", "Rahman", "Zhang", "Raman", "Mensah", "Larsen", "Rossi", "Tanaka", "Petrova",
         "Smith", "O'Neill")  # fmt: skip
_PLACES = ("Rotterdam", "Kraków", "Osaka", "Lagos", "Leeds", "San Francisco", "Buenos Aires", "Bavaria", "Kenya",
           "Lyon", "Hyderabad", "New Zealand")  # fmt: skip
_SENTENCES = (
    "{person} approves invoices above 5,000 euros, and {first} signs for her.",
    "Ask {person} or {person} before you order anything for the office in {place}.",
    "The lease in {place} ends in May; {person} has the keys.",
    "{person} moved from {place} to {place} last year.",
    "Owner: {person}",
    "Name | {person} | City | {place} | 40 hours",
    "# {person}: first week\n\nWelcome to {place}.",
    "Hi {first}, the visitors from {place} arrive at nine.",
    "{person}'s report was sent to the plant in {place} on 14 March.",
    "Contact {person} ({place}) for access to the archive.",
    "- {person}\n- {person}\n- the night shift",
)
_NONE = (
    "Kubernetes and Jenkins run the nightly build, and Jira has the ticket.",
    "The IBAN and the SSN are never sent by mail.",
    "Invoices above 5,000 euros need a second signature, whatever the department.",
    "Reason | Description | Owner\nBroken seal | Replace at once | Maintenance",
    "# Retention\n\nDocuments are kept for ten years, logs for one.",
    "Release 2.14.3 replaces 2.13.0; see section 7.2.1 and the notes of November.",
    "Volunteers sign up in the canteen before Friday.",
)


def measured(data: Sequence[tuple[str, Spans]], progress: Callable[[str], None]) -> tuple[list[Bar], object]:
    """Return the bars, and how often each kind was right, missed and wrong; `data` is a labelled set or empty."""
    labeller.require()
    bars: list[Bar] = []
    rows: list[dict[str, object]] = []
    with closing(
        Labeller(limits=Limits(seconds=300.0, memory_bytes=768 << 20, start_seconds=300.0))
    ) as child:
        started = time.perf_counter()
        child.label(["Ann Heron"])
        bars.append(bar("names: start of the labeller", None, time.perf_counter() - started, "s"))
        for name, cases in (("names made here", made(random.Random(11))), ("names of data", data)):
            if cases:
                progress(name)
                found = _labelled(child, [text for text, _ in cases])
                more, row = _counted(name, cases, found)
                bars += more
                rows.append(row)
        progress("time of labelling")
        bars.append(bar("names: labelling 1,000 characters", None, _latency(child), "ms"))
        bars.append(bar("names: most memory of the labeller", None, _most_memory(child), "MB"))
    progress("time of a request")
    bars += _request()
    return bars, rows


def made(chance: random.Random) -> list[tuple[str, Spans]]:
    """Return texts with the names in them."""
    cases = [_filled(chance.choice(_SENTENCES), chance) for _ in range(EACH)]
    cases += [(text, ()) for text in _NONE for _ in range(8)]
    chance.shuffle(cases)
    return cases


def _filled(sentence: str, chance: random.Random) -> tuple[str, Spans]:
    text, spans = "", list[tuple[str, int, int]]()
    for part in sentence.replace("{", "\0{").replace("}", "}\0").split("\0"):
        said = {
            "{person}": f"{chance.choice(_FIRST)} {chance.choice(_LAST)}",
            "{first}": chance.choice(_FIRST),
            "{place}": chance.choice(_PLACES),
        }.get(part)
        if said is not None:
            kind = "place" if part == "{place}" else "person"
            spans.append((kind, len(text), len(text) + len(said)))
        text += part if said is None else said
    return text, tuple(spans)


def _labelled(child: Labeller, texts: Sequence[str]) -> list[tuple[Finding, ...]]:
    return [one for at in range(0, len(texts), _BATCH) for one in child.label(texts[at : at + _BATCH])]


def _counted(
    name: str, cases: Sequence[tuple[str, Spans]], found: Sequence[tuple[Finding, ...]]
) -> tuple[list[Bar], dict[str, object]]:
    there, hit, whole, same = (dict.fromkeys(("person", "place"), 0) for _ in range(4))
    right = wrong = 0
    for (text, spans), labels in zip(cases, found, strict=True):
        for kind, start, end in spans:
            if kind == NEUTRAL:
                continue
            over = [one for one in labels if one.start < end and start < one.end]
            hidden = {at for one in over for at in range(one.start, one.end)}
            there[kind] += 1
            hit[kind] += bool(over)
            whole[kind] += all(at in hidden or text[at].isspace() for at in range(start, end))
            same[kind] += any(one.kind == kind for one in over)
        for one in labels:
            kinds = {kind for kind, start, end in spans if one.start < end and start < one.end}
            right += bool(kinds - {NEUTRAL})
            wrong += not kinds
    bars = [bar(f"{name}: precision", None, right / max(1, right + wrong), "share")]
    for kind, count in there.items():
        for what, of in (("recall", hit), ("recall, whole", whole), ("recall, as its kind", same)):
            bars.append(bar(f"{name}: {kind} {what}", None, of[kind] / max(1, count), "share"))
    return bars, {
        "set": name,
        "persons": there["person"],
        "places": there["place"],
        "right": right,
        "wrong": wrong,
    }


def _latency(child: Labeller) -> float:
    """Return the median of a few batches, in milliseconds of this machine for 1,000 characters of a passage."""
    chance = random.Random(12)
    times: list[float] = []
    for _ in range(5):
        texts = [
            "\n".join(_filled(chance.choice(_SENTENCES), chance)[0] for _ in range(16)) for _ in range(_BATCH)
        ]
        started = time.perf_counter()
        child.label(texts)
        times.append((time.perf_counter() - started) / sum(map(len, texts)) * 1e6)
    return statistics.median(times)


def _most_memory(child: Labeller) -> float:
    status = Path(f"/proc/{child._sandbox.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1000


def _request() -> list[Bar]:
    """Return what labels add to a question over eight passages: reading them, and taking names out."""
    chance = random.Random(13)
    with (
        tempfile.TemporaryDirectory(prefix="muniment-names-") as temporary,
        closing(app.create(Path(temporary) / "home", embedder=lambda: None)) as workspace,
    ):
        people = Path(temporary) / "people.toml"
        people.write_text("[users.reader]\ngroups = []\n")
        workspace.directory.import_file(people, OPERATOR)
        folder = Path(temporary) / "documents"
        folder.mkdir()
        (folder / "access.toml").write_text('allow = ["group:everyone"]\n')
        for number in range(12):
            lines = "\n\n".join(_filled(chance.choice(_SENTENCES[:4]), chance)[0] for _ in range(12))
            (folder / f"office{number}.md").write_text(f"# Office {number}\n\nAbout the office.\n\n{lines}\n")
        workspace.ingest(folder, "offices")
        workspace.labelling.run(OPERATOR)
        passages = workspace.search("office keys lease", as_="reader", k=8).passages
        reading: list[float] = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            with workspace.database.read() as connection:
                names = name_labels.names_of(connection, passages)
            reading.append(time.perf_counter() - started)
    numbered = tuple(
        NumberedPassage(n, one.title, one.heading, one.text, given)
        for n, (one, given) in enumerate(zip(passages, names, strict=True), 1)
    )
    request = prompts.request(prompts.load("answer"), "Who has the keys?", numbered, "fence_0123456789abcdef")
    without = _median(lambda: Guarded(request, PROMPTS, "m"))
    both = replace(PROMPTS, person="redact", place="redact")
    return [
        bar("names: reading the labels of eight passages", None, statistics.median(reading) * 1000, "ms"),
        bar("names: taking values out of a request without names", None, without, "ms"),
        bar("names: the same with names", None, _median(lambda: Guarded(request, both, "m")), "ms"),
        bar("names: characters of that request", None, len(prompts.user_text(request)), "characters"),
    ]


def _median(work: Callable[[], object]) -> float:
    times: list[float] = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000
