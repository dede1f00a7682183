"""The folder of a security suite: scenarios, and the company that they are played in.

`suite.toml` names the suite, its documents and its directory; `scenarios.jsonl` holds the scenarios; `company.toml`
says which tools there are, who holds which role, what systems answer, and what the second tenant is.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from muniment.assurance.evaluation.scenario import SCENARIOS, Scenario, read_scenarios
from muniment.assurance.evaluation.scratch import Corpus
from muniment.assurance.evaluation.scripted_systems import Read
from muniment.foundation.errors import BadInput

ABOUT = "suite.toml"
COMPANY = "company.toml"
_KEYS = frozenset({"tools", "mail_domains", "roles", "readings", "there"})


@dataclass(frozen=True, slots=True)
class SecurityFolder:
    """A security suite, read whole."""

    scenarios: tuple[Scenario, ...]
    here: Corpus
    there: Corpus
    """Of the second tenant."""
    tools: Path
    """Manifests, whose systems are stood in for."""
    roles: tuple[tuple[str, str], ...]
    """Role and member of each grant."""
    reads: tuple[Read, ...]


def read_security_folder(folder: Path) -> SecurityFolder:
    """Return what a folder holds; raises BadInput naming the file and the fix."""
    about, company = _toml(folder / ABOUT), _toml(folder / COMPANY)
    where = f"{folder / COMPANY}"
    if unknown := sorted(set(company) - _KEYS):
        raise BadInput(f"{where}: unknown key {unknown[0]}.", fix=f"Known are {', '.join(sorted(_KEYS))}.")
    domains = tuple(str(one) for one in company.get("mail_domains", []))
    there: Mapping[str, Any] = company.get("there", {})
    try:
        roles = tuple((str(one["role"]), str(one["member"])) for one in company.get("roles", []))
        reads = tuple(
            Read(str(one["tool"]), one["arguments"], one["result"]) for one in company.get("readings", [])
        )
    except (KeyError, TypeError) as error:
        raise BadInput(
            f"{where}: a role or a reading lacks {error}.",
            fix="A role has role and member, a reading tool, arguments and result.",
        ) from error
    return SecurityFolder(
        scenarios=read_scenarios(folder / SCENARIOS),
        here=_corpus(about, folder, f"{folder / ABOUT}", domains),
        there=_corpus(there, folder, f"{where}: there", domains),
        tools=_place(company, "tools", folder, where),
        roles=roles,
        reads=reads,
    )


def _corpus(stated: Mapping[str, Any], folder: Path, where: str, domains: tuple[str, ...]) -> Corpus:
    return Corpus(
        _place(stated, "documents", folder, where), _place(stated, "directory", folder, where), domains
    )


def _place(stated: Mapping[str, Any], key: str, folder: Path, where: str) -> Path:
    named = stated.get(key)
    found = folder / named if isinstance(named, str) and named else None
    if found is None or not found.exists():
        raise BadInput(f"{where}: {key} names nothing that is there.", fix=f"Name it from {folder}.")
    return found


def _toml(path: Path) -> Mapping[str, Any]:
    try:
        return cast("Mapping[str, Any]", tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"{path} is not readable TOML ({error}).", fix="Mend that line.") from error
