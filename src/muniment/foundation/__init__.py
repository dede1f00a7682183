"""Mechanisms that know no user, document or model."""
