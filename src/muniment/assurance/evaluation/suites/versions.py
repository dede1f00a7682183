"""Which cases each version of a suite had: the digest that was recorded of it, beside the suite.

A version whose digest has changed since means that figures of one number are of two suites.
"""

from __future__ import annotations

import tomllib

from muniment.assurance.evaluation.case import Suite
from muniment.assurance.evaluation.suites.case_file import put, read_text
from muniment.assurance.evaluation.suites.places import Place
from muniment.foundation.errors import BadInput

_HEAD = "# The digest of each version of this suite, as `muniment eval check --record` found it.\n"


def recorded(place: Place) -> dict[int, str]:
    """Return the digests by version; raises BadInput for a file that cannot be read."""
    try:
        found = tomllib.loads(read_text(place.versions))
        return {int(version): str(digest) for version, digest in found.items()}
    except ValueError as error:
        raise BadInput(
            f"{place.versions} is not readable ({error}).", fix="Mend it, or remove it."
        ) from error


def record(place: Place, suite: Suite) -> bool:
    """Record the digest of the suite's version where none is; return whether the one recorded is that of now."""
    known = recorded(place)
    if suite.version not in known:
        known[suite.version] = suite.digest
        lines = (f'{version} = "{digest}"\n' for version, digest in sorted(known.items()))
        put(place.writable().versions, _HEAD + "".join(lines))
    return known[suite.version] == suite.digest
