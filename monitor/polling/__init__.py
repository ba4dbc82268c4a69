"""When an outlet is polled: the rate at which it publishes, the price of a request, and the time of the next poll."""
