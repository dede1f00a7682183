"""Which pages there are for whom: each stands under the action that policy must allow."""

from __future__ import annotations

from dataclasses import dataclass

from muniment.governance.policy.decision import (
    AUDIT,
    DIRECTORY,
    KEYS,
    POLICY,
    SETTINGS,
    WORKSPACE,
    Resource,
)

_SOURCES, _SUITES, _PROMPTS = Resource("Source", ""), Resource("Suite", ""), Resource("Prompt", "")
_RELEASES = Resource("Release", "", {"requester": ""})


@dataclass(frozen=True, slots=True)
class Opening:
    """A page that policy opens."""

    key: str
    """`area.page`; its name is the sentence `nav.area_page`."""
    href: str
    action: str
    resource: Resource
    also: tuple[tuple[str, Resource], ...] = ()
    """Other actions, each of which opens it as well."""

    @property
    def asked(self) -> tuple[tuple[str, Resource], ...]:
        """Return the actions of which one must be allowed."""
        return ((self.action, self.resource), *self.also)

    @property
    def area(self) -> str:
        """Return the part of the product that it belongs to."""
        return self.key.partition(".")[0]


OPENINGS = (
    Opening("audit.entries", "/audit", "read_audit", AUDIT),
    Opening("audit.proof", "/audit/proof", "read_audit", AUDIT),
    Opening("quality.overview", "/quality", "read_suite", _SUITES),
    Opening("quality.suites", "/quality/suites", "read_suite", _SUITES),
    Opening("quality.runs", "/quality/runs", "read_suite", _SUITES),
    Opening("quality.ladder", "/quality/ladder", "read_suite", _SUITES),
    Opening("quality.releases", "/quality/releases", "read_prompt", _PROMPTS),
    Opening("quality.waivers", "/quality/waivers", "waive_release", _RELEASES),
    Opening("quality.review", "/quality/review", "review_answers", WORKSPACE),
    Opening("quality.live", "/quality/live", "read_suite", _SUITES),
    Opening("administration.health", "/administration", "read_settings", SETTINGS),
    Opening("administration.sources", "/administration/sources", "read_source", _SOURCES),
    Opening("administration.quarantine", "/administration/quarantine", "review_quarantine", _SOURCES),
    Opening("administration.directory", "/administration/directory", "read_directory", DIRECTORY),
    Opening("administration.access", "/administration/access", "read_directory", DIRECTORY),
    Opening("administration.policy", "/administration/policy", "read_policy", POLICY),
    Opening("administration.models", "/administration/models", "read_settings", SETTINGS),
    Opening("administration.prompts", "/administration/prompts", "read_prompt", _PROMPTS),
    Opening("administration.tools", "/administration/tools", "read_settings", SETTINGS),
    Opening("administration.keys", "/administration/keys", "read_keys", KEYS),
    Opening("administration.network", "/administration/network", "read_settings", SETTINGS),
    Opening("administration.limits", "/administration/limits", "read_settings", SETTINGS),
    Opening(
        "administration.incidents",
        "/administration/incidents",
        "manage_incident",
        WORKSPACE,
        also=(("read_audit", AUDIT),),
    ),
)
"""In the order in which they are listed."""

_BY_KEY = {one.key: one for one in OPENINGS}


def opening(key: str) -> Opening:
    """Return a page by its key; raises KeyError."""
    return _BY_KEY[key]
