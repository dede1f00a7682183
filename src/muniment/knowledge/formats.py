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
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "odt": "application/vnd.oasis.opendocument.text",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odp": "application/vnd.oasis.opendocument.presentation",
    "rtf": "application/rtf",
    "epub": "application/epub+zip",
    "msg": "application/vnd.ms-outlook",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "xml": "application/xml",
    "ipynb": "application/x-ipynb+json",
    "source": "text/x-source",
    "zip": "application/zip",
    "tar": "application/x-tar",
}
"""By kind."""

EXTENSIONS = {
    "md": "md", "markdown": "md",
    "txt": "txt", "text": "txt", "yaml": "txt", "yml": "txt", "toml": "txt",
    "html": "html", "htm": "html", "xhtml": "html",
    "csv": "csv", "tsv": "csv",
    "eml": "eml",
    "pdf": "pdf",
    "docx": "docx",
    "pptx": "pptx",
    "xlsx": "xlsx", "xlsm": "xlsx",
    "odt": "odt", "ott": "odt",
    "ods": "ods", "ots": "ods",
    "odp": "odp", "otp": "odp",
    "rtf": "rtf",
    "epub": "epub",
    "msg": "msg",
    "json": "json",
    "jsonl": "jsonl", "ndjson": "jsonl",
    "xml": "xml",
    "ipynb": "ipynb",
    "zip": "zip",
    "tar": "tar", "tgz": "tar", "gz": "tar",
    **dict.fromkeys(
        (
            "py", "pyi", "js", "mjs", "cjs", "jsx", "ts", "tsx", "java", "c", "h", "cc", "cpp", "cxx", "hh", "hpp",
            "cs", "go", "rs", "rb", "php", "kt", "kts", "swift", "scala", "groovy", "pl", "pm", "lua", "r", "jl",
            "dart", "ex", "exs", "sh", "bash", "zsh", "ps1", "sql", "css", "scss", "less", "tf", "proto",
        ),
        "source",
    ),
}  # fmt: skip
"""Extension to kind."""
