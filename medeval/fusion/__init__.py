"""Fusing: a variant written into its base as one complete model, proven to answer alike, and deployed."""
