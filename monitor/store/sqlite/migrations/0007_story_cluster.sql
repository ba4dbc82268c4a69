-- The stories of a cluster are shown together, in the order of their sort keys, in which the index holds them.

CREATE INDEX story_cluster ON story (cluster);
