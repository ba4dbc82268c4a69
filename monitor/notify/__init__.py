"""Sends notifications from the outbox through their channels to their targets.

`dispatcher` sends due messages and marks their notifications as sent; `report` has its numbers and errors.
`due_messages` claims due notifications (`claims`); `deferral` lets some of them wait (`earlier_events`, `quiet_hours`,
`message_counts`), and `batches` groups the others into messages, whose results `batch_results` collects.
The module `channel` defines the protocol `Channel`, through which the dispatcher sends.
`receipts` keeps the targets that have received a message that others have not.
`delivery_times` computes when a notification is due; `new_notifications` makes those that enter the outbox.
`coverage_notes` says in digests what was read; `empty_digests` has them sent without a match.
"""
