"""Makes office files reproducible: same entries, same order, one fixed time."""

from __future__ import annotations

import re
import zipfile
from datetime import UTC, datetime
from pathlib import Path

WRITTEN = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
AUTHOR = "Marrowby Instruments"
STAMP = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*(</dcterms:)")


def settle(path: Path) -> None:
    """Rewrite the archive at path with fixed entry times and fixed document dates."""
    with zipfile.ZipFile(path) as archive:
        entries = [(info.filename, archive.read(info)) for info in archive.infolist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in entries:
            if name == "docProps/core.xml":
                content = STAMP.sub(
                    rb"\g<1>" + WRITTEN.strftime("%Y-%m-%dT%H:%M:%SZ").encode() + rb"\g<2>", content
                )
            info = zipfile.ZipInfo(name, (2026, 11, 2, 9, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)
