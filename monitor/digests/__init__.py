"""The content of a message, whatever its channel: events in the order of their weight, with what matched.

`digest` groups the notifications of a message into the sections of its alerts; `events` weighs them, `entries` has what
a message shows of each, `headline` and `foot` its first and last lines.
"""
