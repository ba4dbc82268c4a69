"""Outgoing connections: address guard, name resolution, certificates.  Crawling and rendering build on it."""
