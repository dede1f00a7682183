"""What journeys share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.simulators.browser import launched


# Not for the whole session: while it runs, no test of the same process can run an event loop of its own.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Return a real browser."""
    with launched() as browser:
        yield browser
