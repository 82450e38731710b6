"""Reading what comes from another system: files of JSON lines or of comma-separated values, record by record.

A file may be of any length: no more of it is held than the record at hand, and of a table the row behind it.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from typing import Any, BinaryIO

import marshmallow as ma
from marshmallow import fields

from billing_api.errors import BillingError, Fault, Invalid, Malformed, PayloadTooLarge
from billing_api.web.bodies import Metadata
from billing_api.web.fields import Flag, Integer
from billing_api.web.json import read

LONGEST_RECORD = 2**20
MOST_LINES = 1001
"""So many lines of an invoice are kept, one more than it may have, to be refused for it."""
_BOM = b"\xef\xbb\xbf"
_LINE = "line."

Values = dict[str, Any]
Key = str | int


class UnreadableFile(Exception):
    """The file as a whole cannot be read; the message is one line."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a file says of one object, and the line at which it begins; or why that cannot be read."""

    line: int
    values: Values
    refusal: BillingError | None = None
    content: int = 0
    """A number for what it says: where it differs, so does what is said. Rows that were put together have one each."""


@dataclass(frozen=True, slots=True)
class _Row:
    """The cells of a row, and the line at which it begins; where its quotes do not match, those that are certain."""

    line: int
    cells: list[str]
    refusal: Malformed | None = None


@dataclass(frozen=True, slots=True)
class _Column:
    """Where the cells of a column belong, and how their text is understood."""

    name: str
    path: tuple[Key, ...]
    convert: Callable[[str], Any]
    is_of_line: bool


def json_lines(file: BinaryIO) -> Iterator[Record]:
    """A JSON object in each line; empty lines are passed over."""
    for number in count(1):
        text = file.readline(LONGEST_RECORD + 1)
        if not text:
            return
        if len(text) > LONGEST_RECORD:
            while text and not text.endswith(b"\n"):
                text = file.readline(LONGEST_RECORD)
            yield Record(number, {}, PayloadTooLarge(LONGEST_RECORD))
            continue
        text = text.removeprefix(_BOM if number == 1 else b"").strip()
        if text:
            yield _parsed(number, text)


def table(file: BinaryIO, schema: ma.Schema, document: str | None = None) -> Iterator[Record]:
    """A record for each row below the names of the columns, which are dotted paths of the schema's members. Where there
    are columns of a `line.`, rows that follow each other with the same text in the column `document` are one record.

    Raises:
        UnreadableFile: it is no UTF-8, no table, has a column that is no member, or a quote that is never closed.
    """
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        rows = _rows(text)
        head = next(rows, _Row(0, []))
        if head.refusal is not None:
            raise UnreadableFile(head.refusal.detail)
        names = head.cells
        columns = [_column(schema, name.strip(), document is not None) for name in names]
        if twice := {name for name in names if names.count(name) > 1}:
            raise UnreadableFile(f"column {min(twice)!r} stands twice")
        if any(column.is_of_line for column in columns):
            yield from _grouped(rows, columns, document or "")
        else:
            yield from (_record(row, columns) for row in rows)
    except UnicodeDecodeError:
        raise UnreadableFile("it is not UTF-8") from None
    finally:
        # Of an import that was broken off, the file may be closed before this is.
        if not file.closed:
            text.detach()


def _parsed(number: int, text: bytes) -> Record:
    try:
        value = read(text)
    except Malformed as refusal:
        return Record(number, {}, refusal)
    if not isinstance(value, dict):
        return Record(number, {}, Malformed(faults=[Fault("not-an-object", "An object belongs here.", "")]))
    return Record(number, value, content=hash(text))


def _rows(text: io.TextIOWrapper) -> Iterator[_Row]:
    """Each row that is not empty."""
    head = text.readline()
    delimiter = max(",;\t", key=head.count)
    lines: list[str] = []

    def heard() -> Iterator[str]:
        for line in chain([head], text):
            lines.append(line)
            yield line

    begins = 1
    try:
        for cells in csv.reader(heard(), delimiter=delimiter):
            if any(cells):
                yield _row(begins, cells, lines, delimiter)
            begins += len(lines)
            lines.clear()
    except csv.Error as error:
        raise UnreadableFile(f"line {begins}: {error}; is a quote not closed?") from None


