"""The files of these pages' routes."""

from __future__ import annotations

from muniment.interfaces.web.quality import (
    downloads,
    ladder,
    live,
    overview,
    promotions,
    releases,
    review,
    runs,
    samples,
    suites,
    waivers,
)

ROOMS = (overview, suites, runs, downloads, ladder, releases, promotions, waivers, samples, review, live)
