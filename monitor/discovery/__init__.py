"""Turn the bytes of feeds, sitemaps and pages into candidates.  Pure functions: no network, no store."""
