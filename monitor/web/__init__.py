"""The page for people: search, stories, alerts, outlets and trends, rendered on the server."""
