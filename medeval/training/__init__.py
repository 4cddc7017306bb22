"""Training: presets, data, curriculum, workers; runs live in job folders that any process can read."""
