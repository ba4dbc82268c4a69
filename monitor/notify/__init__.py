"""Sends notifications from the outbox through a channel to their recipients.

`dispatcher` claims due notifications, groups them into messages, sends these and marks the notifications as sent.
The module `channel` defines the protocol `Channel`, through which the dispatcher sends.
`delivery_times` computes when a notification is due.
"""
