"""Web sites of invented outlets and a mail server on this machine, for the demo and the tests.

No other package of the monitor imports this one.
"""
