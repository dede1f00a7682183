"""What answers come from, named whole: each part with its readable versions, and one hash over all of them.

Invariants:
- the same versions give the same hash, in whatever order they were gathered;
- a manifest has every component, so that what nobody looked at cannot pass for unchanged;
- it holds names, versions, digests and figures: no address, no key, no text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, cast, get_args

from muniment.foundation import canonical
from muniment.foundation.errors import BadInput
from muniment.governance.audit.entry import Json

Component = Literal[
    "prompts",
    "endpoints",
    "embedding",
    "reranker",
    "retrieval",
    "chunking",
    "tools",
    "policy",
    "answers",
    "suites",
    "code",
]
COMPONENTS: tuple[Component, ...] = get_args(Component)
"""In the order of reports."""
Versions = Mapping[str, Json]
"""Readable versions of one component, by name."""


@dataclass(frozen=True)
class Manifest:
    """Every component with its versions."""

    components: Mapping[Component, Versions]

    def __post_init__(self) -> None:
        """Raise BadInput where a component is missing or unknown."""
        if missing := [name for name in COMPONENTS if name not in self.components]:
            raise BadInput(f"The manifest lacks {', '.join(missing)}.", fix="Build the release anew.")
        if unknown := sorted(set(self.components) - set(COMPONENTS)):
            raise BadInput(f"The manifest names {', '.join(unknown)}, which this version does not know.")

    @cached_property
    def digests(self) -> Mapping[Component, str]:
        """Return the digest of each component."""
        return {name: canonical.digest(self.components[name]) for name in COMPONENTS}

    @cached_property
    def hash(self) -> str:
        """Return `sha256:` and the digest that names the manifest."""
        return canonical.digest(dict(self.digests))

    @cached_property
    def lineage(self) -> Mapping[str, Json]:
        """Return what answers come from: the digest of each component but the suites, which only judge them.

        The lineage of every run that is to count for a release.
        """
        return {name: digest for name, digest in self.digests.items() if name != "suites"}

    @cached_property
    def lineage_hash(self) -> str:
        """Return the digest of `lineage`."""
        return canonical.digest(self.lineage)

    @property
    def suites(self) -> Mapping[str, str]:
        """Return the suites by name, each with its digest."""
        return cast("Mapping[str, str]", self.components["suites"])

    def prompt(self, purpose: str) -> str:
        """Return the digest of the prompt of a purpose."""
        return str(cast("Mapping[str, Json]", self.components["prompts"][purpose])["digest"])

    def as_json(self) -> dict[str, Json]:
        """Return the manifest as one JSON object."""
        return {
            "hash": self.hash,
            "components": {
                name: {"digest": self.digests[name], "versions": dict(self.components[name])}
                for name in COMPONENTS
            },
        }


def read_manifest(stated: Mapping[str, Json]) -> Manifest:
    """Return what `as_json` wrote; raises BadInput for one that is not as it was written."""
    try:
        components = cast("Mapping[Component, Mapping[str, Versions]]", stated["components"])
        made = Manifest({name: one["versions"] for name, one in components.items()})
    except (KeyError, TypeError, AttributeError) as error:
        raise BadInput("The manifest cannot be read.", fix="Build the release anew.") from error
    if made.hash != stated.get("hash"):
        raise BadInput("The manifest is not what its hash says.", fix="Build the release anew.")
    return made


@dataclass(frozen=True, slots=True)
class Change:
    """One version that differs."""

    component: Component
    name: str
    before: str
    """As people read it; empty: there was none."""
    after: str

    def __str__(self) -> str:
        return f"{self.component}: {self.name}: {self.before or 'nothing'} -> {self.after or 'nothing'}"

    def as_json(self) -> dict[str, Json]:
        """Return the change as one JSON object."""
        return {"component": self.component, "name": self.name, "before": self.before, "after": self.after}


def changes(before: Manifest, after: Manifest) -> tuple[Change, ...]:
    """Return every version that differs, by component and name."""
    found: list[Change] = []
    for component in COMPONENTS:
        if before.digests[component] == after.digests[component]:
            continue
        was, now = dict(leaves(before.components[component])), dict(leaves(after.components[component]))
        names = sorted(name for name in {*was, *now} if was.get(name) != now.get(name))
        found += [Change(component, name, was.get(name, ""), now.get(name, "")) for name in names]
    return tuple(found)


def changed(before: Manifest, after: Manifest) -> frozenset[Component]:
    """Return the components that differ."""
    return frozenset(name for name in COMPONENTS if before.digests[name] != after.digests[name])


def leaves(value: Json, at: str = "") -> Iterator[tuple[str, str]]:
    """Yield each version with its dotted name, as people read them."""
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield from leaves(one, f"{at}.{name}" if at else name)
    else:
        yield at, value if isinstance(value, str) else canonical.canonical(value).decode()
