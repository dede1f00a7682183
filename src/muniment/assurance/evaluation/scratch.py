"""What a scratch workspace is made of: a workspace for one run, judged in the place of the one that people use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from muniment.assurance.evaluation.case import Suite
from muniment.foundation.errors import BadInput

SOURCE = "suite"
"""What the documents of a scratch workspace are a source of."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Documents, with their access manifests, and the people who read them."""

    documents: Path
    directory: Path
    mail_domains: tuple[str, ...] = ()
    """In these, what stands before the @ of an address is the name of an account."""


def corpus_of(suite: Suite, folder: Path) -> Corpus:
    """Return the corpus that a suite in `folder` comes with; raises BadInput where there is none."""
    return Corpus(_place(suite.corpus, "documents", folder), _place(suite.corpus, "directory", folder))


def _place(corpus: Mapping[str, str], key: str, folder: Path) -> Path:
    stated = corpus.get(key, "")
    if not stated:
        raise BadInput(f"The suite in {folder} names no {key}.", fix=f"State {key} in suite.toml.")
    # A shipped suite may name what ships beside the suites, such as examples/acme.
    places = (folder / stated, folder.resolve().parents[1] / stated)
    found = next((place for place in places if place.exists()), None)
    if found is None:
        raise BadInput(f"{places[0]} is not there.", fix=f"Mend {key} in suite.toml.")
    return found
