"""Clinical layer: quantities and units, guidelines, lexicons, polarity; data as YAML with sources."""
