"""From the bytes of feeds, sitemaps and pages to candidates: pure functions, no network, no store."""
