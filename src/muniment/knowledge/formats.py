"""The formats that can be read: their media types and the endings of their files."""

from __future__ import annotations

MEDIA_TYPES = {
    "md": "text/markdown",
    "txt": "text/plain",
    "html": "text/html",
    "csv": "text/csv",
    "eml": "message/rfc822",
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "png": "image/png",
    "jpg": "image/jpeg",
    "tiff": "image/tiff",
    "webp": "image/webp",
    "gif": "image/gif",
    "bmp": "image/bmp",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
"""By kind."""

EXTENSIONS = {
    "md": "md", "markdown": "md",
    "txt": "txt", "text": "txt",
    "html": "html", "htm": "html", "xhtml": "html",
    "csv": "csv", "tsv": "csv",
    "eml": "eml",
    "pdf": "pdf",
    "docx": "docx",
    "pptx": "pptx",
    "png": "png", "jpg": "jpg", "jpeg": "jpg", "tif": "tiff", "tiff": "tiff",
    "webp": "webp", "gif": "gif", "bmp": "bmp",
    "xlsx": "xlsx", "xlsm": "xlsx",
}  # fmt: skip
"""Extension to kind."""
