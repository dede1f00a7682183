"""What a server counts, traces and logs, as Prometheus, a collector and whoever reads the log get it."""

from __future__ import annotations
