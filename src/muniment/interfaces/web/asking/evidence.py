"""Citations as cards: each quote inside its passage, read anew for the person at this moment, and in the log."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from muniment.assistant.found_by import FoundBy, found_by
from muniment.assistant.values import Citation, Claim
from muniment.governance.audit.entry import Actor, Json
from muniment.governance.identity.principal import EVERYONE, Principal
from muniment.governance.privacy.handling import Handling
from muniment.governance.privacy.kinds import Finding
from muniment.governance.privacy.known import Known
from muniment.governance.privacy.masking import blotted
from muniment.interfaces.web.asking.views import ClaimView, SourceCard
from muniment.interfaces.web.rendering import say
from muniment.interfaces.web.wording import capitalised, day, minute, unit_at, units_of
from muniment.knowledge.reading import DocumentRead

if TYPE_CHECKING:
    from muniment.knowledge.provenance import Provenance, Provenances
    from muniment.knowledge.reading import Reading

AROUND = 280
"""Characters of the passage shown on each side of a quote."""


class Evidence:
    """Makes the cards of one answer for one reader; a document is read once per answer."""

    def __init__(
        self,
        reading: Reading,
        provenances: Provenances,
        principal: Principal,
        actor: Actor,
        shown: Handling,
        not_names: Collection[str] = (),
    ) -> None:
        """`shown` is what answers do with sensitive values, `not_names` what is labelled as a name and is none."""
        self._shown = shown
        self._not_names = not_names
        self._reading = reading
        self._provenances = provenances
        self._principal = principal
        self._actor = actor
        self._read: dict[tuple[str, int], DocumentRead] = {}
        self._come_from: dict[str, Provenance] = {}

    def card(self, citation: Citation) -> SourceCard:
        """Return a citation's card; raises NotFound when the reader may no longer read it."""
        key = (citation.document, citation.version)
        if key not in self._read:
            self._read[key] = self._reading.read(self._principal, *key, self._actor)
        read = self._read[key]
        if citation.document not in self._come_from:
            made = self._provenances.of(self._principal, citation.document, self._actor)
            self._come_from[citation.document] = made
        card = _card(citation, read, self._covered(read, *citation.span))
        return _with_provenance(card, citation, self._come_from[citation.document])

    def why(self, citation: Citation, lineage: Mapping[str, Json], question: str) -> str:
        """Return why the search found a citation of which a card was made; empty where that was not recorded."""
        version = self._read[(citation.document, citation.version)].version
        found = found_by(lineage, question, citation, version.text, version.title)
        return "" if found is None else _why(found)

    def _covered(self, read: DocumentRead, start: int, end: int) -> str | None:
        """Return the text with what an answer does not show covered near the quote, at the same places.

        None where names are not shown and nobody has labelled those around the quote.
        """
        text, kinds = read.version.text, self._shown.kinds("redact", "block")
        first, last = max(0, start - 2 * AROUND), min(len(text), end + 2 * AROUND)
        near, known = text[first:last], Known(kinds)
        if self._shown.handles_names:
            names = self._reading.names(read, first, last, self._not_names)
            if names is None:
                return None
            known.label(
                near, [_clipped(one, first, last) for one in names if one.start < last and first < one.end]
            )
        return text[:first] + blotted(near, known.find(near)) + text[last:]

    def claim(self, claim: Claim) -> ClaimView:
        """Return a claim with its cards."""
        cited = {citation.n: citation for citation in claim.citations}
        quoted = any(claim.text.strip() == c.quote.strip() for c in claim.citations)
        inferred = say("answer.inferred") if claim.inferred else ""
        return ClaimView(claim.text, quoted, tuple(self.card(c) for c in cited.values()), inferred)


def address(citation: Citation) -> str:
    """Return where a citation's words are shown in their document."""
    start, end = citation.span
    return f"/documents/{citation.document}?version={citation.version}&at={start}-{end}#quote"


def distinct(claims: Iterable[ClaimView]) -> tuple[SourceCard, ...]:
    """Return each card once, by number."""
    return tuple(sorted({card.n: card for claim in claims for card in claim.cited}.values(), key=_number))


def _number(card: SourceCard) -> int:
    return int(card.n)


