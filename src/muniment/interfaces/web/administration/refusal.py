"""What a page says of a change that was refused."""

from __future__ import annotations

from dataclasses import dataclass

from muniment.foundation.errors import MunimentError, NotFound, TooMany, Unavailable
from muniment.interfaces.problems import problem_of


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a change was refused, and the status that the page has then."""

    said: str = ""
    status: int = 200


def refusal_of(error: MunimentError) -> Refusal:
    """Return what the page of a form says of an error; one that is of the whole page is raised again."""
    if isinstance(error, NotFound | TooMany | Unavailable):
        raise error
    told = problem_of(error)
    return Refusal(f"{told.title} {told.detail}".strip(), told.status)
