"""Sends notifications from the outbox through their channels to their targets.

`dispatcher` claims due notifications, groups them into messages, sends these and marks the notifications as sent.
The module `channel` defines the protocol `Channel`, through which the dispatcher sends.
`receipts` keeps the targets that have received a message that others have not.
`delivery_times` computes when a notification is due.
"""
