"""Real JSON Schemas put to a language model on this machine: every one gets a valid result or a clear refusal.

Run by `muniment bench schemas --folder DIR [--count 300] [--model NAME] [--tokens 200] [--minutes 15] [--threads 1]`.
The folder's files are asked in an order that a seed decides, over a passage of the sample company, as an answer in an
asker's schema is: the schema is checked and its references resolved, the reply is held to its form, checked against
the whole schema, and asked for again where it breaks it.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.bars import Bar, Progress, bar
from benchmarks.machine import described
from benchmarks.options import checked, whole_number
from muniment import settings
from muniment.assistant import structured
from muniment.assistant.inquiry import EXTRACT, MOST_REPAIRS
from muniment.assistant.structured import wrapped
from muniment.foundation.checked_schema import CheckedSchema
from muniment.foundation.errors import BadInput, MunimentError, Unavailable
from muniment.foundation.shipped import shipped
from muniment.inference import language_weights, prompts
from muniment.inference.catalog import Endpoint
from muniment.inference.language_models import SMALL
from muniment.inference.loaded import Loaded
from muniment.inference.messages import NumberedPassage, Refused, Request, TextDelta, Usage
from muniment.inference.providers.local import LocalModel, LocalModels
from muniment.inference.providers.provider import Budget
from muniment.knowledge.passage import Passage

Say = Callable[[Request], tuple[str, bool]]
"""Asks a model: its whole reply, and whether it ended at a limit."""
QUESTION = "Fill in the form."
SOURCE = "documents/people/policies/parental-leave.md"
SECONDS = 120.0
"""Most that one reply may take."""
REFUSED = "refused before asking"
BY_THE_MODEL = "refused by the model's process"
CUT = "cut"
INVALID = "refused after asking again"
OTHER = "anything else"
_REASONS = {
    "not inside it": "refers to another document",
    "recursive": "recursive",
    "bytes": "too big",
    "nested deeper": "nested too deep",
    "parts": "too big",
    "not valid": "no valid schema, or a pattern that takes more than linear time",
    "does not hold": "refers to what it does not hold",
    "reads at most": "too big for the model's context",
    "cannot be held": "no grammar holds it",
    "did not answer within": "too slow",
}


@dataclass(slots=True)
class Tally:
    """What became of the schemas."""

    ends: Counter[str] = field(default_factory=Counter[str])
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    first: int = 0
    """Valid without being asked again."""
    proved: int = 0
    """Valid, and every value proved by the passage, or nothing found."""
    unclear: list[str] = field(default_factory=list[str])

    def end(self, how: str, why: str = "") -> None:
        self.ends[how] += 1
        if why:
            self.reasons[how, why] += 1


def run(options: Mapping[str, object], progress: Progress) -> dict[str, object]:
    """Return the bars."""
    checked(options, "folder", "count", "model", "tokens", "minutes", "threads")
    if not options.get("folder"):
        raise BadInput("No folder of schemas was named.", fix="Give --folder DIR with JSON Schemas.")
    name = str(options.get("model", SMALL.name))
    language_weights.named(name)
    tokens, threads = whole_number(options, "tokens", 200), whole_number(options, "threads", 1)
    until = time.monotonic() + 60 * whole_number(options, "minutes", 24 * 60)
    endpoint = Endpoint(
        name,
        "local",
        model=name,
        threads=threads,
        timeout_seconds=SECONDS,
        context_tokens=4096,
        max_output_tokens=tokens,
    )
    models = LocalModels(settings.weight_folders(settings.Settings()), Path(), "required", Loaded())
    process, model = models.process(endpoint), models.provider(endpoint)
    tally = Tally()
    started = time.monotonic()
    try:
        for at, (file, given) in enumerate(_schemas(Path(str(options["folder"]))), 1):
            put(given, lambda request: _reply(model, endpoint, request), tally)
            if at % 10 == 0:
                progress(f"{at} schemas, {time.monotonic() - started:.0f} s: {dict(tally.ends)}")
            if tally.ends[OTHER] > len(tally.unclear):
                tally.unclear.append(file)
                progress(f"neither valid nor refused: {file}")
            if at == whole_number(options, "count", 300) or time.monotonic() > until:
                break
    finally:
        process.close()
    return {
        "name": "schemas",
        "machine": described(),
        "model": name,
        "bars": _bars(tally, time.monotonic() - started),
        "reasons": [
            {"end": how, "why": why, "schemas": count} for (how, why), count in tally.reasons.most_common()
        ],
    }


def _schemas(folder: Path) -> Iterator[tuple[str, object]]:
    """Yield what the folder's files hold; what is no JSON is no schema."""
    files = sorted(folder.rglob("*.json"))
    if not files:
        raise BadInput(f"{folder} holds no schema.", fix="Name a folder with *.json files.")
    random.Random(7).shuffle(files)
    for file in files:
        try:
            yield file.name, json.loads(file.read_text("utf-8-sig"))
        except (ValueError, RecursionError):
            continue


