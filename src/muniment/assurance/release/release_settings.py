"""What an operator may set of releases."""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, field_validator

from muniment.foundation.duration import parsed
from muniment.foundation.errors import BadInput


class ReleaseSettings(BaseModel):
    """`[release]`"""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_report_age: str = "7d"
    """How old a report may be when a release goes out on it."""
    suites: tuple[str, ...] = ()
    """Suites beside those in the home's folder `evals`: names of shipped ones, paths from the home, or absolute."""

    @field_validator("max_report_age")
    @classmethod
    def _is_a_time(cls, stated: str) -> str:
        try:
            span = parsed(stated)
        except BadInput as error:
            raise ValueError(str(error)) from error
        if not span:
            raise ValueError("a report must be allowed some age, such as 7d")
        return stated

    @property
    def longest(self) -> timedelta:
        """Return the age as a time."""
        return parsed(self.max_report_age)
