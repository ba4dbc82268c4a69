"""A month of `media-monitor run` on a clock that runs ahead while the program waits."""
