"""The numbered schema changes."""
