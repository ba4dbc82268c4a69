"""The store in Elasticsearch: assembles the parts of the protocol."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.errors import StoreUnavailable
from monitor.plural import plural
from monitor.store.elasticsearch import client, migration, schema
from monitor.store.elasticsearch.client import translated_errors
from monitor.store.elasticsearch.dead_letters import DeadLetters
from monitor.store.elasticsearch.dump import Dump
from monitor.store.protocol import Capabilities

if TYPE_CHECKING:
    from monitor.config.schema import StoreSettings


CLOSE_REQUEST_TIMEOUT_SECONDS = 5.0  # for each request that `close` sends


class ElasticsearchStore(Dump, DeadLetters):
    """Implements `monitor.store.Store` on Elasticsearch 8 and 9, for any number of processes and machines."""

    @classmethod
    def open(cls, settings: StoreSettings, base: Path = Path()) -> ElasticsearchStore:
        """Returns the store that the settings name, without sending a request.

        A relative ``ca_file`` is resolved against ``base``.  Raises StoreRefused if the settings are invalid.
        """
        store = cls(client.create_client(settings, base), settings.prefix)
        store.displayed_hosts = client.displayed_hosts(settings)
        return store

    displayed_hosts: str = ""  # without user and password

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(dead_letters=self, templates=self, kibana=True)

    def setup(self) -> None:
        migration.set_up_indices(self)

    def require_exists(self) -> None:
        """Does nothing: only a request could tell whether the indices exist."""

    def put_templates(self) -> list[str]:
        """Writes all index templates again and returns their names; for `media-monitor setup`."""
        return migration.put_templates(self)

    def ping(self) -> str:
        """See `Store.ping`.  The privileges of a crawler's API key suffice."""
        versions = migration.stored_mapping_versions(self)
        missing = [kind for kind in schema.DOCUMENT_KINDS if kind not in versions]
        state = f"not set up: {', '.join(missing)} missing" if missing else "set up"
        if not missing and (rejected := self.count_dead_letters()):
            state += f", {plural(rejected, 'rejected document')} kept (media-monitor replay)"
        with translated_errors():
            health = self.client.cluster.health()
        nodes = plural(health["number_of_nodes"], "node")
        return (
            f"Elasticsearch cluster {health['cluster_name']!r} at {self.displayed_hosts}, {nodes}, {health['status']}, "
            f"prefix {self.prefix!r}, {state}"
        )

    def close(self) -> None:
        """Makes the last writes visible to the searches of all processes, and closes the connections."""
        if self._signature_cache:
            self._signature_cache.close(CLOSE_REQUEST_TIMEOUT_SECONDS)
        self.client = self.client.options(request_timeout=CLOSE_REQUEST_TIMEOUT_SECONDS)
        try:
            with suppress(StoreUnavailable):  # without this, the server makes the writes visible within a second
                self.refresh_all_after_writes()
        finally:
            self.client.close()
