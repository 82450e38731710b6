"""What the filters of a list ask of a row: declared in a table for each list, and applied where they are given.

Plain comparisons of columns: under row-level security no other may use an index.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute

Rows = TypeVar("Rows", bound=sa.Select[Any])
Column = InstrumentedAttribute[Any]
Condition = Callable[[Any], sa.ColumnElement[bool]]
"""What the value of a filter asks of a row."""


def filtered(query: Rows, filters: Mapping[str, Any], conditions: Mapping[str, Condition]) -> Rows:
    """The query for those rows alone that meet the conditions of all filters that are given."""
    return query.where(*(condition(filters[name]) for name, condition in conditions.items() if name in filters))


def equal(column: Column) -> Condition:
    return lambda value: column == value


def since(column: Column) -> Condition:
    return lambda value: column >= value


def until(column: Column) -> Condition:
    return lambda value: column <= value


def one_of(column: Column) -> Condition:
    """One word, or several with commas between them."""
    return lambda words: column.in_(words.split(","))


def either(**states: sa.ColumnElement[bool]) -> Condition:
    """The name of a state, or several with commas between them; all together leave nothing out."""

    def condition(words: str) -> sa.ColumnElement[bool]:
        asked = set(words.split(","))
        return sa.true() if asked == states.keys() else sa.or_(*(states[word] for word in sorted(asked)))

    return condition


def flag(column: Column) -> Condition:
    """`true`, `false` or `any`."""
    return lambda word: sa.true() if word == "any" else column.is_(word == "true")
