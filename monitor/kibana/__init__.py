"""Data views, searches and a dashboard for Kibana, and their import."""

from monitor.kibana.bundle import bundle_ndjson
from monitor.kibana.importer import ImportResult, import_bundle

__all__ = ["ImportResult", "bundle_ndjson", "import_bundle"]
