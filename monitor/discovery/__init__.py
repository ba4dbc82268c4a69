"""Parses feeds, sitemaps and section pages into candidates.  Pure functions without network or store access."""