def put(given: object, say: Say, tally: Tally) -> None:
    """Ask for a result in one schema, and note what came of it."""
    try:
        schema = CheckedSchema(given)
    except BadInput as error:
        return tally.end(REFUSED, _reason(error))
    passage = _passage()
    asked = prompts.request(
        prompts.load(EXTRACT),
        QUESTION,
        (NumberedPassage(1, passage.title, passage.heading, passage.text),),
        random.randbytes(16).hex(),
        wrapped(schema),
        json.dumps(schema.resolved, ensure_ascii=False),
    )
    wrong: list[str] = []
    for time_asked in range(1 + MOST_REPAIRS):
        try:
            text, ended = say(replace(asked, refused=tuple(Refused("", one) for one in wrong)))
        except Unavailable as error:
            return tally.end(BY_THE_MODEL, _reason(error))
        result = _result(text)
        if result is None:
            return tally.end(CUT if ended else OTHER)
        wrong = schema.faults(result["result"])
        if not wrong:
            tally.first += time_asked == 0
            tally.proved += not structured.read(text, schema, [passage]).faults
            return tally.end("valid")
    return tally.end(INVALID, wrong[0].partition(": ")[2][:60])


def _reply(model: LocalModel, endpoint: Endpoint, request: Request) -> tuple[str, bool]:
    """Return a reply, and whether it ended at a limit."""
    text, used = "", Usage()
    for chunk in model.complete(request, Budget(endpoint.max_output_tokens, SECONDS)):
        if isinstance(chunk, TextDelta):
            text += chunk.text
        elif isinstance(chunk, Usage):
            used = chunk
    return text, endpoint.limit_reached(used.prompt_tokens, used.completion_tokens) > 0


def _result(text: str) -> Mapping[str, Any] | None:
    try:
        made = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return made if isinstance(made, dict) and "result" in made else None


def _passage() -> Passage:
    text = (shipped("examples/acme") / SOURCE).read_text("utf-8")[:900]
    return Passage(
        "doc", "Parental leave", 1, "doc:1:0", None, (0, len(text)), 1.0, text, "", "acme", "", "text/plain"
    )


def _reason(error: MunimentError) -> str:
    said = error.public
    return next((reason for part, reason in _REASONS.items() if part in said), said[:60])


def _bars(tally: Tally, seconds: float) -> list[Bar]:
    total, valid = tally.ends.total(), tally.ends["valid"]
    whole = valid + tally.ends[INVALID]
    asked = total - tally.ends[REFUSED]
    clear = total - tally.ends[OTHER]
    shares = [
        bar(f"{how} ({tally.ends[how]})", None, 100 * tally.ends[how] / total, "%")
        for how in ("valid", REFUSED, BY_THE_MODEL, CUT, INVALID, OTHER)
    ]
    return [
        bar(f"valid or clearly refused ({total} schemas)", 100, 100 * clear / total, "%", True),
        *shares,
        bar(f"valid, of whole replies ({whole})", None, 100 * valid / max(whole, 1), "%", True),
        bar(
            "valid at the first asking, of whole replies", None, 100 * tally.first / max(whole, 1), "%", True
        ),
        bar(
            "valid, and every value proved or nothing found",
            None,
            100 * tally.proved / max(valid, 1),
            "%",
            True,
        ),
        bar("time for each that was asked", None, seconds / max(asked, 1), "s"),
    ]
