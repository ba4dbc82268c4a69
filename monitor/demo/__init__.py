"""A newsroom and a mail sink on this machine, for the demo and the tests.

No other package of the monitor imports this one.
"""
