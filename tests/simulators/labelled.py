"""A workspace that labels names with the simulated labeller, which knows a few by heart and starts at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from muniment import settings
from muniment.app import Workspace
from muniment.foundation.sandbox import Limits
from muniment.knowledge.ingestion.labeller import Labeller
from muniment.knowledge.ingestion.labelling import Labelling

CHILD = "tests.simulators.labelling_child"


def labelling(given: Mapping[str, Any] | None = None) -> settings.Settings:
    """Return settings under which each ingest ends with labelling."""
    document = dict(given or {})
    return settings.parse({**document, "ingestion": {"labels": True, **document.get("ingestion", {})}})


def by_heart(workspace: Workspace) -> Workspace:
    """Let a workspace label with the simulated labeller."""
    limits = Limits(seconds=2.0, memory_bytes=128 << 20)
    workspace.labelling = Labelling(
        workspace.database,
        workspace.audit,
        lambda: Labeller(limits=limits, child=CHILD),
        workspace.relabelling.settle,
    )
    return workspace
