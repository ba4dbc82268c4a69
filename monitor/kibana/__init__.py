"""Kibana's views of a monitor: data views, searches and a dashboard, and their way into a Kibana."""

from monitor.kibana.bundle import bundle
from monitor.kibana.importer import Imported, import_bundle

__all__ = ["Imported", "bundle", "import_bundle"]
