"""What of an answer is shown to a reader who may read its evidence: sensitive values masked, or a claim left out.

The reader may open the documents themselves: this keeps values out of answers, which are stored, copied and read
aloud; it decides nothing about access.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from muniment.assistant.gate import Evidence, Verified
from muniment.assistant.values import Claim, Nearest
from muniment.governance.privacy.handling import Handling
from muniment.governance.privacy.kinds import Finding
from muniment.governance.privacy.known import Known
from muniment.governance.privacy.masking import masked
from muniment.governance.privacy.names import Names
from muniment.inference.redaction import LeftOut
from muniment.knowledge.passage import Passage

MASKED = "Sensitive values are masked here; whoever needs them opens the source."

_VALUES = "because of sensitive values"
_UNLABELLED = "because nobody has labelled the names in it"
_LABEL = "; the operator runs `muniment sensitive label`."


class Shown:
    """One answer on its way to its reader."""

    def __init__(
        self, handling: Handling, passages: Sequence[Passage], names: Sequence[Names | None] = ()
    ) -> None:
        """`names` are those of each passage, where something is done about names."""
        self._blocked = handling.kinds("block")
        kinds = handling.kinds("redact", "block")
        self._known = Known(kinds) if kinds else None
        labelled = dict(zip([passage.chunk for passage in passages], names, strict=False))
        self._unlabelled = frozenset(
            passage.chunk
            for passage in passages
            if handling.handles_names and labelled.get(passage.chunk) is None
        )
        self._untitled = {one.document for one in passages if one.chunk in self._unlabelled}
        if self._known is not None:
            for passage in passages:
                self._label(self._known, passage, labelled.get(passage.chunk))
            titles = [passage.title for passage in passages] if handling.handles_names else []
            self._known.learn(*titles, *(passage.text for passage in passages))
        self._inside_of = {passage.chunk: tuple(self._find(passage.text)) for passage in passages}
        self.masked = 0
        """Claims in which something was masked."""
        self.dropped = 0
        """Claims that were left out."""
        self.unlabelled = 0
        """Of those, the ones that quote a passage whose names nobody has labelled."""

    def admits(self, verified: Verified) -> bool:
        """Return whether a claim may be shown; counts it where not."""
        if any(evidence.passage.chunk in self._unlabelled for evidence in verified.evidence):
            self.dropped += 1
            self.unlabelled += 1
            return False
        found = [one for text in self._texts(verified) for one in self._find(text)]
        found += [one for evidence in verified.evidence for one in self._inside(evidence)]
        if any(one.kind in self._blocked for one in found):
            self.dropped += 1
            return False
        return True

    def text(self, text: str) -> str:
        """Return a text as it is shown."""
        return masked(text, self._find(text))

    def claim(self, claim: Claim, evidence: Sequence[Evidence]) -> Claim:
        """Return a claim as it is shown; `evidence` is that of its citations, one for one."""
        citations = tuple(
            replace(citation, quote=masked(citation.quote, found), title=self.text(citation.title))
            for citation, one in zip(claim.citations, evidence, strict=True)
            for found in [self._inside(one)]
        )
        made = Claim(self.text(claim.text), citations, claim.inferred)
        self.masked += made != claim
        return made

    def nearest(self, found: Sequence[Nearest]) -> tuple[Nearest, ...]:
        """Return documents with their titles as they are shown; of those with names, only what is labelled."""
        return tuple(
            replace(one, title=self.text(one.title)) for one in found if one.document not in self._untitled
        )

    def notes(self, left_out: LeftOut) -> tuple[str, ...]:
        """Return what the reader is told; `left_out` are the passages that the model did not get."""
        told = (
            (f"Left out {_VALUES}", self.dropped - self.unlabelled, "statement", "."),
            (f"Left out {_UNLABELLED}", self.unlabelled, "statement", _LABEL),
            (f"Not given to this model {_VALUES}", len(left_out.blocked), "passage", "."),
            (f"Not given to this model {_UNLABELLED}", len(left_out.unlabelled), "passage", _LABEL),
        )
        said = [f"{what}: {_number(count, of)}{after}" for what, count, of, after in told if count]
        return (MASKED, *said) if self.masked else tuple(said)

    def _find(self, text: str) -> Iterable[Finding]:
        return self._known.find(text) if self._known else ()

    @staticmethod
    def _label(known: Known, passage: Passage, names: Names | None) -> None:
        if names is not None:
            known.label(passage.title, names.title)
            known.label(passage.text, names.text)

    def _texts(self, verified: Verified) -> list[str]:
        return [verified.text, *(evidence.passage.title for evidence in verified.evidence)]

    def _inside(self, evidence: Evidence) -> list[Finding]:
        """Return the values of a quote as the whole passage shows them: a quote may begin after `password:`."""
        first = evidence.span[0] - evidence.passage.span[0]
        last = evidence.span[1] - evidence.passage.span[0]
        return [
            replace(one, start=max(one.start, first) - first, end=min(one.end, last) - first)
            for one in self._inside_of.get(evidence.passage.chunk, ())
            if one.start < last and first < one.end
        ]


def _number(count: int, of: str) -> str:
    return f"{count} {of}{'' if count == 1 else 's'}"
