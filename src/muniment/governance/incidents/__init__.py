"""Incidents: what looks wrong, what was frozen for it, and the evidence of it for people outside."""
