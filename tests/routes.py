"""Routes without the wait: each process makes what a server needs of a route once, and later servers get the same.

FastAPI makes it of the signatures at the first request of each server: for all of the product's routes that takes
longer than most tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from fastapi import routing

_MADE = "_made_for_tests"


@contextmanager
def shared() -> Iterator[None]:
    """Let servers that include a route in the same way share what is made of it; it holds nothing of a server."""
    with pytest.MonkeyPatch.context() as patch:
        make = routing._IncludedRouter._build_effective_context

        def build(included: Any, route: Any) -> Any:
            way = replace(included.include_context, dependency_overrides_provider=None)
            known = vars(route).setdefault(_MADE, [])
            for before, made in known:
                if before == way:
                    return made
            made = make(replace(included, include_context=way), route)
            known.append((way, made))
            return made

        patch.setattr(routing._IncludedRouter, "_build_effective_context", build)
        yield
