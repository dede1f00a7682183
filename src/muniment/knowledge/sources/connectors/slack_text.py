"""Messages of Slack as Markdown.

Left out is what Slack shows only to those who may see what is behind it: what a link unfolds to, messages shared from
elsewhere, and names of channels that are mentioned.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from muniment.knowledge.sources.connectors.slack_days import seconds_of
from muniment.knowledge.sources.http_api import Object, objects_in, stated_in, text_in

_MARK = re.compile(r"<([^<>]*)>")
_UNFOLDED = ("from_url", "is_msg_unfurl", "is_share", "is_app_unfurl", "channel_id", "original_url")


def written(message: Object, names: Mapping[str, str], indent: str = "") -> str:
    """Return a message as a paragraph; `names` are those of accounts by id."""
    at = datetime.fromtimestamp(seconds_of(stated_in(message, "ts")), UTC).strftime("%H:%M")
    who = names.get(text_in(message, "user")) or text_in(message, "username") or "somebody"
    parts = [_plain(text_in(message, "text"), names)]
    for one in objects_in(message, "attachments") if message.get("attachments") else []:
        if not any(one.get(mark) for mark in _UNFOLDED):
            parts.append(_plain(text_in(one, "text") or text_in(one, "fallback"), names))
    for one in objects_in(message, "files") if message.get("files") else []:
        parts.append(f"[file: {text_in(one, 'title') or text_in(one, 'name')}]")
    text = "\n".join(one for one in parts if one).replace("\n", f"\n{indent}")
    return f"{indent}**{who}** {at}: {text}\n"


def _plain(text: str, names: Mapping[str, str]) -> str:
    return html.unescape(_MARK.sub(lambda found: _mark(found[1], names), text))


def _mark(inner: str, names: Mapping[str, str]) -> str:
    to, _, label = inner.partition("|")
    if to.startswith("@"):
        return f"@{names.get(to[1:], 'somebody')}"
    if to.startswith("#"):
        return "#channel"
    if to.startswith("!"):
        return label or f"@{to[1:].partition('^')[0]}"
    return f"{label} ({to})" if label else to
