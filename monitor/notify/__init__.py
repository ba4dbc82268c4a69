"""Notifications: from the outbox through a channel to their recipients.

`dispatcher` claims, groups, sends and settles; it knows a channel only as the `Channel` protocol of `channel`.
`delivery_times` computes when a notification is due.
"""
