"""Scrapy spiders: `outlets` polls any outlet; each other module has the spider of one outlet with a special source."""
