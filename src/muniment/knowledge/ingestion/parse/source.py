"""Source code: kept as it stands; definitions at the top level are its headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from muniment.knowledge.formats import MEDIA_TYPES
from muniment.knowledge.ingestion.parse.decode import decode
from muniment.knowledge.ingestion.parse.normal import Composer
from muniment.knowledge.ingestion.parsed import Parsed

_LONGEST_LINE = 300
_NAME = r"([\w$.:~]*[\w$])"
_PYTHON = re.compile(rf"(?:async )?(?:def|class) {_NAME}")
_SCRIPT = re.compile(
    rf"(?:export )?(?:default )?(?:declare )?(?:abstract )?(?:async )?"
    rf"(?:function\*? |class |interface |enum |type |namespace )\s*{_NAME}|"
    rf"(?:export )?(?:const|let|var) {_NAME}\s*=\s*(?:async\b|function\b|\(|class\b)"
)
_TYPES = re.compile(
    rf"(?:(?:@\w+|public|private|protected|internal|static|final|abstract|sealed|partial|open|data|case|inline|"
    rf"override|pub(?:\([a-z]+\))?|async|unsafe|extern|const|implicit|lazy|default|fileprivate|suspend) )*"
    rf"(?:class|interface|enum|struct|record|trait|impl(?:<[^>]{{0,80}}>)?|object|protocol|extension|actor|module|"
    rf"namespace|fn|func(?: \([^)]{{0,80}}\))?|fun|def|sub|union|mod|macro_rules!|message|service|resource|type) "
    rf"\s*{_NAME}"
)
_CALLABLE = re.compile(
    rf"(?=[A-Za-z_])[\w \t*&<>,:\[\]]{{1,160}}?[ *&]{_NAME}\s?\([^;={{}}]{{0,200}}\)?[^;=]{{0,60}}"
)
_SHELL = re.compile(rf"(?:function )?{_NAME} ?\(\)|function {_NAME}")
_SQL = re.compile(
    r"create (?:or replace )?(?:temp(?:orary)? )?(?:unique )?(?:materialized )?"
    r"(?:table|view|function|procedure|trigger|index|type|schema) (?:if not exists )?([\w.\"`\[\]]+)",
    re.IGNORECASE,
)
_STYLE = re.compile(r"([^\s{}/;][^{};]{0,120}?)\s*\{")
_BY_ENDING = {
    **dict.fromkeys(("py", "pyi"), (_PYTHON,)),
    **dict.fromkeys(("js", "mjs", "cjs", "jsx", "ts", "tsx"), (_SCRIPT,)),
    **dict.fromkeys(("sh", "bash", "zsh"), (_SHELL,)),
    **dict.fromkeys(("css", "scss", "less"), (_STYLE,)),
    **dict.fromkeys(("c", "h", "cc", "cpp", "cxx", "hh", "hpp"), (_TYPES, _CALLABLE)),
    "sql": (_SQL,),
}
_OF_THE_REST = (_TYPES,)
_INDENTED = frozenset({"cs", "java", "rb", "php"})
"""Languages whose top-level definitions commonly stand inside a namespace or module."""


def read_source(name: str, content: bytes) -> Parsed:
    """Read source code as text. Raises ParseFailed where it holds none."""
    out = Composer()
    text = out.clean(decode(content, out)).strip("\n")
    path = PurePosixPath(name.replace("\\", "/"))
    start = out.block(text, keep_layout=True)
    if start is not None:
        for heading, at in _definitions(text, path.suffix[1:].lower()):
            out.mark_heading(1, heading, start + at)
    return out.parsed(path.name, MEDIA_TYPES["source"])


def _definitions(text: str, ending: str) -> Iterator[tuple[str, int]]:
    patterns = _BY_ENDING.get(ending, _OF_THE_REST)
    most = 4 if ending in _INDENTED else 0
    at = 0
    for line in text.split("\n"):
        bare = line.lstrip(" \t")
        if bare and len(bare) <= _LONGEST_LINE and len(line) - len(bare) <= most:
            found = next(filter(None, (pattern.match(bare) for pattern in patterns)), None)
            named = next(filter(None, found.groups()), "") if found else ""
            if named and named not in _NOT_NAMES:
                yield named, at
        at += len(line) + 1


_NOT_NAMES = frozenset({"if", "for", "while", "switch", "return", "else", "catch", "sizeof", "defined", "in"})
