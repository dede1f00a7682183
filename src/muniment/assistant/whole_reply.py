"""All that a model says to one request, as text."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from muniment.governance.audit.entry import Actor
from muniment.governance.policy.rules import Standing
from muniment.inference.catalog import Endpoint
from muniment.inference.messages import Request, TextDelta, Usage

if TYPE_CHECKING:
    from muniment.inference.gateway import Gateway


@dataclass(frozen=True, slots=True)
class Reply:
    """What was said, what it used, and which endpoint said it."""

    text: str
    usage: Usage
    endpoint: Endpoint


def whole_reply(
    gateway: Gateway, standing: Standing, by: Actor, endpoint: Endpoint, request: Request, longest: int
) -> Reply:
    """Return a reply, stopped soon after it is longer than `longest` characters; raises as `Gateway.complete`."""
    text, usage = "", Usage()
    with closing(gateway.complete(standing, by, endpoint, request)) as call:
        for chunk in call:
            if isinstance(chunk, TextDelta):
                text += chunk.text
            elif isinstance(chunk, Usage):
                usage = usage.plus(chunk)
            if len(text) > longest:
                break
        return Reply(text, usage, call.endpoint)
