"""Measures what `run` costs while no outlet publishes."""
