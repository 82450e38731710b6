"""The columns of a table: dotted paths of a schema's members, and how the text of their cells is understood."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import marshmallow as ma
from marshmallow import fields

from billing_api.intake import UnreadableFile, Values
from billing_api.web.bodies import Metadata
from billing_api.web.fields import Flag, Integer, OneLine, Prose, Text

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


def columns_of(schema: ma.Schema, names: Sequence[str], *, has_lines: bool) -> list[Column]:
    """The columns of these names, `line.` of a line where the schema has them; behind the last name there is none.

    Raises:
        UnreadableFile: with every name that is of no member, one that is lacking before another, or that stands twice.
    """
    named = [name.strip() for name in names]
    while named and not named[-1]:
        named.pop()
    found = [_column(schema, name, has_lines) for name in named]
    if "" in named:
        raise UnreadableFile(f"column {named.index('') + 1} has no name")
    if strangers := [name for name, column in zip(named, found, strict=True) if column is None]:
        raise UnreadableFile(_of_strangers(strangers, schema, has_lines))
    columns = [column for column in found if column is not None]
    places = [(column.is_of_line, column.path) for column in columns]
    for column, place in zip(columns, places, strict=True):
        if places.count(place) > 1:
            raise UnreadableFile(f"column {column.name!r} stands twice")
    counted = next((column.name for column in columns if column.path[0] == "lines" and not column.is_of_line), None)
    if counted is not None and any(column.is_of_line for column in columns):
        raise UnreadableFile(f"column {counted!r} cannot stand beside those of {_LINE!r}, which say the lines")
    return columns


def _column(schema: ma.Schema, name: str, has_lines: bool) -> Column | None:
    is_of_line = has_lines and name.startswith(_LINE)
    steps = name.split(".")
    try:
        path, field = _place(schema, ["lines", "0", *steps[1:]] if is_of_line else steps)
    except LookupError:
        return None
    kinds: dict[type, Callable[[str], Any]] = {Integer: _integer, Flag: _flag}
    convert = next((how for kind, how in kinds.items() if isinstance(field, kind)), str)
    is_free = isinstance(field, Metadata) or (type(field) in {Text, OneLine, Prose} and field.pattern is None)
    return Column(name, path[2:] if is_of_line else path, convert, is_of_line, is_free)


def _of_strangers(strangers: Sequence[str], schema: ma.Schema, has_lines: bool) -> str:
    known = [name.replace("lines.0.", _LINE) if has_lines else name for name in _names(fields.Nested(schema))]
    each = [repr(name) + (f" (is it {near!r}?)" if (near := _nearest(name, known)) else "") for name in strangers]
    plural = "s" * (len(each) > 1)
    return (
        f"there is no member for the column{plural} {', '.join(each)}; columns are dotted paths of the members that a "
        "POST takes, see --help"
    )


def _names(field: Any, path: str = "") -> Iterator[str]:
    """The name of each column that there can be, of lists the first."""
    below = f"{path}." if path else ""
    if isinstance(field, fields.Nested):
        for name, inner in field.schema.fields.items():
            yield from _names(inner, f"{below}{name}")
    elif isinstance(field, fields.List):
        yield from _names(field.inner, f"{below}0")
    elif not isinstance(field, Metadata):
        yield path


def _nearest(name: str, known: Sequence[str]) -> str | None:
    """The known name that was meant: the one that is like it, or the first that ends with it."""
    text = re.sub(r"[\s-]+", "_", name.casefold())
    like = get_close_matches(re.sub(r"\.\d+", ".0", text), known, 1, 0.75)
    return next(iter([*like, *(one for one in known if one.endswith(f".{text}"))]), None)


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
