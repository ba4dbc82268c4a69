"""The common form of the stores: one object for each role, and a store with the methods of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monitor.store.protocol import (
        Dump,
        Frontier,
        Leases,
        Marks,
        Outbox,
        Retention,
        SavedSearches,
        Search,
        Settings,
        Stories,
    )


class ComposedStore:
    """Gives a store the methods of its roles.

    A subclass adds `monitor.store.protocol.Lifecycle` and ``capabilities``, which complete `monitor.store.Store`.
    """

    def __init__(  # noqa: PLR0915  one statement for each method
        self,
        *,
        frontier: Frontier,
        stories: Stories,
        search: Search,
        leases: Leases,
        outbox: Outbox,
        settings: Settings,
        marks: Marks,
        saved_searches: SavedSearches,
        retention: Retention,
        dump: Dump,
    ) -> None:
        self.enqueue = frontier.enqueue
        self.due_entries = frontier.due_entries
        self.next_fetch_at = frontier.next_fetch_at
        self.record_dropped = frontier.record_dropped
        self.entries = frontier.entries
        self.recent_entries = frontier.recent_entries
        self.coverage = frontier.coverage
        self.source_coverage = frontier.source_coverage
        self.entries_with_guid = frontier.entries_with_guid

        self.commit = stories.commit
        self.stories = stories.stories
        self.history = stories.history
        self.near_duplicates = stories.near_duplicates
        self.cluster_members = stories.cluster_members
        self.hits = stories.hits

        self.search = search.search
        self.scan = search.scan
        self.facets = search.facets
        self.daily_counts = search.daily_counts
        self.first_seen_at = search.first_seen_at

        self.lease = leases.lease
        self.add_outlets = leases.add_outlets
        self.lease_due = leases.lease_due
        self.renew = leases.renew
        self.release = leases.release
        self.release_all = leases.release_all
        self.make_due = leases.make_due
        self.outlets = leases.outlets

        self.claim = outbox.claim
        self.count_due = outbox.count_due
        self.release_claims = outbox.release_claims
        self.assign_message_ids = outbox.assign_message_ids
        self.mark_sent = outbox.mark_sent
        self.postpone = outbox.postpone
        self.outbox = outbox.outbox
        self.story_notifications = outbox.story_notifications
        self.snooze = outbox.snooze
        self.snoozes = outbox.snoozes

        self.put_setting = settings.put_setting
        self.compare_and_set = settings.compare_and_set
        self.setting = settings.setting
        self.settings = settings.settings

        self.put_marks = marks.put_marks
        self.delete_mark = marks.delete_mark
        self.marks = marks.marks
        self.marked_stories = marks.marked_stories
        self.tag_counts = marks.tag_counts
        self.count_marks = marks.count_marks

        self.saved_searches = saved_searches.saved_searches
        self.put_search = saved_searches.put_search
        self.delete_search = saved_searches.delete_search

        self.expired_stories = retention.expired_stories
        self.drop_expired = retention.drop_expired
        self.delete_stories = retention.delete_stories
        self.expired_findings = retention.expired_findings
        self.expired_urls = retention.expired_urls
        self.delete_urls = retention.delete_urls
        self.give_back_space = retention.give_back_space
        self.compact = retention.compact

        self.dump = dump.dump
        self.load = dump.load
