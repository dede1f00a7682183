"""One case as a line of `cases.jsonl`. No I/O."""

from __future__ import annotations

import json

from muniment.assurance.evaluation.case import Case
from muniment.governance.audit.entry import Json


def as_line(case: Case, note: str = "") -> str:
    """Return a case as one line of JSON, without what says nothing; a note is for whoever goes on with it."""
    gains: Json = list(case.gains) if all(gain == 1 for gain in case.gains.values()) else dict(case.gains)
    fields: dict[str, Json] = {
        "id": case.id,
        "asker": case.asker,
        "earlier": list(case.earlier),
        "question": case.question,
        "relevant": gains,
        "facts": [list(spellings) for spellings in case.facts],
        "abstain": case.abstain,
        "tags": list(case.tags),
        "source": case.source,
        "note": note,
    }
    kept = {name: value for name, value in fields.items() if value or name == "facts"}
    return json.dumps(kept, ensure_ascii=False)
