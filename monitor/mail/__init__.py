"""Mail: notices in the outbox to MIME to SMTP.  Knows nothing of rules or crawling."""
