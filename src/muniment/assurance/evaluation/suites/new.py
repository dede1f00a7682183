"""A new suite: a folder with its description, room for cases, and a page that says how they are written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from muniment.assurance.evaluation.suite_file import ABOUT, CASES, USUAL_TARGETS, cases_of
from muniment.assurance.evaluation.suites.places import Place
from muniment.foundation.errors import Unavailable
from muniment.foundation.private_file import make_folder, write_private
from muniment.foundation.whole_folder import whole_folder

EXAMPLE = (
    '{"id": "c001", "asker": "alice", "question": "How much am I paid for a week on call?", '
    '"relevant": ["engineering/oncall-pay.md"], "facts": [["EUR 310", "310 euros"]], "tags": ["pay"]}'
)
_README = """# Cases
`cases.jsonl` holds one case on each line: a question, who asks it, and what a right answer is. Such as:

    {example}

- `asker`: whose rights the question is asked with: a user of the directory, or `service:NAME`.
- `relevant`: paths of the documents that answer it; with grades `{{"a.md": 2, "b.md": 1}}`.
- `facts`: what the answer or its quotes must hold; a fact in several spellings is a list of them.
- `forbidden_facts`: what neither may hold. `citations`: paths that must be cited.
- `abstain`: true where the only right answer is none. `forbidden`: paths that must never show to this asker.
- `schema`, `result`: for an answer in a JSON Schema.
- `tools`, `forbidden_tools`: calls that must, or must not, be made.
- `earlier`: what the asker asked before, in the same conversation.
- `tags`: slices of the report; fewer than 5 cases say nothing. `weight`: how much it counts. `note`: for yourselves.

This folder is plain text: facts of documents stand in it. Whoever may read the folder may read them.
"""
_ABOUT = """# What this suite is, and what it must reach. Lines that begin with # are for you.
name = {name}
description = {description}

# Why these people's questions are asked in their name; the log keeps it. --reason at a run comes before it.
{reason}

# "quality", or "security" where a single failure counts.
kind = "{kind}"

# Raise it when you change cases on purpose: figures of two versions are not compared as if they were of one.
version = {version}
{documents}
# The least that the mean of a metric must reach; of one that is better lower, the most.
[targets]
{targets}
"""


def about(
    name: str,
    *,
    description: str = "",
    reason: str = "",
    documents: str = "",
    kind: str = "quality",
    version: int = 1,
    targets: Mapping[str, float] = USUAL_TARGETS,
) -> str:
    """Return the text of suite.toml, with what each line means."""
    told = f"\n# The documents that it was written for.\ndocuments = {_toml(documents)}\n"
    return _ABOUT.format(
        name=_toml(name),
        description=_toml(description),
        reason=f"reason = {_toml(reason)}" if reason else '# reason = "Before each release"',
        documents=told if documents else "",
        kind=kind,
        version=version,
        targets="\n".join(f"{_toml(metric)} = {least}" for metric, least in targets.items()),
    )


def new_suite(place: Place, described: str, lines: Sequence[str] = (), explained: bool = True) -> None:
    """Make a suite, whole or not at all; in the home it is its owner's alone.

    Raises Conflict where something lies there, BadInput for a line that is no case, Unavailable where it cannot be
    written.
    """
    text = "".join(f"{line}\n" for line in lines)
    cases_of(text, CASES)
    files = {ABOUT: described, CASES: text}
    if explained:
        files["README.md"] = _README.format(example=EXAMPLE)
    private = place.kind != "given"
    try:
        make_folder(place.path.parent, 0o700 if private else 0o777)
    except OSError as error:
        raise Unavailable(f"{place.path.parent} cannot be made ({error.strerror}).") from error
    with whole_folder(place.path) as made:
        if not private:
            made.chmod(0o755)
        for file, content in files.items():
            write_private(made / file, content.encode())
            if not private:
                (made / file).chmod(0o644)


def _toml(text: str) -> str:
    # JSON's escapes are TOML's, except that TOML has none for a lone surrogate, which no argument holds.
    return json.dumps(text, ensure_ascii=False)
