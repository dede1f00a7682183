"""The name of an error, as AWS's services with a JSON interface give it."""

from __future__ import annotations

import re

from muniment.foundation.egress import Reply


def error_name(reply: Reply) -> str:
    """Return the error that a reply names, such as `ThrottlingException`; empty where it names none."""
    said = reply.document().get("__type")
    name = said.rpartition("#")[2] if isinstance(said, str) else ""
    return name if re.fullmatch(r"[A-Za-z0-9]{1,80}", name) else ""
