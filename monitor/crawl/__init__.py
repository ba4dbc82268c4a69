"""Scrapy glue: one add-on and small components around the poll of one outlet (poll.py: read that first)."""
