"""Imported by the workers' server process, so that each worker is born with the libraries and the language model."""

from monitor.extract import (
    language,
    pipeline,  # noqa: F401  for its imports
)

language.identifier()
