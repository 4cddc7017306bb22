"""Metrics: Score, the registry, one family of rules per file, profiles and the composite."""
