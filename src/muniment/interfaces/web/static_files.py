"""Static files of this build: read once, held in memory, served under a name that holds their digest."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from fastapi import APIRouter, Request
from starlette.responses import Response

from muniment.interfaces.problems import NOTHING_HERE

router = APIRouter(include_in_schema=False)

_HERE = files("muniment.interfaces.web")
_TYPES = {".js": "text/javascript", ".svg": "image/svg+xml"}
_STYLES = "muniment.css"
_FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file, as it is and compressed."""

    media_type: str
    content: bytes
    packed: bytes


@cache
def assets() -> dict[str, Asset]:
    """Return the static files by name; the parts of `styles/` are one stylesheet, in the order of their names."""
    held = {e.name: e.read_bytes() for e in (_HERE / "static").iterdir() if _suffix(e.name) in _TYPES}
    styles = sorted(
        (e for e in (_HERE / "styles").iterdir() if e.name.endswith(".css")), key=lambda e: e.name
    )
    # The charts of reports are drawn in pages too.
    styles.append(files("muniment.assurance.evaluation.reports").joinpath("templates/report/charts.css"))
    made = {name: _asset(_TYPES[_suffix(name)], held[name]) for name in sorted(held)}
    return made | {_STYLES: _asset("text/css", b"\n".join(one.read_bytes() for one in styles))}


def _asset(media_type: str, content: bytes) -> Asset:
    return Asset(media_type, content, gzip.compress(content, mtime=0))


def _suffix(name: str) -> str:
    return "." + name.rpartition(".")[2]


@cache
def static_root() -> str:
    """Return the path under which this build's static files are served."""
    digest = hashlib.sha256()
    for name, asset in assets().items():
        digest.update(name.encode() + b"\0" + asset.content)
    return f"/static/{digest.hexdigest()[:16]}"


@router.get("/static/{build}/{name}")
async def static(build: str, name: str, request: Request) -> Response:
    """Give a static file of this build."""
    asset = assets().get(name)
    if asset is None or f"/static/{build}" != static_root():
        raise NOTHING_HERE
    headers = {"cache-control": _FOREVER, "vary": "accept-encoding"}
    # Nothing of a person is in these files, so their size tells nothing when they are compressed.
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(
            asset.packed, media_type=asset.media_type, headers=headers | {"content-encoding": "gzip"}
        )
    return Response(asset.content, media_type=asset.media_type, headers=headers)
