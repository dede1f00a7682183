"""What reviewers may say of an answer, and what it comes to. Types only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

Verdict = Literal["right", "partly", "wrong", "should-have-abstained", "fine-abstention"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
Quality = Literal["right", "partly", "wrong"]
QUALITIES: tuple[Quality, ...] = get_args(Quality)
COMES_TO: Mapping[str, Quality] = {
    "right": "right",
    "fine-abstention": "right",
    "partly": "partly",
    "wrong": "wrong",
    "should-have-abstained": "wrong",
}
FITTING: Mapping[str, tuple[Verdict, ...]] = {
    "answered": ("right", "partly", "wrong", "should-have-abstained"),
    "abstained": ("fine-abstention", "wrong"),
}
"""By the status of an answer: of an abstention, `wrong` says that there was something to answer."""
NO_ANSWER: frozenset[str] = frozenset({"should-have-abstained", "fine-abstention"})
"""Verdicts by which none would have been right."""
