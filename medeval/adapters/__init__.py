"""Adapters: catalogue, dialects and conversion, the gate, and the Variant built from them."""
