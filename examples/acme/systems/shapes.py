"""What the fields of requests and replies look like; nothing is accepted that is not named."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from clock import stamp
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

COMPANY_CURRENCY = "EUR"


class Closed(BaseModel):
    """An object without unnamed members."""

    model_config = ConfigDict(extra="forbid")


class NoOptions(Closed):
    """A query string that must be empty."""


def cents(amount: str) -> int:
    """Return an amount, such as `12.50`, in hundredths."""
    return int(amount.replace(".", ""))


def money(hundredths: int) -> str:
    """Return hundredths as an amount with two digits."""
    return f"{hundredths // 100}.{hundredths % 100:02}"


def _positive(amount: str) -> str:
    if not cents(amount):
        raise ValueError("must be more than 0.00")
    return amount


def _moment(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("must be a date and time such as 2026-12-01T09:00:00+01:00") from None
    if moment.tzinfo is None:
        raise ValueError("must say its offset from UTC, such as Z or +01:00")
    try:
        return stamp(moment)
    except OverflowError:
        raise ValueError("must lie within the calendar") from None


Amount = Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,8})\.[0-9]{2}$", examples=["12.50"])]
"""Money: a decimal number with two digits."""
Paid = Annotated[Amount, AfterValidator(_positive)]
"""An amount above nothing."""
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", examples=["EUR"])]
"""ISO 4217."""
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
UserName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$", examples=["bob"])]
Line = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""Text without control characters, so that it cannot grow another line or header."""
Text = Annotated[str, Field(max_length=20_000, pattern=r"^[^\x00]*$")]
Address = Annotated[
    str,
    Field(max_length=254, pattern=r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$"),
    AfterValidator(str.lower),
]
Moment = Annotated[
    str, Field(max_length=40, json_schema_extra={"format": "date-time"}), AfterValidator(_moment)
]
"""RFC 3339 with an offset; kept in UTC to the second."""
