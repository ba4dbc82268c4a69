"""Imports the extraction libraries and loads the language model in the fork server, so that workers inherit them."""

from monitor.extract import (
    language,
    pipeline,  # noqa: F401  for its imports
)

language.language_model()
