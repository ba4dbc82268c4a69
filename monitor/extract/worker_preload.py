"""Imported by the fork server, so that each worker starts with the libraries and the language model loaded."""

from monitor.extract import (
    language,
    pipeline,  # noqa: F401  for its imports
)

language.language_model()
