"""What an MCP server says of a tool that it offers, and its digest: what a manifest was written for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from muniment.foundation.canonical import digest


@dataclass(frozen=True)
class Definition:
    """One tool as its server defines it."""

    server: str
    """Name of the server in the settings."""
    name: str
    description: str
    """Anybody's words, as all that a server says of itself."""
    input_schema: Mapping[str, object]
    output_schema: Mapping[str, object] | None = None
    annotations: Mapping[str, object] = field(default_factory=dict[str, object])
    """Hints of the server, which nothing here relies on."""

    @cached_property
    def digest(self) -> str:
        """`sha256:` and the digest of all but the server's name; raises BadInput for what JSON cannot say exactly."""
        return digest(
            {
                "name": self.name,
                "description": self.description,
                "inputSchema": self.input_schema,
                "outputSchema": self.output_schema,
                "annotations": self.annotations,
            }
        )
