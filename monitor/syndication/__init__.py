"""Feeds of stories, as Atom (RFC 4287) and JSON Feed 1.1.

`items` chooses what a feed shows of stories; `atom` and `json_feed` render it to bytes.  Neither reads a store, so that
files and web pages can use them.
"""
