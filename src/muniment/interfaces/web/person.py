"""Who is signed in, for the head of every page."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Person:
    """Who is signed in."""

    name: str
    csrf: str = field(repr=False)
    waiting: int | None = None
    """How many actions wait for them; None where they approve nothing."""
    acts: bool = False
    """Whether they, or an agent for them, ever proposed an action."""
    asks: bool = True
    openings: tuple[tuple[str, str], ...] = ()
    """Key and address of each page that is open to them because of what they may do."""

    @property
    def areas(self) -> dict[str, str]:
        """Return each part of the product that is open to them, with the address of its first page."""
        first: dict[str, str] = {}
        for key, href in self.openings:
            first.setdefault(key.partition(".")[0], href)
        return first

    def within(self, area: str) -> tuple[tuple[str, str], ...]:
        """Return the pages of an area that are open to them."""
        return tuple(one for one in self.openings if one[0].startswith(area + "."))