def _row(begins: int, cells: list[str], lines: Sequence[str], delimiter: str) -> _Row:
    """The row, as it is where its quotes are as they should be; the reader itself is lenient, to find where it ends."""
    try:
        if any('"' in line for line in lines):
            next(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error as error:
        if "unexpected end" in str(error):
            raise UnreadableFile(f"line {begins}: a quote is not closed") from None
        place = f"line {begins}" if len(lines) == 1 else f"lines {begins} to {begins + len(lines) - 1}"
        refusal = Malformed(f"The quotes in {place} do not match: inside of a cell in quotes, a quote stands twice.")
        certain = lines[0].partition('"')[0].count(delimiter) if len(lines) == 1 else 0
        return _Row(begins, cells[:certain], refusal)
    return _Row(begins, cells)


def _column(schema: ma.Schema, name: str, has_lines: bool) -> _Column:
    is_of_line = has_lines and name.startswith(_LINE)
    steps = name.split(".")
    try:
        path, field = _place(schema, ["lines", "0", *steps[1:]] if is_of_line else steps)
    except LookupError:
        raise UnreadableFile(f"there is no member for the column {name!r}") from None
    kinds: dict[type, Callable[[str], Any]] = {Integer: _integer, Flag: _flag}
    convert = next((how for kind, how in kinds.items() if isinstance(field, kind)), str)
    return _Column(name, path[2:] if is_of_line else path, convert, is_of_line)


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


def _record(row: _Row, columns: Sequence[_Column]) -> Record:
    refusal = row.refusal or _of_width(row.cells, columns)
    return Record(row.line, _values(row.cells, columns), refusal, hash(tuple(row.cells)))


def _values(cells: Sequence[str], columns: Sequence[_Column], *, of_line: bool = False) -> Values:
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


def _of_width(cells: Sequence[str], columns: Sequence[_Column]) -> Malformed | None:
    if len(cells) <= len(columns):
        return None
    return Malformed(f"The row has {len(cells)} cells, and there are {len(columns)} columns.")


def _grouped(rows: Iterator[_Row], columns: Sequence[_Column], document: str) -> Iterator[Record]:
    """A record for all rows of a document, with a line for each of them. A row that does not tell whose it is may lack
    in the document before it and in the one behind it, so these are refused with it."""
    place = next((index for index, column in enumerate(columns) if column.name == document), None)
    if place is None:
        raise UnreadableFile(f"there is no column {document!r}")
    held: Record | None = None
    doubt: Malformed | None = None
    first: list[str] = []
    for row in rows:
        is_nobodys = row.refusal is not None and place >= len(row.cells)
        key = row.cells[place] if place < len(row.cells) else ""
        if held is not None and (is_nobodys or not key or key != first[place]):
            yield _doubted(held, row) if is_nobodys else held
            held = None
        if is_nobodys:
            yield Record(row.line, {}, row.refusal)
            doubt = _doubt(row)
            continue
        if held is None:
            first = [*row.cells, *[""] * (len(columns) - len(row.cells))]
            values = {**_values(first, columns), "lines": []}
            held = Record(row.line, values, row.refusal or _of_width(row.cells, columns) or doubt, row.line)
            doubt = None
        held = _with(held, row, first, columns)
    if held is not None:
        yield held


def _with(held: Record, row: _Row, first: Sequence[str], columns: Sequence[_Column]) -> Record:
    """The document with the line of one more row."""
    if len(held.values["lines"]) < MOST_LINES and (values := _values(row.cells, columns, of_line=True)):
        held.values["lines"].append(values)
    if held.refusal is not None:
        return held
    refusal = row.refusal or _of_width(row.cells, columns) or _of_difference(row.line, first, row.cells, columns)
    return replace(held, refusal=refusal)


def _doubted(held: Record, row: _Row) -> Record:
    return replace(held, refusal=held.refusal or _doubt(row))


def _doubt(row: _Row) -> Malformed:
    return Malformed(f"The row of line {row.line}, beside it, cannot be read, and may belong to it.")


def _of_difference(line: int, first: Sequence[str], cells: Sequence[str], columns: Sequence[_Column]) -> Invalid | None:
    faults = [
        Fault("row-differs", f"Line {line} says something else than the first row of the number.", f"/{column.name}")
        for column, said, cell in zip(columns, first, cells, strict=False)
        if not column.is_of_line and cell not in {"", said}
    ]
    return Invalid(faults=faults) if faults else None
