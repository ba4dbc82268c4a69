"""E-mail: turns notifications of the outbox into MIME messages and sends them through SMTP."""
