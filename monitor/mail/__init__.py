"""E-mail: notifications of the outbox to MIME messages to SMTP."""
