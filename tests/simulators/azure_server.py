"""A working stand-in for Azure OpenAI: OpenAI's format at a deployment's address, with the key in its own header."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from tests.simulators.openai_server import OpenAI

DEPLOYMENT = "house model/4"
VERSION = "2024-10-21"
KEY = "azure-key-0123456789"


class Azure(OpenAI):
    """`POST /openai/deployments/{deployment}/chat/completions?api-version=`"""

    base = ""

    def refused(self, body: bytes) -> int:
        address = urlsplit(self.path)
        if address.path != "/openai/deployments/house%20model%2F4/chat/completions":
            return 404
        if parse_qs(address.query) != {"api-version": [VERSION]}:
            return 400
        by_key = self.headers["api-key"] == KEY and self.headers["authorization"] is None
        by_token = self.headers["authorization"] == f"Bearer {KEY}" and self.headers["api-key"] is None
        return 0 if by_key or by_token else 401
