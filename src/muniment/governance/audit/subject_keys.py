"""The keys of the people whom the log speaks of, in a file that lies apart from every backup.

Invariants:
- the key of a person is made of their name and the file; their log name and the key that opens their rows are made
  of that key: without the file nothing leads from a name to a log name, nor back;
- the file changes only when somebody is erased: a copy of it is good until then;
- it is replaced whole, durably, and what it held before is overwritten.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from muniment.foundation.errors import Conflict, NotSetUp, Tampered
from muniment.foundation.ids import Ids
from muniment.foundation.keys import Keyring
from muniment.foundation.private_file import read_private, replace_private, write_private
from muniment.foundation.puncturable import SEED_BYTES, PuncturableKey

FORMAT = 1
_CONTEXT = {"object": "subject-keys"}
_MOST_GENERATIONS = 1000


@dataclass(frozen=True, slots=True)
class SubjectKeys:
    """What the file holds: one tree leads from a name to a log name, the other from there to what is sealed."""

    mark: str
    """Tells this file from one of another workspace; no secret."""
    by_name: PuncturableKey
    by_pseudonym: PuncturableKey

    def covers(self, place: int) -> bool:
        """Return whether the person at a place was not erased."""
        return self.by_name.key(place) is not None

    def pseudonym(self, place: int) -> str | None:
        """Return the 32 hex digits that the log names the person at a place by, or None for an erased one."""
        key = self.by_name.key(place)
        return None if key is None else hmac.new(key, b"pseudonym", hashlib.sha256).hexdigest()[:32]

    def key_of(self, pseudonym: str) -> bytes | None:
        """Return the key that seals what is personal, or None for an erased person."""
        return self.by_pseudonym.key(int(pseudonym[:16], 16))

    def without(self, places: Iterable[int]) -> SubjectKeys:
        """Return what is left when the people at these places are forgotten."""
        by_name, by_pseudonym = self.by_name, self.by_pseudonym
        for place in places:
            pseudonym = SubjectKeys(self.mark, by_name, by_pseudonym).pseudonym(place)
            if pseudonym is not None:
                by_pseudonym = by_pseudonym.without(int(pseudonym[:16], 16))
                by_name = by_name.without(place)
        return SubjectKeys(self.mark, by_name, by_pseudonym)


class SubjectKeyFile:
    """The file of one workspace, sealed under its keyring."""

    def __init__(self, path: Path, keyring: Keyring, ids: Ids) -> None:
        self.path = path
        self._keyring = keyring
        self._ids = ids
        self._places = keyring.object_key("identifiers", b"", {"key": "subject-places"})

    def places(self, ref: str) -> Iterable[int]:
        """Yield where a name may stand, first to last: after somebody was erased, their name begins anew."""
        for generation in range(_MOST_GENERATIONS):
            said = f"{generation}\0{ref}".encode(errors="surrogatepass")
            yield int.from_bytes(hmac.new(self._places, said, hashlib.sha256).digest()[:8])

    def read(self) -> SubjectKeys | None:
        """Return what the file holds, None where there is none; raises NotSetUp where it does not open."""
        try:
            sealed, _ = read_private(self.path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise NotSetUp(
                f"{self.path} cannot be read ({error.strerror}).", fix="Mend its permissions."
            ) from error
        return self.opened(sealed)

    def opened(self, sealed: bytes) -> SubjectKeys:
        """Return what the bytes of such a file hold; raises NotSetUp where they do not open."""
        try:
            document = json.loads(self._keyring.unseal("identifiers", _CONTEXT, sealed))
            if document["format"] != FORMAT:
                raise ValueError("of another format")
            trees = (document["by_name"], document["by_pseudonym"])
            by_name, by_pseudonym = (PuncturableKey.from_bytes(base64.b64decode(one)) for one in trees)
            return SubjectKeys(str(document["mark"]), by_name, by_pseudonym)
        except (Tampered, ValueError, KeyError, TypeError) as error:
            raise NotSetUp(
                f"{self.path} does not open with this workspace's keys, or is damaged.",
                fix="Put back the file that belongs to this workspace.",
            ) from error

    def make(self) -> SubjectKeys:
        """Write a new file, or read the one that another process made meanwhile."""
        made = SubjectKeys(
            self._ids.random_bytes(16).hex(),
            PuncturableKey.of(self._ids.random_bytes(SEED_BYTES)),
            PuncturableKey.of(self._ids.random_bytes(SEED_BYTES)),
        )
        try:
            write_private(self.path, self._sealed(made))
        except Conflict:
            found = self.read()
            if found is None:
                raise
            return found
        return made

    def replace(self, keys: SubjectKeys) -> None:
        """Put other keys in the place of the file's; raises Unavailable, and the file then stays as it was."""
        replace_private(self.path, self._sealed(keys))

    def _sealed(self, keys: SubjectKeys) -> bytes:
        trees = {"by_name": keys.by_name, "by_pseudonym": keys.by_pseudonym}
        spelled = {name: base64.b64encode(tree.to_bytes()).decode() for name, tree in trees.items()}
        document = json.dumps({"format": FORMAT, "mark": keys.mark, **spelled})
        return self._keyring.seal("identifiers", _CONTEXT, document.encode())
