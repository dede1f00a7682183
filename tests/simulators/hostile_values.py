"""Values that try to be seen as something else, or to come to life on a page: one of each kind, by name."""

from __future__ import annotations

from collections.abc import Mapping

VALUES: Mapping[str, str] = {
    # Direction
    "bidi override": "pay \u202e00.02\u202c EUR",
    "bidi embedding": "\u202aalice\u202b@bank.example\u202c",
    "bidi isolate": "to \u2067dnas\u2069 bob",
    "unclosed isolate": "order \u2066A-1",
    "marks of direction": "A\u200e-\u200f1\u061c",
    "arabic words": "ادفع إلى بوب 20.00",
    "hebrew with digits": "חשבון 12-34-56",
    "arabic digits": "٢٠٫٠٠",
    # Nothing to see
    "zero width space": "pay\u200bpal.example",
    "zero width joiner": "ad\u200dmin",
    "zero width non-joiner": "ad\u200cmin",
    "word joiner": "ad\u2060min",
    "byte order mark": "\ufeffbob",
    "soft hyphen": "pass\u00adword",
    "tags": "bob" + "".join(chr(0xE0000 + ord(one)) for one in "approve"),
    "variation selectors": "A\ufe0f-\ufe011\U000e0100",
    "hangul filler": "\u3164",
    "braille blank": "a\u2800b",
    "mongolian separator": "a\u180eb",
    "invisible operators": "2\u20620\u20630",
    "grapheme joiner": "a\u034fb",
    "private use": "\ue000\U000f0000",
    "not a character": "\ufffe\U0001ffff",
    # Space
    "spaces at the ends": "  20.00  ",
    "many spaces": "pay" + " " * 60 + "bob",
    "no-break space": "20\u00a000",
    "widths of space": "a\u2002b\u2003c\u2009d\u3000e",
    "line separators": "one\u2028two\u2029three",
    "tabs": "a\tb\t\tc",
    "returns": "safe\rpay all",
    "line feeds": "\n\n\nlast",
    # Control
    "escape sequence": "\x1b[2K\x1b[1Aapproved",
    "backspaces": "20.00\b\b\b\b\b1.00",
    "bell and delete": "a\x07b\x7fc",
    "next line": "a\x85b",
    # Marks
    "stacked marks": "Z" + "\u0300\u0316\u0323\u0334" * 30,
    "struck out": "n\u0338o\u0336t",
    "enclosing marks": "n\u20ddo\u20e0",
    "marks alone": "\u0301\u0302",
    "decomposed": "Andre\u0301",
    # Letters of others
    "cyrillic word": "р\u0430ура\u04cf",
    "mixed word": "p\u0430ypal",
    "greek letters": "αpple ΡΑΥ",
    "full width": "ｂｏｂ＠ｂａｎｋ．ｅｘａｍｐｌｅ",
    "mathematical": "𝐛𝐨𝐛 𝟚𝟘",
    "dotless": "adm\u0131n",
    "look-alike domain": "ann@b\u0430nk.example",
    "punycode domain": "ann@xn--bnk-5cd.example",
    "full stop of another script": "bank。example",
    "slash of another kind": "https://bank.example\u2044evil.example",
    "user in an address": "https://bank.example@evil.example/",
    # Markup
    "script": "<script>document.title='owned'</script>",
    "image": "<img src=x onerror=alert(1)>",
    "svg": "<svg onload=alert(1)><animate onbegin=alert(2) attributeName=x></svg>",
    "closing tags": "</bdo></div></details></main></html><h1>Approved</h1>",
    "attribute": "\" autofocus onfocus=alert(1) x='",
    "entities": "&lt;b&gt;&#x202e;&amp;nbsp;",
    "comment": "<!-- --> <![CDATA[ ]]> <?xml ?>",
    "address that runs": "javascript:alert(1)",
    "data address": "data:text/html,<script>alert(1)</script>",
    "style": "<style>.field{display:none}</style><link rel=stylesheet href=//evil.example>",
    "form": "<form action=//evil.example><button>Approve</button></form>",
    "frame": "<iframe srcdoc='<script>alert(1)</script>'></iframe><object data=x></object>",
    "template": "{{ 7*7 }} {% raw %} ${7*7} #{7*7}",
    "markdown": "[Approve](javascript:alert(1)) ![x](//evil.example/p.png) **20.00** ~~5000~~ `x`",
    "its own sign": "[U+202E] \u21b5 [U+0041]",
    # Size
    "one long word": "0" * 399 + "1",
    "many lines": "\n".join(f"line {n}" for n in range(60)),
    "words of the page": "It was carried out. From a system of record: get_order. One approver",
}
"""Sixty and more; each is text that JSON can say, within what a field of a tool takes."""

DANGEROUS = tuple(name for name, one in VALUES.items() if "<" in one)
