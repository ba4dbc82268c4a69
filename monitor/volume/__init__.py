"""Alerts about the volume of a query's stories: spikes, flatlines, and names never met before.

`watch` looks for findings before each delivery and puts them into the outbox, where `monitor.notify.findings` says how
they are stored.  `habit` has the statistic, `names` and `new_words` read the texts.
"""
