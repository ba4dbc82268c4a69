"""Scrapy integration: an add-on and small components around one outlet's poll; read poll.py first."""
