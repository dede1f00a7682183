"""A browser that signs in through a provider: it follows links and keeps cookies."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from tests.simulators.web_client import Browser

from muniment.app import Workspace


class ProviderBrowser(Browser):
    """A browser without scripts, at our pages and at the provider's."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.asked: dict[str, str] = {}
        """What the provider was last asked."""

    def begin(self, name: str = "corp", again: bool = False) -> str:
        """Begin to sign in, or to sign in again; return the provider's address."""
        response = self.http.get("/signin", params={"issuer": name, **({"again": "1"} if again else {})})
        assert response.status_code == 303, response.text
        address = response.headers["location"]
        self.asked = {key: values[0] for key, values in parse_qs(urlsplit(address).query).items()}
        return address

    def at_provider(self, address: str) -> str:
        """Go to the provider; return where it sends the browser back to, without our host."""
        back = urlsplit(httpx2.get(address, follow_redirects=False, trust_env=False).headers["location"])
        return f"{back.path}?{back.query}"

    def come_back(self, address: str) -> Any:
        return self.http.get(address)

    def through(self, name: str = "corp", again: bool = False) -> Any:
        """Sign in from beginning to end; return our answer to the last step."""
        return self.come_back(self.at_provider(self.begin(name, again)))
