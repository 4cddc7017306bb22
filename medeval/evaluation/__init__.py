"""Evaluation: the only loop over cases and variants, statistics, and reports."""
