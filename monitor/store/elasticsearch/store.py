"""The store in Elasticsearch, composed of an object for each role."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.errors import StoreUnavailable
from monitor.models import now, rfc3339
from monitor.plural import plural
from monitor.store.composed import ComposedStore
from monitor.store.elasticsearch import client, health, indices, migration, schema
from monitor.store.elasticsearch.client import translated_errors
from monitor.store.elasticsearch.cluster import Cluster
from monitor.store.elasticsearch.dead_letters import DeadLetters
from monitor.store.elasticsearch.dump import Dump
from monitor.store.elasticsearch.frontier import Frontier
from monitor.store.elasticsearch.leases import Leases
from monitor.store.elasticsearch.marks import Marks, SavedSearches
from monitor.store.elasticsearch.outbox import Outbox
from monitor.store.elasticsearch.retention import Retention
from monitor.store.elasticsearch.settings import Settings
from monitor.store.elasticsearch.stories import Stories
from monitor.store.protocol import Capabilities

if TYPE_CHECKING:
    from monitor.config.schema import StoreSettings


WRITE_CHECK_KEY = "check/write"  # setting that `write_faults` writes and deletes
CLOSE_REQUEST_TIMEOUT_SECONDS = 5.0  # for each request that `close` sends


class ElasticsearchStore(ComposedStore):
    """Implements `monitor.store.Store` on Elasticsearch 8 and 9, for any number of processes and machines.

    ``displayed_hosts`` are the hosts without user and password.
    """

    def __init__(self, cluster: Cluster, *, displayed_hosts: str) -> None:
        self.cluster = cluster
        self.displayed_hosts = displayed_hosts
        self._stories = stories = Stories(cluster)
        leases, settings = Leases(cluster), Settings(cluster)
        outbox, saved_searches = Outbox(cluster, settings), SavedSearches(cluster)
        super().__init__(
            frontier=Frontier(cluster),
            stories=stories,
            search=stories,
            leases=leases,
            outbox=outbox,
            settings=settings,
            marks=Marks(cluster),
            saved_searches=saved_searches,
            retention=Retention(cluster),
            dump=Dump(
                cluster,
                stories=stories,
                leases=leases,
                outbox=outbox,
                settings=settings,
                saved_searches=saved_searches,
            ),
        )
        self.dead_letters = DeadLetters(cluster)

    @classmethod
    def open(cls, settings: StoreSettings, base: Path = Path()) -> ElasticsearchStore:
        """Returns the store that the settings name, without sending a request.

        A relative ``ca_file`` is resolved against ``base``.  Raises StoreRefused if the settings are invalid.
        """
        cluster = Cluster(client.create_client(settings, base), settings)
        return cls(cluster, displayed_hosts=client.displayed_hosts(settings))

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(dead_letters=self.dead_letters, templates=self, kibana=True)

    def setup(self) -> None:
        migration.set_up_indices(self.cluster)

    def require_exists(self) -> None:
        """Does nothing: only a request could tell whether the indices exist."""

    def put_templates(self) -> list[str]:
        """Writes all index templates again and returns their names; for `media-monitor setup`."""
        return indices.put_templates(self.cluster)

    def take_back_migrations(self) -> list[str]:
        """Undoes migrations that are not complete; returns the names of the indices in use again.

        Processes of the version before can then go on, those of this one must not run.
        """
        return migration.take_back_migrations(self.cluster)

    def ping(self) -> str:
        """See `Store.ping`.  The privileges of a crawler's API key suffice."""
        versions = indices.stored_mapping_versions(self.cluster)
        missing = [kind for kind in schema.DOCUMENT_KINDS if kind not in versions]
        state = f"not set up: {', '.join(missing)} missing" if missing else "set up"
        if not missing and (rejected := self.dead_letters.count_dead_letters()):
            state += f", {plural(rejected, 'rejected document')} kept (media-monitor replay)"
        with translated_errors():
            state_of_cluster = self.cluster.client.cluster.health()
        nodes, status = plural(state_of_cluster["number_of_nodes"], "node"), state_of_cluster["status"]
        return (
            f"Elasticsearch cluster {state_of_cluster['cluster_name']!r} at {self.displayed_hosts}, {nodes}, {status}, "
            f"prefix {self.cluster.prefix!r}, {state}"
        )

    def write_faults(self) -> list[str]:
        """See `Store.write_faults`.  Without the privilege to read templates, does not check them."""
        faults = health.index_faults(self.cluster)
        if not faults:
            self.put_setting(WRITE_CHECK_KEY, {"at": rfc3339(now())})
            self.put_setting(WRITE_CHECK_KEY, None)
        return faults

    def close(self) -> None:
        """Makes the last writes visible to the searches of all processes, and closes the connections."""
        self._stories.close(CLOSE_REQUEST_TIMEOUT_SECONDS)
        self.cluster.client = self.cluster.client.options(request_timeout=CLOSE_REQUEST_TIMEOUT_SECONDS)
        try:
            with suppress(StoreUnavailable):  # without this, the server makes the writes visible within a second
                self.cluster.refresh_all_after_writes()
        finally:
            self.cluster.client.close()
