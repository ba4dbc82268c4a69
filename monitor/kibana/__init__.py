"""Builds data views, saved searches and a dashboard for Kibana, and imports them into a Kibana server."""

from monitor.kibana.bundle import bundle_ndjson
from monitor.kibana.importer import ImportResult, import_bundle

__all__ = ["ImportResult", "bundle_ndjson", "import_bundle"]
