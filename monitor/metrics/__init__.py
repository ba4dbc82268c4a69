"""Metrics of a `run` process for Prometheus, and its health for probes."""
