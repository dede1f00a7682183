"""What people say of the same things that a judge judges: read from a file, one JSON object a line.

`{"item": "sha256:...", "label": "supported", "by": "ann"}`: `item` names what was labelled (see `judged`), `label` is
`supported` or `unsupported` of a statement, `first`, `second` or `tie` of a pair of answers. Two people may label one
item where they agree.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from muniment.foundation.errors import BadInput

OF_STATEMENTS = ("supported", "unsupported")
OF_PAIRS = ("first", "second", "tie")


def read_labels(path: Path, allowed: tuple[str, ...]) -> dict[str, str]:
    """Return the label of each item; raises BadInput naming the line and the fault."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read ({error}).", fix="Give a file of labels.") from error
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if line.strip():
            item, label = _label(line, f"{path}:{number}", allowed)
            if found.setdefault(item, label) != label:
                raise BadInput(
                    f"{path}:{number}: {item} is also labelled {found[item]}.", fix="Agree on one label."
                )
    return found


def _label(line: str, where: str, allowed: tuple[str, ...]) -> tuple[str, str]:
    try:
        given = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{where} is not JSON ({error}).", fix="Mend that line.") from error
    fields = cast("Mapping[str, object]", given) if isinstance(given, dict) else {}
    item, label, by = (fields.get(name) for name in ("item", "label", "by"))
    if not isinstance(item, str) or not item or not isinstance(by, str) or not by.strip():
        raise BadInput(f"{where} lacks item or by.", fix="Say what was labelled, and by whom.")
    if not isinstance(label, str) or label not in allowed:
        raise BadInput(f"{where}: label is none of {', '.join(allowed)}.", fix="Use one of these.")
    return item, label
