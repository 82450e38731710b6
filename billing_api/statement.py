"""A statement as it is sent to the database."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Statement:
    """A query that was compiled once: its text, and the values that stand in it."""

    text: str
    constants: Mapping[str, Any]
    is_planned_anew: bool = False
    """Whether each connection plans it with each asking, by the values at hand, as is right where these decide."""
