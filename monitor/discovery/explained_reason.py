"""A reason with its meaning for a person."""

from __future__ import annotations

import enum
from typing import Self


class ExplainedReason(enum.StrEnum):
    """Base of enums whose members are (value, meaning); ``meaning`` tells a person what it means and what to do."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> Self:
        reason = str.__new__(cls, value)
        reason._value_ = value
        reason.meaning = meaning
        return reason
