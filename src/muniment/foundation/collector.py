"""What Python's collector of circular garbage looks through, in a process that lives on."""

from __future__ import annotations

import gc

_NEW_OBJECTS = 10_000
"""Objects made and not yet gone at which the newest are looked through; one search makes some thousand."""


def settle() -> None:
    """Leave what the process holds now out of every later collection.

    Loaded code and indexes are hundreds of thousands of objects: looking through them stops every request for a third
    of a second, every few hundred requests.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])
