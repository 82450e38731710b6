"""Reading a table: a record for each row, or for the rows of a document, which follow each other."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import BinaryIO

import marshmallow as ma

from billing_api.errors import Fault, Malformed
from billing_api.intake import Record, RowFault, UnreadableFile, at
from billing_api.intake_columns import Column, columns_of, trimmed, values_of
from billing_api.web.parser import MAX_FAULTS

MOST_LINES = 1001
"""So many lines of an invoice are kept, one more than it may have, to be refused for it."""

_SEPARATOR = re.compile(r'"?sep=([,;\t|])"?[,;\t|]*\s*', re.IGNORECASE)
"""What a spreadsheet may write above the names of the columns."""


@dataclass(frozen=True, slots=True)
class _Row:
    """The cells of a row, and the line at which it begins; where its quotes do not match, those that are certain."""

    line: int
    cells: list[str]
    refusal: Malformed | None = None


def table(file: BinaryIO, schema: ma.Schema, document: str | None = None) -> Iterator[Record]:
    """A record for each row below the names of the columns, which are dotted paths of the schema's members. Where there
    are columns of a `line.`, rows that follow each other with the same text in the column `document` are one record.

    Raises:
        UnreadableFile: it is no UTF-8, no table, has a column that is no member, something in one without a name, or a
            quote that is never closed.
    """
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        rows = _rows(text)
        head = next(rows, None)
        if head is None:
            raise UnreadableFile("it has no line with the names of its columns")
        if head.refusal is not None:
            raise UnreadableFile(head.refusal.detail)
        columns = columns_of(schema, head.cells, has_lines=document is not None)
        tidy = (replace(row, cells=trimmed(_named(row, columns, head), columns)) for row in rows)
        if any(column.is_of_line for column in columns):
            yield from _grouped(tidy, columns, document or "")
        else:
            yield from (_record(row, columns) for row in tidy)
    except UnicodeDecodeError:
        raise UnreadableFile(f'{_of_encoding(file)} is not UTF-8: save it as "CSV UTF-8"') from None
    finally:
        # Of an import that was broken off, the file may be closed before this is.
        if not file.closed:
            text.detach()


def _of_encoding(file: BinaryIO) -> str:
    """Which line it is that cannot be read, counted as the table's are."""
    file.seek(0)
    text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
    try:
        return next(
            f"line {number}" for number, line in enumerate(text, 1) if any("\udc80" <= one <= "\udcff" for one in line)
        )
    finally:
        text.detach()


def _rows(text: io.TextIOWrapper) -> Iterator[_Row]:
    """Each row that is not empty."""
    head = text.readline()
    begins, delimiter = 1, max(",;\t", key=head.count)
    if named := _SEPARATOR.fullmatch(head):
        head, begins, delimiter = text.readline(), 2, named[1]
    lines: list[str] = []

    def heard() -> Iterator[str]:
        for line in chain([head], text):
            lines.append(line)
            yield line

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
        told = f"The quotes in {place} do not match: inside of a cell in quotes, a quote stands twice."
        refusal = _unreadable(begins, told)
        certain = lines[0].partition('"')[0].count(delimiter) if len(lines) == 1 else 0
        return _Row(begins, cells[:certain], refusal)
    return _Row(begins, cells)


def _named(row: _Row, columns: Sequence[Column], head: _Row) -> list[str]:
    """The cells of the columns that have a name. Behind these, a separator that ends each row makes empty ones."""
    nameless = row.cells[len(columns) : len(head.cells)]
    if any(cell.strip() for cell in nameless):
        place = len(columns) + next(index for index, cell in enumerate(nameless, 1) if cell.strip())
        raise UnreadableFile(f"line {row.line}: something stands in column {place}, which has no name")
    return [*row.cells[: len(columns)], *row.cells[len(head.cells) :]]


def _record(row: _Row, columns: Sequence[Column]) -> Record:
    refusal = row.refusal or _of_width(row, columns)
    return Record(row.line, values_of(row.cells, columns), refusal, hash(tuple(row.cells)))


def _of_width(row: _Row, columns: Sequence[Column]) -> Malformed | None:
    if len(row.cells) <= len(columns):
        return None
    return _unreadable(row.line, f"The row has {len(row.cells)} cells, and there are {len(columns)} columns.")


def _grouped(rows: Iterator[_Row], columns: Sequence[Column], document: str) -> Iterator[Record]:
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
            values = {**values_of(first, columns), "lines": []}
            held = Record(row.line, values, row.refusal or _of_width(row, columns) or doubt, row.line)
            doubt = None
        held = _with(held, row, first, columns)
    if held is not None:
        yield held


def _with(held: Record, row: _Row, first: Sequence[str], columns: Sequence[Column]) -> Record:
    """The document with the line of one more row."""
    values = values_of(row.cells, columns, of_line=True)
    if values and len(held.rows) < MOST_LINES:
        held.values["lines"].append(values)
        held = replace(held, rows=(*held.rows, row.line))
    if refusal := row.refusal or _of_width(row, columns):
        return replace(held, refusal=held.refusal or refusal)
    if len(held.faults) < MAX_FAULTS and (faults := tuple(_differences(row, first, columns))):
        return replace(held, faults=(*held.faults, *faults))
    return held


def _doubted(held: Record, row: _Row) -> Record:
    return replace(held, refusal=held.refusal or _doubt(row))


def _doubt(row: _Row) -> Malformed:
    return Malformed(f"The row of line {row.line}, beside it, cannot be read, and may belong to it.")


def _unreadable(line: int, detail: str) -> Malformed:
    return Malformed(detail, faults=[at(line, Fault("malformed-request", detail, ""))])


def _differences(row: _Row, first: Sequence[str], columns: Sequence[Column]) -> Iterator[RowFault]:
    for column, said, cell in zip(columns, first, row.cells, strict=False):
        if not column.is_of_line and cell not in {"", said}:
            detail = f"Line {row.line} says something else than the first row of the number."
            yield at(row.line, Fault("row-differs", detail, column.pointer))
