"""The columns of a table: dotted paths of a schema's members, and how the text of their cells is understood."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import marshmallow as ma
from marshmallow import fields

from billing_api.intake import UnreadableFile, Values
from billing_api.web.bodies import Metadata
from billing_api.web.fields import Flag, Integer, Text

_LINE = "line."

Key = str | int


@dataclass(frozen=True, slots=True)
class Column:
    """Where the cells of a column belong, and how their text is understood."""

    name: str
    path: tuple[Key, ...]
    convert: Callable[[str], Any]
    is_of_line: bool
    is_free: bool
    """Whether its text is anybody's own: of a key, a number, a date or a word, blanks at the edges are no part."""

    @property
    def pointer(self) -> str:
        """Where its cells stand in the object that they describe."""
        return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in self.path)


def column_of(schema: ma.Schema, name: str, has_lines: bool) -> Column:
    """The column of this name; `line.` speaks of a line where the schema has them.

    Raises:
        UnreadableFile: there is no such member.
    """
    is_of_line = has_lines and name.startswith(_LINE)
    steps = name.split(".")
    try:
        path, field = _place(schema, ["lines", "0", *steps[1:]] if is_of_line else steps)
    except LookupError:
        raise UnreadableFile(f"there is no member for the column {name!r}") from None
    kinds: dict[type, Callable[[str], Any]] = {Integer: _integer, Flag: _flag}
    convert = next((how for kind, how in kinds.items() if isinstance(field, kind)), str)
    is_free = isinstance(field, Metadata) or (type(field) is Text and field.pattern is None)
    return Column(name, path[2:] if is_of_line else path, convert, is_of_line, is_free)


def _place(schema: ma.Schema, steps: Sequence[str]) -> tuple[tuple[Key, ...], Any]:
    """The path that the steps name, and the field at its end. Raises LookupError."""
    path: list[Key] = []
    at: Any = fields.Nested(schema)
    for index, step in enumerate(steps):
        if isinstance(at, Metadata):
            return (*path, ".".join(steps[index:])), at
        if isinstance(at, fields.List):
            key: Key = int(step) if step.isdecimal() and len(step) < 4 else -1
            at = at.inner if key != -1 else None
        else:
            key = step
            at = at.schema.fields[step] if isinstance(at, fields.Nested) else None
        if at is None:
            raise LookupError(step)
        path.append(key)
    if isinstance(at, fields.Nested | fields.List | Metadata):
        raise LookupError(steps[-1])
    return tuple(path), at


def _integer(text: str) -> Any:
    return int(text) if text.isdecimal() and len(text) < 10 else text


def _flag(text: str) -> Any:
    return {"true": True, "false": False}.get(text.lower(), text)


def trimmed(cells: Sequence[str], columns: Sequence[Column]) -> list[str]:
    """The cells of a row, without blanks at the edges where these say nothing."""
    named = [cell if column.is_free else cell.strip() for cell, column in zip(cells, columns, strict=False)]
    return [*named, *cells[len(columns) :]]


def values_of(cells: Sequence[str], columns: Sequence[Column], *, of_line: bool = False) -> Values:
    """The members that the cells of a row say; an empty cell says nothing."""
    tree: dict[Any, Any] = {}
    for column, cell in zip(columns, cells, strict=False):
        if column.is_of_line is of_line and cell.strip():
            node = tree
            for step in column.path[:-1]:
                node = node.setdefault(step, {})
            node[column.path[-1]] = column.convert(cell)
    values: Values = _with_lists(tree)
    return values


def _with_lists(node: Any) -> Any:
    """What was counted becomes a list, in its order."""
    if not isinstance(node, Mapping):
        return node
    if node and all(isinstance(key, int) for key in node):
        return [_with_lists(node[key]) for key in sorted(node)]
    return {key: _with_lists(value) for key, value in node.items()}
