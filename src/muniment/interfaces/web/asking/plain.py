"""An answer as text to copy: its sentences with `[n]`, and the sources that the numbers stand for."""

from __future__ import annotations

from muniment.interfaces.web.asking.views import AnswerView, Node, SourceCard
from muniment.interfaces.web.rendering import say


def plain_text(answer: AnswerView) -> str:
    """Return the text; it holds what the view holds and nothing else."""
    parts = [answer.question]
    if answer.result is not None:
        parts.append("\n".join(_lines(answer.result, "")))
    elif answer.claims:
        parts.append("\n".join(_claim(one.text, one.inferred, one.cited) for one in answer.claims))
    else:
        parts.append(answer.said)
    if answer.sources:
        parts.append("\n".join([say("copy.sources"), *map(_source, answer.sources)]))
    return "\n\n".join(parts) + "\n"


def _claim(text: str, inferred: str, cited: tuple[SourceCard, ...]) -> str:
    numbers = "".join(f"[{card.n}]" for card in cited)
    return " ".join(part for part in (text, inferred, numbers) if part)


def _source(card: SourceCard) -> str:
    quote = " ".join(card.quote.split())
    return say("copy.source", n=card.n, title=card.title, where=card.where, quote=quote)


def _lines(node: Node, name: str) -> list[str]:
    head = f"{name}: " if name else ""
    if node.kind == "value":
        return [head + _claim(node.text, node.inferred, node.cited)]
    lines = [head.rstrip()] if head else []
    held = list(node.pairs)
    held += [(f"{at}", one) for at, one in enumerate(node.items, 1)]
    for at, row in enumerate(node.rows, 1):
        cells = [(column.name, cell) for column, cell in zip(node.columns, row, strict=True)]
        held.append((f"{at}", Node("pairs", pairs=tuple(cells))))
    for one, below in held:
        lines += [f"  {line}" if head else line for line in _lines(below, one)]
    return lines
