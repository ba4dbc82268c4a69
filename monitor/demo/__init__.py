"""A newsroom and a mail sink on this machine, to try the monitor on and to test it with.

Nothing else in the monitor knows of this package.
"""
