"""Another muniment as a witness, by its HTTP interface and an API key of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast
from urllib.parse import quote

from muniment.foundation.egress import Egress, Reply, Unreached
from muniment.foundation.errors import BadInput, MunimentError, NotSetUp, Unavailable
from muniment.foundation.secret import Secret
from muniment.governance.audit import checkpoint as notes
from muniment.governance.audit.checkpoint import Checkpoint
from muniment.governance.audit.cosignature import read_key
from muniment.governance.audit.witness import NOTHING, Forked, RolledBack, Seen, SeenOther

PATH = "/v1/audit/witness"
SECONDS = 10.0
LONGEST_REPLY = 1 << 16
_SAID: Mapping[str, type[MunimentError]] = {one.code: one for one in (Forked, RolledBack, SeenOther)}


class RemoteWitness:
    """Fills `Witness` with another muniment."""

    signs = True

    def __init__(
        self, address: str, origin: str, public_key: str, key: Callable[[], Secret | None], egress: Egress
    ) -> None:
        self._url = address.rstrip("/") + PATH
        self._origin = origin
        self._public_key = public_key
        self._key = key
        self._egress = egress

    def check(self) -> None:
        """Raise unless it answers, and knows this log."""
        self.last(NOTHING)

    def public_key(self) -> str:
        """Return the line of its key, as the settings name it."""
        return self._public_key

    def last(self, known: Seen) -> Seen:
        """Return the tree that it last co-signed."""
        said = self._ask("GET", f"{self._url}?origin={quote(self._origin, safe='')}")
        text = said.get("checkpoint")
        if not text:
            return NOTHING
        try:
            found = notes.parse(str(text), cosigned=True)
        except BadInput as error:
            raise self._odd() from error
        if found.origin != self._origin:
            raise self._odd()
        return Seen(found.size, found.root)

    def history(self) -> list[Seen]:
        """Return the tree that it last co-signed; it keeps no others."""
        found = self.last(NOTHING)
        return [found] if found.size else []

    def add(self, checkpoint: Checkpoint, seen: Seen, path: Sequence[bytes]) -> str:
        """Have a checkpoint co-signed; raises Forked, RolledBack or SeenOther as the witness says."""
        body = {
            "old_size": seen.size,
            "path": [base64.b64encode(node).decode() for node in path],
            "checkpoint": checkpoint.text,
        }
        line = str(self._ask("POST", self._url, json.dumps(body).encode()).get("cosignature", ""))
        signed = checkpoint.text + line
        try:
            notes.parse(signed, cosigned=True)
        except BadInput as error:
            raise self._odd() from error
        return signed

    def _ask(self, method: str, url: str, content: bytes = b"") -> dict[str, Any]:
        key = self._key()
        if key is None:
            raise NotSetUp("There is no API key for the witness.", fix="Set its `key` under audit.witnesses.")
        headers = {"authorization": f"Bearer {key.reveal()}", "content-type": "application/json"}
        try:
            reply = self._egress.exchange(method, url, headers, content, SECONDS, LONGEST_REPLY)
        except Unreached as error:
            raise Unavailable(
                f"The witness {self._name} cannot be reached now ({error}).", fix="See that it runs."
            ) from error
        said = _document(reply)
        if reply.status == 200:
            return said
        code = str(said.get("code", ""))
        if code in _SAID:
            raise _SAID[code](f"{self._name}: {str(said.get('title', ''))[:300]}", fix=_fix(said))
        if reply.status in (401, 403, 404, 422):
            raise NotSetUp(
                f"The witness {self._name} refuses ({code or reply.status}).",
                fix="See its key, the scope `witness`, and that its audit.logs names this log's public key.",
            )
        raise Unavailable(f"The witness {self._name} cannot be used now ({code or reply.status}).")

    @property
    def _name(self) -> str:
        return read_key(self._public_key).name

    def _odd(self) -> Unavailable:
        return Unavailable(f"The witness {self._name} answers what is no checkpoint.", fix="See its address.")


def _document(reply: Reply) -> dict[str, Any]:
    try:
        found = json.loads(reply.body)
    except ValueError:
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _fix(said: Mapping[str, Any]) -> str:
    return str(said.get("detail", ""))[:300]
