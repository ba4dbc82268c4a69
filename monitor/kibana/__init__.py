"""Data views, searches and a dashboard for Kibana, and their import."""

from monitor.kibana.bundle import bundle
from monitor.kibana.importer import ImportResult, import_bundle

__all__ = ["ImportResult", "bundle", "import_bundle"]