def _clipped(name: Finding, first: int, last: int) -> Finding:
    return replace(name, start=max(name.start, first) - first, end=min(name.end, last) - first)


def _card(citation: Citation, read: DocumentRead, text: str | None) -> SourceCard:
    """Return the card; `text` is that around the quote, as it is shown, or None where nothing of it is."""
    start, end = citation.span
    unit = unit_at(units_of(read.version), start)
    place = unit.named("place") if unit else ""
    version = citation.version
    where = say("answer.place", place=place, version=version) if place else ""
    where = capitalised(where) or say("answer.placeless", version=version)
    lower, upper = (unit.start, unit.end) if unit else (0, len(read.version.text))
    return SourceCard(
        n=citation.n,
        label=say("answer.source", n=citation.n, title=citation.title),
        title=citation.title,
        where=say("answer.dated", where=where, date=day(read.version.modified_at)),
        path=read.document.path,
        before=_before(text, lower, start) if text is not None else "",
        quote=citation.quote,
        after=_after(text, end, max(upper, end)) if text is not None else "",
        href=address(citation),
        open=say("answer.open_at", place=place) if place else say("answer.open"),
    )


def _with_provenance(card: SourceCard, citation: Citation, made: Provenance) -> SourceCard:
    older = made.version > citation.version
    return replace(
        card,
        newer=say("answer.newer", version=made.version) if older else "",
        fresh=" ".join((_synced(made), "" if older else say("answer.current"))).strip(),
        through=_through(made.through),
        listed=" ".join((_listed(made), _raised(made))).strip(),
    )


def _synced(made: Provenance) -> str:
    if made.synced_at is None:
        return say("answer.never_synced", source=made.source)
    return say("answer.synced", source=made.source, at=minute(made.synced_at))


def _through(entries: Iterable[str]) -> str:
    """Return in words by which entries a reader reads it, the nearest first."""
    held = tuple(entries)
    named = [one for one in held if one.partition(":")[0] != "group"]
    groups = [one.partition(":")[2] for one in held if one.partition(":")[0] == "group" and one != EVERYONE]
    said = [say("answer.by_name")] if named else []
    said += [say("answer.by_group", group=", ".join(groups))] if groups else []
    said += [say("answer.by_everyone")] if EVERYONE in held else []
    return " ".join(said)


def _listed(made: Provenance) -> str:
    if made.access is None:
        return ""
    access = made.access
    parts = [say("answer.list_allow", entries=", ".join(sorted(access.allow)))]
    parts += [say("answer.list_deny", entries=", ".join(sorted(access.deny)))] if access.deny else []
    parts += [say("answer.list_label", label=access.sensitivity)] if access.sensitivity else []
    return " ".join(parts)


def _raised(made: Provenance) -> str:
    if not made.raised_by:
        return ""
    label = made.sensitivity or say("answer.no_label")
    return say("answer.raised", label=label, why="; ".join(one.said() for one in made.raised_by))


_BY = {"lexical": "answer.why_lexical", "dense": "answer.why_dense", "hybrid": "answer.why_hybrid"}


def _why(found: FoundBy) -> str:
    ranked = say(_BY.get(found.legs, "answer.why_ranked"), rank=found.rank, of=found.of)
    words = say("answer.why_words", words=", ".join(found.words)) if found.words else say("answer.why_none")
    return f"{ranked} {words}"


def _before(text: str, lower: int, start: int) -> str:
    """Return what stands before the quote, from the start of a paragraph, a sentence or at least a word on."""
    first = max(lower, start - AROUND)
    if first == lower:
        return text[first:start].lstrip()
    for stop in ("\n\n", ". "):
        found = text.find(stop, first, start)
        if found >= 0:
            return "… " + text[found + len(stop) : start].lstrip()
    space = text.find(" ", first, start)
    return "… " + text[(space + 1 if space >= 0 else start) : start]


def _after(text: str, end: int, upper: int) -> str:
    last = min(upper, end + AROUND)
    if last == upper:
        return text[end:last].rstrip()
    for stop in ("\n\n", ". "):
        found = text.rfind(stop, end, last)
        if found >= 0:
            return text[end : found + 1].rstrip() + " …"
    space = text.rfind(" ", end, last)
    return text[end : (space if space >= 0 else end)].rstrip() + " …"
