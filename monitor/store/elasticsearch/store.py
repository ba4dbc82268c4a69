"""The store in an Elasticsearch cluster: all parts under one prefix."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.errors import StoreUnavailable
from monitor.plural import plural
from monitor.store.elasticsearch import client, migration, schema
from monitor.store.elasticsearch.client import explained
from monitor.store.elasticsearch.dead_letters import DeadLetters
from monitor.store.elasticsearch.dump import Dump
from monitor.store.protocol import Capabilities

if TYPE_CHECKING:
    from monitor.config.schema import StoreSettings


CLOSE_TIMEOUT_SECONDS = 5.0  # seconds that a server may take to answer when the store is closed


class ElasticsearchStore(Dump, DeadLetters):
    """`monitor.store.Store` on Elasticsearch 8 and 9, for many processes on many machines."""

    @classmethod
    def open(cls, settings: StoreSettings, base: Path = Path()) -> ElasticsearchStore:
        """A store that has not asked anything yet.  Raises StoreRefused where the settings make no connection."""
        store = cls(client.connect(settings, base), settings.prefix)
        store.where = client.addresses(settings)
        return store

    where: str = ""  # the hosts, as they may be shown

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(dead_letters=self, templates=self, kibana=True)

    def setup(self) -> None:
        migration.setup(self)

    def require_exists(self) -> None:
        """See `Store.expect`: a cluster is there, and `setup` makes what it lacks."""

    def put_templates(self) -> list[str]:
        """Writes the index templates anew, for `media-monitor setup`, and returns their names."""
        return migration.put_templates(self)

    def ping(self) -> str:
        """See `Store.ping`; asks only what a crawler's key may ask."""
        versions = migration.versions(self)
        missing = [kind for kind in schema.KINDS if kind not in versions]
        state = f"not set up: {', '.join(missing)} missing" if missing else "set up"
        if not missing and (rejected := self.rejections()):
            state += f", {plural(rejected, 'rejected document')} set aside (media-monitor replay)"
        with explained():
            health = self.client.cluster.health()
        nodes = plural(health["number_of_nodes"], "node")
        return (
            f"Elasticsearch cluster {health['cluster_name']!r} at {self.where}, {nodes}, {health['status']}, "
            f"prefix {self.prefix!r}, {state}"
        )

    def close(self) -> None:
        """Shows everybody what was written last, and closes the connections."""
        if self._mirror:
            self._mirror.close(CLOSE_TIMEOUT_SECONDS)
        self.client = self.client.options(request_timeout=CLOSE_TIMEOUT_SECONDS)
        try:
            with suppress(StoreUnavailable):  # what was written shows by itself a second later
                self.refresh_all()
        finally:
            self.client.close()
