"""What may be connected to, and how: the address guard, names, certificates; crawling and rendering stand on it."""
