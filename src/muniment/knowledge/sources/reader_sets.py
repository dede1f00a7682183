"""Scopes for sources that carry no lists of their own: a scope is what is stated, the same for the same readers."""

from __future__ import annotations

import hashlib
import json

from muniment.knowledge.sources.connector import Stated


def scope_of(stated: Stated) -> str:
    """Return the scope of what is stated: equal for equal readers."""
    said = [[sorted(clause) for clause in stated.clauses], sorted(stated.deny), stated.sensitivity]
    return hashlib.sha256(json.dumps(said).encode("ascii")).hexdigest()[:32]
