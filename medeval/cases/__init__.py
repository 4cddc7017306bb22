"""Cases: schema, loading, suites, and the intake of images."""
