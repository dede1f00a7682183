"""What is taken away as a file."""

from __future__ import annotations

import re

from starlette.responses import Response

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def attachment(content: str | bytes, name: str, media_type: str) -> Response:
    """Return a download that no browser shows in its place; of its name, what is safe in every file system."""
    safe = _UNSAFE.sub("-", name).strip("-.")[-120:] or "muniment"
    headers = {"content-disposition": f'attachment; filename="{safe}"', "cache-control": "no-store"}
    return Response(content, media_type=media_type, headers=headers)
