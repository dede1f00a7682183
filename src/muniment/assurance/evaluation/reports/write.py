"""Writes reports as files for their owner alone: the questions of people are in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from muniment.assurance.evaluation.reports.document import document
from muniment.assurance.evaluation.reports.junit import junit
from muniment.assurance.evaluation.reports.markdown import markdown
from muniment.assurance.evaluation.reports.page import checked_server, page
from muniment.assurance.evaluation.reports.reported import ReportedRun
from muniment.assurance.evaluation.reports.ways import ReportedWays
from muniment.assurance.evaluation.reports.ways_forms import ways_markdown, ways_page
from muniment.foundation.errors import BadInput
from muniment.foundation.private_file import put_private

FORMATS = {"html": "report.html", "markdown": "report.md", "json": "report.json", "junit": "junit.xml"}
"""The name of the file that each is written to."""
WAYS = ("ways.html", "ways.md", "ways.json")
"""The files of a report of several ways."""
WAYS_FORM = "muniment.evaluation-ways/1"
"""Names the keys of its JSON, as `document.FORM` does those of a run's."""


def write_reports(
    run: ReportedRun, folder: Path, formats: Sequence[str] = tuple(FORMATS), server: str = ""
) -> tuple[Path, ...]:
    """Write a report into a folder, in each of `formats`; return the files, which take the place of earlier ones.

    `server` is the address under which answers are shown. Raises BadInput for an unknown format, no folder or no
    address, before anything is written, Unavailable where a file cannot be.
    """
    unknown = next((name for name in formats if name not in FORMATS), None)
    if unknown is not None:
        raise BadInput(
            f"There is no report in the format {unknown!r}.", fix=f"Known are {', '.join(FORMATS)}."
        )
    checked_folder(folder)
    checked_server(server)
    makers: dict[str, Callable[[], str]] = {
        "html": lambda: page(run, server),
        "markdown": lambda: markdown(run),
        "json": lambda: json.dumps(document(run), ensure_ascii=True, indent=2) + "\n",
        "junit": lambda: junit(run),
    }
    made = [(folder / FORMATS[name], makers[name]().encode()) for name in dict.fromkeys(formats)]
    for path, content in made:
        put_private(path, content)
    return tuple(path for path, _ in made)


def write_ways(found: ReportedWays, document: Mapping[str, object], folder: Path) -> tuple[Path, ...]:
    """Write a report of several ways, and `document` as its JSON; return the files, as `write_reports` does."""
    checked_folder(folder)
    whole = {"form": WAYS_FORM, **document}
    told = (ways_page(found), ways_markdown(found), json.dumps(whole, ensure_ascii=True, indent=2) + "\n")
    made = [(folder / name, text.encode()) for name, text in zip(WAYS, told, strict=True)]
    for path, content in made:
        put_private(path, content)
    return tuple(path for path, _ in made)


def checked_folder(folder: Path) -> None:
    """Refuse what no report can be written into; raises BadInput."""
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"{folder} is no folder.", fix="Name one, or one that is to be made.")
