-- Outlets are leased by when they are due; their rows are large.
CREATE INDEX outlet_due ON outlet (next_poll_at);
