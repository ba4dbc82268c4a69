"""Watches news outlets, indexes their stories and mails the analyst when one matters."""

__version__ = "0.1.0"
