"""The reasons for which a listed URL is not fetched."""

from __future__ import annotations

from monitor.discovery.explained_reason import ExplainedReason


class DropReason(ExplainedReason):
    """Why a URL that a source lists is not fetched."""

    FOREIGN = (
        "foreign",
        "the URL is on a site that is not the outlet's, or on a host that another outlet names: name it under `hosts`, "
        "or `hosts: any`",
    )
    TOO_LONG = "too-long", "the URL is longer than 2,000 characters"
    OLD = "old", "the source dates the story before `max_age`"
    EXCLUDED = "excluded", "the outlet's `include` or `exclude` patterns leave the URL out"
    PATTERN_TOO_SLOW = (
        "pattern-too-slow",
        "an `include` or `exclude` pattern takes too long on the URL: write it without repetitions inside repetitions",
    )
    NOT_STORY_LIKE = "not-story-like", "a sitemap or section lists the URL, and it does not look like a story's"
    HOME_PAGE = "home-page", "the URL is the home page of a site"
    FILE = "file", "the URL is a file such as a picture or a PDF document"
    SERVICE_PAGE = "service-page", "the path names a service or a list, and the entry has neither date nor headline"
