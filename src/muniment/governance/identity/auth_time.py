"""What an ID token says of when somebody proved who they are (OpenID Connect Core 1.0, sections 2 and 3.1.2.1).

Invariants:
- only a whole number of seconds that is not ahead of the clock by more than the leeway counts;
- a provider that was asked to have the person prove it anew is believed by this claim alone: the request that asks
  for it passes through the person's browser, which may have changed it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping


def auth_time(claims: Mapping[str, object], now: float, leeway: int) -> int:
    """Return when, in seconds since 1970 and never later than now; raises ValueError where no such time is stated."""
    if "auth_time" not in claims:
        raise ValueError("no auth_time")
    stated = claims["auth_time"]
    if isinstance(stated, bool) or not isinstance(stated, int) or stated < 0:
        raise ValueError("auth_time is no whole number of seconds")
    if stated > now + leeway:
        raise ValueError("auth_time is in the future")
    return min(stated, int(now))


def require_since(stated: int, began: float, leeway: int) -> None:
    """Refuse a time of before a sign-in began; raises ValueError."""
    if stated < math.floor(began) - leeway:
        raise ValueError("auth_time is of before this sign-in")
